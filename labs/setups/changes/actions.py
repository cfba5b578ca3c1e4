"""What a learner can do with backups, each with its button: take one, copy, damage and delete it,
delete all data, restore it, and delete the restored cluster.
"""

from __future__ import annotations

from labs.errors import NotNow
from labs.events import ServerFiguresChanged
from labs.lab import Action, Choice, Text
from labs.sandbox.sandbox import Sandbox
from labs.setups.changes.backup import Refused
from labs.setups.changes.backups import backups_of
from labs.setups.changes.bench import NEW, OLD, SHORT
from labs.setups.changes.tables import show_backup, show_restored

WHICH = Text(
    "backup", "Backup", r"[a-z0-9-]{0,60}", "A name from the list of backups; empty: the newest."
)
HOW = Choice("how", "Damage", (("bit", "one bit"), ("cut", "half is missing")), "bit")


def take(sandbox: Sandbox) -> str:
    """Take a backup of the cluster."""
    backup = backups_of(sandbox).take()
    digest = [f"digest {backup.digest[:SHORT]}"] if backup.digest else []
    sandbox.emit(ServerFiguresChanged(server=OLD, lines=[f"{backup.keys:,} keys", *digest]))
    show_backup(sandbox, backup)
    head = (
        f"{backup.name}: {backup.keys:,} keys in {backup.size / 1024:,.0f} KB after "
        f"{backup.ended - backup.began:.2f} s."
    )
    cost = (
        f"The fork took {backup.fork_ms:.1f} ms, and {backup.cow / 1024:,.0f} KB were copied "
        f"meanwhile, {backup.cow_percent:.0f} % of the memory."
    )
    sandbox.caption(head, cost)
    return f"{head} {cost}"


def restore(sandbox: Sandbox, backup: str) -> str:
    """Start a new cluster from a backup."""
    found = backups_of(sandbox).restore(backup)
    if isinstance(found, Refused):
        head = f"No cluster starts from {found.backup.name}."
        log = f"The server’s log: {' · '.join(found.words)}"
        sandbox.caption(head, log[: 599 - len(head)])
        return f"{head} The server says: {found.words[0] if found.words else 'nothing'}"
    digest = f"digest {found.new.digest[:SHORT]}" if found.new.keys else "empty"
    sandbox.emit(ServerFiguresChanged(server=NEW, lines=[f"{found.new.keys:,} keys", digest]))
    show_restored(sandbox, found)
    head = (
        f"shop-restored is there at {found.new_address}, with {found.new.keys:,} keys after "
        f"{found.ready_s:.2f} s."
    )
    lost = (
        f"{found.loss.gone:,} acknowledged changes came after the snapshot and are gone."
        if found.loss.gone
        else "No change was written since the snapshot."
    )
    sandbox.caption(head, lost)
    return f"{head} {lost}"


def copy(sandbox: Sandbox, backup: str) -> str:
    """Copy a backup."""
    made = backups_of(sandbox).copy(backup)
    return f"{made.name} has the bytes of {made.copy_of}."


def damage(sandbox: Sandbox, backup: str, how: str) -> str:
    """Damage a copy of a backup; the backup itself stays as it is."""
    made = backups_of(sandbox).damage(backup, how)
    return (
        f"{made.name} is a copy of {made.copy_of} "
        f"{'in which one bit is changed' if how == 'bit' else 'without its second half'}. The "
        "list has the digest of the original."
    )


def delete(sandbox: Sandbox, backup: str) -> str:
    """Delete a backup."""
    gone = backups_of(sandbox).delete(backup)
    return f"{gone.name} is deleted, and its file with it."


def delete_restored(sandbox: Sandbox) -> str:
    """Delete the restored cluster."""
    backups_of(sandbox)
    if sandbox.servers[NEW].state == "stopped":
        raise NotNow("There is no cluster shop-restored.")
    if sandbox.servers[NEW].state == "paused":
        sandbox.servers[NEW].resume("it is deleted")
    sandbox.stop(NEW, "you deleted the cluster")
    sandbox.emit(ServerFiguresChanged(server=NEW, lines=[]))
    return "shop-restored is deleted. Its backup is not."


def accident(sandbox: Sandbox) -> str:
    """Delete all data of the cluster: a FLUSHALL that was meant for another one."""
    engine = backups_of(sandbox).up(OLD)
    keys = engine.count()
    engine.flush()
    sandbox.emit(ServerFiguresChanged(server=OLD, lines=["empty"]))
    head = f"FLUSHALL: {keys:,} keys are gone."
    sandbox.caption(head, "The server runs and answers, but it has no keys.")
    return head


ACTIONS = (
    Action(
        "take",
        "Take a backup",
        "view",
        take,
        primary=True,
        deadline_s=30.0,
        here="Redis forks, and its child writes the file. The file is kept on this machine.",
        aws="CreateSnapshot writes the file to S3. From Redis OSS 2.8.22 on, a node without enough "
        "memory for a fork saves without one. Take backups from a replica, at most 20 for each "
        "node in 24 hours. Automatic ones are off until you set a retention of 1 to 35 days.",
    ),
    Action(
        "restore",
        "Restore into a new cluster",
        "view",
        restore,
        (WHICH,),
        deadline_s=30.0,
        here="a server that is started on the file.",
        aws="a restore always makes a new cluster with new endpoints. You may choose another node "
        "type or, with cluster mode, another number of shards.",
    ),
    Action("copy", "Copy", "view", copy, (WHICH,)),
    Action("damage", "Damage a copy", "view", damage, (WHICH, HOW), fault=True),
    Action("delete", "Delete the backup", "view", delete, (WHICH,)),
    Action("delete-restored", "Delete shop-restored", "view", delete_restored),
    Action("accident", "FLUSHALL", "break", accident, fault=True, deadline_s=20.0),
)
"""All of them, in the order in which they stand on the page."""
