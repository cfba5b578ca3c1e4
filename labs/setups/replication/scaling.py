"""A replication group with one replica more or one less, while clients run."""

from __future__ import annotations

from labs.errors import NotNow, ServerNotUp
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import group_of

JOINED_S = 8.0


def add_replica(sandbox: Sandbox) -> str:
    """Start one more replica and wait until it has all data; its name.

    Raises NotNow if there is none left, or if it does not get the data; ServerNotUp if the primary
    is not up.
    """
    group = group_of(sandbox)
    if sandbox.servers[group.primary].state != "up":
        raise ServerNotUp(
            f"{group.primary}, the primary, is not up: there is no server to copy from.",
            hint="Bring it back first.",
        )
    name = next(
        (
            name
            for name in group.members.caches
            if name != group.primary and sandbox.servers[name].state in ("stopped", "down")
        ),
        "",
    )
    if not name:
        raise NotNow(
            "The primary has five replicas, which is the most that this lab has.",
            hint="Remove one first.",
        )
    sandbox.start(name, "a replica was added")
    if not sandbox.wait_until(
        lambda: (status := group.members.status_of(name)) is not None and status.linked,
        deadline_s=JOINED_S,
    ):
        raise NotNow(
            f"{name} did not get all data within {JOINED_S:g} s.",
            hint="If its link is cut, press “Restore” next to it in the tab Break.",
        )
    group.members.poll_all()
    sandbox.caption(
        f"{name} is a replica now.",
        "It has all data. The endpoint leads new connections to it; open ones stay at their "
        "server.",
    )
    return name


def last_replica(sandbox: Sandbox) -> str:
    """The replica that was added last. Raises NotNow if there is none."""
    group = group_of(sandbox)
    names = [
        name
        for name in group.members.caches
        if name != group.primary and sandbox.servers[name].state != "stopped"
    ]
    if not names:
        raise NotNow("There is no replica to remove.")
    return names[-1]


def remove_replica(sandbox: Sandbox, name: str) -> None:
    """Stop a replica; the reader endpoint no longer leads to it."""
    sandbox.stop(name, "this replica was removed")
    group_of(sandbox).members.poll_all()
    sandbox.caption(f"{name} is gone.", "Its clients connect again, to the other servers.")
