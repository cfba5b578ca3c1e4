"""The lab backup-restore: a backup is a file with a digest, a restore makes a new cluster, and what
was written since is gone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from labs.catalogue.backup_restore import bystander, reads, shop_data
from labs.catalogue.backup_restore.backups import (
    NEW,
    OLD,
    SHORT,
    Backup,
    Backups,
    Refused,
    Restored,
    backups_here,
    backups_of,
)
from labs.catalogue.backup_restore.checks import (
    CHECKS,
    copy_on_write,
    damaged_refused,
    file_with_digest,
    new_endpoint,
    same_data,
)
from labs.catalogue.backup_restore.wrong import WRONG
from labs.engines.dataset import Dataset
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.errors import LabsError, NotNow, ServerDown
from labs.events import Said, ServerTold, Value
from labs.lab import (
    Action,
    Chart,
    Choice,
    Column,
    Lab,
    Link,
    Node,
    Number,
    Prediction,
    Table,
    Text,
    Topology,
    tolerances,
)
from labs.sandbox.experiment import refuted, temporarily
from labs.sandbox.sandbox import Sandbox

TOLERANCES = tolerances.of(Path(__file__).parent)
MEMORY = {"maxmemory_mb": 96, "maxmemory_policy": "noeviction"}
MOST_WRITERS = 4
PAGE = 42
LOAD_PER_S, MOST_PER_S = 4_000, 10_000
AFTER = 600
"""So many changes are waited for before and after a snapshot, so that both sides have some."""
PATIENCE_S = 8.0
FEW = 5

TOPOLOGY = Topology(
    nodes=(
        Node("app", "Shop app", "app"),
        Node(OLD, OLD, "redis", about="the cluster shop", options=MEMORY),
        Node(NEW, NEW, "redis", about="the cluster shop-restored", waits=True, options=MEMORY),
        Node(bystander.NODE, bystander.NODE, "memcached", about="beside it"),
    ),
    links=(
        Link("shop", "app", OLD),
        Link("shop-restored", "app", NEW),
        Link("memcached", "app", bystander.NODE),
    ),
)
WHICH = Text(
    "backup", "Backup", r"[a-z0-9-]{0,60}", "A name from the list of backups; empty: the newest."
)
HOW = Choice("how", "Damage", (("bit", "one bit"), ("cut", "half is missing")), "bit")


def prepare(sandbox: Sandbox) -> None:
    """Show the endpoints, and that the clusters are empty."""
    sandbox.tabulate(
        "endpoints",
        [
            {"endpoint": endpoint, "node": node, "address": str(sandbox.address_for_app(node))}
            for endpoint, node in reads.ENDPOINTS.items()
        ],
    )
    sandbox.emit(ServerTold(server=OLD, lines=["empty"]))
    sandbox.emit(ServerTold(server=NEW, lines=[]))


def fill(sandbox: Sandbox) -> str:
    """Put the shop's data into the cluster, and its pages into Memcached too."""
    found = backups_here(sandbox)
    _no_load(sandbox)
    keys = int(float(sandbox.settings["keys"]))
    engine = found.up(OLD)
    found.forget_writers()
    found.products = shop_data.products_of(keys)
    shop_data.put(engine, keys)
    if sandbox.servers[bystander.NODE].state == "up":
        bystander.fill(sandbox)
    held = engine.count()
    sandbox.emit(ServerTold(server=OLD, lines=[f"{held:,} keys"]))
    says = f"The cluster shop holds {held:,} keys: products, pages, carts, rankings, sessions."
    sandbox.emit(Said(text=f"{says} Memcached has the pages as well.", strong=says))
    return says


def take(sandbox: Sandbox) -> str:
    """Take a backup of the cluster."""
    backup = backups_here(sandbox).take()
    sandbox.emit(
        ServerTold(
            server=OLD,
            lines=[
                f"{backup.keys:,} keys",
                *([f"digest {backup.digest[:SHORT]}"] if backup.digest else []),
            ],
        )
    )
    _show_comparison(sandbox, backup)
    says = (
        f"{backup.name}: {backup.keys:,} keys in {backup.size / 1024:,.0f} KB after "
        f"{backup.ended - backup.began:.2f} s."
    )
    cost = (
        f"The fork took {backup.fork_ms:.1f} ms, and {backup.cow / 1024:,.0f} KB were copied "
        f"meanwhile, {backup.cow_percent:.0f} % of the memory."
    )
    sandbox.emit(Said(text=f"{says} {cost}", strong=says))
    return f"{says} {cost}"


def copy(sandbox: Sandbox, backup: str) -> str:
    """Copy a backup."""
    made = backups_here(sandbox).copy(backup)
    return f"{made.name} has the bytes of {made.copy_of}."


def damage(sandbox: Sandbox, backup: str, how: str) -> str:
    """Damage a copy of a backup; the backup itself stays as it is."""
    made = backups_here(sandbox).damage(backup, how)
    return (
        f"{made.name} is a copy of {made.copy_of} "
        f"{'in which one bit is turned' if how == 'bit' else 'without its second half'}. The "
        "list has the digest of the original."
    )


def delete(sandbox: Sandbox, backup: str) -> str:
    """Delete a backup."""
    gone = backups_here(sandbox).delete(backup)
    return f"{gone.name} is deleted, and its file with it."


def accident(sandbox: Sandbox) -> str:
    """FLUSHALL, sent to the cluster that was meant to be another one."""
    engine = backups_here(sandbox).up(OLD)
    keys = engine.count()
    engine.flush()
    sandbox.emit(ServerTold(server=OLD, lines=["empty"]))
    says = f"FLUSHALL: {keys:,} keys are gone."
    sandbox.emit(
        Said(text=f"{says} The server is well and answers everybody: with nothing.", strong=says)
    )
    return says


def restore(sandbox: Sandbox, backup: str) -> str:
    """Start a new cluster from a backup."""
    found = backups_here(sandbox).restore(backup)
    if isinstance(found, Refused):
        says = f"No cluster starts from {found.backup.name}."
        sandbox.emit(
            Said(text=f"{says} The server’s log: {' · '.join(found.words)}"[:600], strong=says)
        )
        return f"{says} The server says: {found.words[0] if found.words else 'nothing'}"
    sandbox.emit(ServerTold(server=NEW, lines=_lines(found.new)))
    _show_restored(sandbox, found)
    says = (
        f"shop-restored is there at {found.new_address}, with {found.new.keys:,} keys after "
        f"{found.ready_s:.2f} s."
    )
    lost = (
        f"{found.loss.gone:,} acknowledged changes came after the snapshot and are gone."
        if found.loss.gone
        else "Nobody had written since the snapshot."
    )
    sandbox.emit(Said(text=f"{says} {lost}", strong=says))
    return f"{says} {lost}"


def delete_restored(sandbox: Sandbox) -> str:
    """Delete the restored cluster."""
    backups_here(sandbox)
    if sandbox.servers[NEW].state == "stopped":
        raise NotNow("There is no cluster shop-restored.")
    if sandbox.servers[NEW].state == "paused":
        sandbox.servers[NEW].resume("it is deleted")
    sandbox.stop(NEW, "you deleted the cluster")
    sandbox.emit(ServerTold(server=NEW, lines=[]))
    return "shop-restored is deleted. Its backup is not."


def ask_memcached(sandbox: Sandbox) -> str:
    """Ask Memcached for a backup, then restart it."""
    asked = bystander.ask(sandbox)
    sandbox.tabulate(
        "answers", [{"command": command, "answer": answer} for command, answer in asked.answers]
    )
    says = (
        "Memcached answers "
        f"{', '.join(dict.fromkeys(answer for _, answer in asked.answers))}; restarted, it "
        f"holds {asked.items_after:,} of {asked.items_before:,} items."
    )
    sandbox.emit(Said(text=f"{says} There is no file that could be restored.", strong=says))
    return says


def readings(sandbox: Sandbox, read: Mapping[str, float]) -> dict[str, float]:
    """What each of the three holds, what the snapshot does, and where the changes go."""
    values: dict[str, float] = {}
    if "writes_per_s" in read:
        asked = reads.node_asked(sandbox)
        values |= {
            f"write_to_{asked}": read["writes_per_s"],
            f"error_to_{asked}": read["errors_per_s"],
        }
    for name, held in ((OLD, "shop_items"), (NEW, "restored_items")):
        engine = sandbox.servers[name].engine
        if sandbox.servers[name].state == "up" and isinstance(engine, Redis):
            with contextlib.suppress(ServerDown):
                values[held] = float(engine.count())
                if name == OLD:
                    info = engine.info("memory", "persistence")
                    values |= {
                        "cache_bytes": float(info["used_memory"]),
                        "save_in_progress": float(info["rdb_bgsave_in_progress"]),
                        "cow_bytes": float(info["rdb_last_cow_size"]),
                    }
    found = backups_of(sandbox)
    taken = (
        [backup for backup in list(found.kept.values()) if backup.cow and not backup.copy_of]
        if found
        else []
    )
    if taken:
        values["cow_percent"] = taken[-1].cow_percent
    engine = sandbox.servers[bystander.NODE].engine
    if sandbox.servers[bystander.NODE].state == "up" and isinstance(engine, Memcached):
        with contextlib.suppress(ServerDown):
            values["memcached_items"] = engine.stats()["curr_items"]
    return values


def measure_lost(sandbox: Sandbox) -> float:
    """Two writers, 1,000 changes a second; a backup; a second later everything is deleted.

    Acknowledged changes that the restored cluster lacks.
    """
    with _experiment(sandbox, clients=2, rate_per_s=1_000):
        _write_until(sandbox, 300)
        backup = backups_here(sandbox).take()
        time.sleep(max(0.0, backup.ended + 1.0 - time.monotonic()))
        sandbox.stop_load()
        accident(sandbox)
        found = _restored(sandbox, backup)
        return float(found.loss.gone)


def measure_copied(sandbox: Sandbox) -> float:
    """The memory that is copied for a snapshot while two writers change all that they can, as a
    share of what the server uses; the median of five.
    """
    with _experiment(sandbox, clients=2, rate_per_s=MOST_PER_S, keys=20_000):
        _write_until(sandbox, AFTER)
        return round(median(backups_here(sandbox).take().cow_percent for _ in range(FEW)), 1)


def measure_address(sandbox: Sandbox) -> str:
    """Where the restored data answers."""
    with _experiment(sandbox):
        found = _restored(sandbox, backups_here(sandbox).take())
        return "same" if found.new_address == found.old_address else "new"


def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    fill(sandbox)
    reads.read(sandbox, PAGE)
    quiet = _taken(sandbox)
    note |= {
        "keys": quiet.keys,
        "file_kb": round(quiet.size / 1024, 1),
        "snapshot_s": round(quiet.ended - quiet.began, 3),
        "fork_ms": quiet.fork_ms,
        "cow_kb_quiet": round(quiet.cow / 1024),
    }
    if refuted(sandbox, file_with_digest):
        return

    # Under a load: the file is of one moment, and the writers go on.
    with temporarily(sandbox, clients=2, rate_per_s=LOAD_PER_S):
        sandbox.start_load()
        try:
            _write_until(sandbox, AFTER)
            loaded = _taken(sandbox)
            if sandbox.load.running:
                _write_until(sandbox, _acknowledged(sandbox) + AFTER)
        finally:
            sandbox.stop_load()
    note |= {
        "cow_kb_under_load": round(loaded.cow / 1024),
        "cow_percent_quiet": round(quiet.cow_percent, 1),
        "cow_percent_under_load": round(loaded.cow_percent, 1),
        "snapshot_under_load_s": round(loaded.ended - loaded.began, 3),
        "writes_during_snapshot": loaded.written,
        "used_memory_mb": round(loaded.memory / 2**20, 2),
    }
    if refuted(sandbox, copy_on_write):
        return

    accident(sandbox)
    reads.read(sandbox, PAGE)
    restore(sandbox, quiet.name)
    sandbox.set("endpoint", "shop-restored")
    reads.read(sandbox, PAGE)
    if refuted(sandbox, same_data, new_endpoint):
        return
    delete_restored(sandbox)
    restore(sandbox, backups_here(sandbox).damage(quiet.name, "bit").name)
    if refuted(sandbox, damaged_refused):
        return
    restore(sandbox, loaded.name)
    found = next(
        seen for seen in reversed(sandbox.ledger.observations) if isinstance(seen, Restored)
    )
    note |= {
        "acknowledged": found.loss.kept + found.loss.gone,
        "gone": found.loss.gone,
        "restored_keys": found.new.keys,
        "restore_s": round(found.ready_s, 3),
    }
    reads.read(sandbox, PAGE)
    ask_memcached(sandbox)
    asked = next(
        seen for seen in reversed(sandbox.ledger.observations) if isinstance(seen, bystander.Asked)
    )
    note |= {
        "memcached_items": asked.items_before,
        "memcached_items_after_restart": asked.items_after,
    }


def _taken(sandbox: Sandbox) -> Backup:
    """A backup, taken as on the page; the record of it."""
    take(sandbox)
    return next(seen for seen in reversed(sandbox.ledger.observations) if isinstance(seen, Backup))


def _restored(sandbox: Sandbox, backup: Backup) -> Restored:
    found = backups_here(sandbox).restore(backup.name)
    if isinstance(found, Refused):
        raise LabsError(
            f"No cluster starts from {backup.name}.",
            hint="Look into the server’s log.",
            detail="; ".join(found.words),
        )
    return found


def _acknowledged(sandbox: Sandbox) -> int:
    return sum(tally.kinds["write"] for tally in sandbox.load.totals.values())


def _write_until(sandbox: Sandbox, changes: int) -> None:
    """The load has run until so many changes were acknowledged."""
    if not sandbox.load.running:
        sandbox.load.clear()
        sandbox.start_load()
    sandbox.wait_until(lambda: _acknowledged(sandbox) >= changes, deadline_s=PATIENCE_S)


def _no_load(sandbox: Sandbox) -> None:
    if sandbox.load.running:
        raise NotNow("The load is running.", hint="Stop the load first.")


@contextlib.contextmanager
def _experiment(sandbox: Sandbox, **wanted: Value) -> Iterator[None]:
    """A full cluster for an experiment; what it makes goes with it.

    NotNow if it would be in the way of somebody.
    """
    found = backups_here(sandbox)
    _no_load(sandbox)
    if sandbox.servers[NEW].state in ("up", "paused"):
        raise NotNow("The cluster shop-restored is there already.", hint="Delete it, then measure.")
    found.up(OLD)
    if broken := [name for name, state in sandbox.link_states.items() if state != "open"]:
        raise NotNow(
            f"The link {broken[0]} is {sandbox.link_states[broken[0]]}.",
            hint="Restore it, then measure.",
        )
    before = set(found.kept)
    with temporarily(sandbox, **{"endpoint": "shop", **wanted}):
        found.experiment = True
        try:
            fill(sandbox)
            sandbox.load.clear()
            yield
        finally:
            found.experiment = False
            sandbox.stop_load()
            for name in set(found.kept) - before:
                found.delete(name)
            sandbox.stop(NEW, "the experiment is over")


def _lines(held: Dataset) -> list[str]:
    return [f"{held.keys:,} keys", f"digest {held.digest[:SHORT]}" if held.keys else "empty"]


def _show_comparison(sandbox: Sandbox, backup: Backup, restored: Restored | None = None) -> None:
    """Tell what was backed up, and beside it what the clusters hold since."""
    unknown = "not taken: it was written to"
    rows: list[dict[str, Value]] = [
        {
            "what": f"in {backup.name}",
            "address": "a file",
            "keys": backup.keys,
            "digest": backup.digest[:SHORT] or unknown,
            "kept": "",
            "gone": "",
        }
    ]
    if restored is not None:
        rows.append(
            {
                "what": "shop",
                "address": restored.old_address,
                "keys": restored.old.keys,
                "digest": restored.old.digest[:SHORT] if restored.old.keys else "empty",
                "kept": "",
                "gone": "",
            }
        )
        rows.append(
            {
                "what": "shop-restored",
                "address": restored.new_address,
                "keys": restored.new.keys,
                "digest": restored.new.digest[:SHORT],
                "kept": restored.loss.kept,
                "gone": restored.loss.gone,
            }
        )
    sandbox.tabulate("comparison", rows)


def _show_restored(sandbox: Sandbox, found: Restored) -> None:
    """Tell what a restore came to: the clusters, and the writers' changes on both sides of the
    snapshot's moment.
    """
    _show_comparison(sandbox, found.backup, found)
    sandbox.tabulate(
        "changes", [{"at_s": at, "kept": kept, "gone": gone} for at, kept, gone in found.loss.bars]
    )
    marks = (
        (("fork", found.backup.began), ("written", found.backup.ended)) if found.loss.bars else ()
    )
    sandbox.tabulate(
        "marks",
        [
            {"mark": mark, "at_s": round(at - found.loss.first, 4), "backup": found.backup.name}
            for mark, at in marks
        ],
    )


lab = Lab(
    id="backup-restore",
    title="Backup and restore",
    question="Everything is deleted. What comes back, and where?",
    about="Take backups of a cluster, quiet and under a load of writes. Lose its data. Start "
    "another cluster from a file, and count what is missing.",
    minutes=20,
    topology=TOPOLOGY,
    controls=(
        Number(
            "keys",
            "Keys in the shop",
            2_000,
            60_000,
            1_000,
            20_000,
            scale="log",
            gear="step",
            help="For the next time that you fill it. More data: a longer fork, a longer snapshot.",
        ),
        Choice(
            "endpoint",
            "The application asks",
            (("shop", "shop"), ("shop-restored", "shop-restored")),
            "shop",
            help="Here: two addresses on your sandbox’s loopback. On AWS: a restored cluster "
            "has endpoints of its own, and the application’s settings have to name them.",
        ),
        Number(
            "clients",
            "Writers",
            1,
            MOST_WRITERS,
            1,
            2,
            gear="load",
            help="Each changes prices, counts its changes, and notes which were acknowledged.",
        ),
        Number(
            "rate_per_s",
            "Changes wanted",
            50,
            MOST_PER_S,
            50,
            1_000,
            unit="/s",
            scale="log",
            gear="load",
            help="An open loop: changes are due on a schedule, whether or not the last one is "
            "done.",
        ),
    ),
    gears=("step", "load", "break"),
    parts=(Backups,),
    on_readings=readings,
    actions=(
        Action("fill", "Fill the cluster", "step", fill, primary=True, deadline_s=20.0),
        Action(
            "read", "Ask for a page", "step", reads.read, (Number("page", "Page", 1, 100, 1, PAGE),)
        ),
        Action(
            "ask-memcached",
            "Ask Memcached for a backup, restart it",
            "step",
            ask_memcached,
            here="a Memcached on a node. It knows a warm restart from a memory file, which is "
            "no backup.",
            aws="on the exam Memcached has no backups. Today nodes still have none, and "
            "Serverless Memcached has had them since mid-2024.",
        ),
        Action(
            "take",
            "Take a backup",
            "view",
            take,
            primary=True,
            deadline_s=30.0,
            here="Redis forks, and its child writes the file. The file is kept on this machine.",
            aws="CreateSnapshot; files lie in S3. Since 2.8.22 a node that lacks the memory for "
            "a fork saves without one. Take it from a replica; 20 a node in 24 hours. "
            "Automatic backups are off until a retention of 1 to 35 days is set.",
        ),
        Action(
            "restore",
            "Restore",
            "view",
            restore,
            (WHICH,),
            deadline_s=30.0,
            here="a server that is started on the file.",
            aws="always a new cluster with new endpoints, minutes later; you may choose another "
            "node type or, with cluster mode, another number of shards.",
        ),
        Action("copy", "Copy", "view", copy, (WHICH,)),
        Action("damage", "Damage a copy", "view", damage, (WHICH, HOW), fault=True),
        Action("delete", "Delete", "view", delete, (WHICH,)),
        Action("delete-restored", "Delete shop-restored", "view", delete_restored),
        Action("accident", "FLUSHALL", "break", accident, fault=True, deadline_s=20.0),
    ),
    checks=CHECKS,
    charts=(
        Chart("Keys", ("shop_items", "restored_items", "memcached_items")),
        Chart("Memory of shop, and what its last snapshot copied", ("cache_bytes", "cow_bytes")),
        Chart("A snapshot is being written", ("save_in_progress",)),
        Chart("Changes and errors", ("writes_per_s", "errors_per_s")),
        Chart("A change takes", ("write_p50_ms", "write_p99_ms"), "log"),
    ),
    tiles=(
        "shop_items",
        "restored_items",
        "memcached_items",
        "cow_percent",
        "writes_per_s",
        "write_p99_ms",
    ),
    tables=(
        Table(
            "backups",
            "Backups of shop",
            (
                Column("backup", "Backup"),
                Column(
                    "status",
                    "Status",
                    help="As on ElastiCache: creating, available, restoring, copying, deleting",
                ),
                Column("taken", "Taken", "UTC"),
                Column("under_load", "The cluster was"),
                Column("keys", "Keys"),
                Column("size_kb", "File", "KB", 1),
                Column("sha256", "SHA-256 of the file", help="The first twelve of 64 characters"),
                Column(
                    "digest",
                    "Digest of the data",
                    help="Over every key, its type, value and end; not taken where somebody "
                    "wrote meanwhile",
                ),
                Column("seconds", "Took", "s", 2),
                Column("fork_ms", "Fork", "ms", 1),
                Column("written", "Changes meanwhile"),
                Column(
                    "cow_kb",
                    "Copied",
                    "KB",
                    sense="write",
                    help="rdb_last_cow_size: pages that were changed while the child still "
                    "needed them",
                ),
                Column("cow_percent", "Copied, of used memory", "%", 1, "write"),
                Column("engine", "Engine"),
            ),
            "No backup has been taken. On AWS it would be the same: automatic backups are off "
            "by default.",
        ),
        Table(
            "comparison",
            "What was backed up, what was lost, what came back",
            (
                Column("what", "Where"),
                Column("address", "At"),
                Column("keys", "Keys"),
                Column("digest", "Digest of the data"),
                Column("kept", "Changes that it has", sense="write"),
                Column(
                    "gone",
                    "Changes that are gone",
                    sense="stale",
                    help="Acknowledged to a writer, and not in the restored cluster",
                ),
            ),
            "Take a backup, lose the data, restore.",
        ),
        Table(
            "changes",
            "Changes before and after the snapshot",
            (Column("at_s", "From", "s", 3), Column("kept", "Kept"), Column("gone", "Gone")),
            shown=False,
        ),
        Table(
            "marks",
            "When the snapshot was begun and done",
            (Column("mark", "What"), Column("at_s", "At", "s", 3), Column("backup", "Backup")),
            shown=False,
        ),
        Table(
            "endpoints",
            "Where the clusters answer",
            (Column("endpoint", "Endpoint"), Column("node", "Node"), Column("address", "Address")),
            shown=False,
        ),
        Table(
            "answers",
            "What Memcached answered",
            (Column("command", "Asked for"), Column("answer", "It answered")),
            "Ask it for a backup.",
        ),
    ),
    predictions=(
        Prediction(
            "lost",
            "Writers change 1,000 prices a second. A backup is taken; one second after its file "
            "is there, everything is deleted. How many acknowledged changes does the restored "
            "cluster lack?",
            measure_lost,
            unit="changes",
            unit_of_one="change",
            tolerance=TOLERANCES.get("lost", 0.0),
            slack=150.0,
            why="All since the fork, which is when the backup is begun, not when it is done. "
            "The server confirmed each of them.",
        ),
        Prediction(
            "copied",
            "20,000 keys, and two writers change prices here and there, as fast as they can. "
            "While a snapshot is written, how much more memory is taken, as a share of what the "
            "server uses?",
            measure_copied,
            unit="%",
            tolerance=TOLERANCES.get("copied", 0.0),
            slack=10.0,
            decimals=0,
            why="A page of memory is copied when the first change reaches it. Scattered changes "
            "reach nearly every page that holds products: plan for it, as "
            "reserved-memory-percent does.",
        ),
        Prediction(
            "address",
            "The data of a cluster is lost, and a backup is restored. Where does it answer?",
            measure_address,
            options=(
                ("same", "At the endpoint that the application knows"),
                ("new", "At a new endpoint"),
            ),
            why="A restore makes a new cluster. The old one is still there, and still empty.",
        ),
    ),
    mutants=WRONG,
    on_prepare=prepare,
    run_reference=reference,
)
