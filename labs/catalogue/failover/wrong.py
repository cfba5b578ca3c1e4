"""Groups that are set up wrongly on purpose.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from labs.lab import Mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import group_of


def no_replica(sandbox: Sandbox) -> None:
    """The group has no replica."""
    sandbox.set("replicas", "0")


def no_quorum(sandbox: Sandbox) -> None:
    """Two of three sentinels are down."""
    for name in ("sentinel-b", "sentinel-c"):
        sandbox.servers[name].kill("sabotage")


def replicas_cut_off(sandbox: Sandbox) -> None:
    """No replica can be a primary: its priority is 0."""
    group = group_of(sandbox)
    for name in group.members.caches[1:]:
        group.members.redis(name).run("CONFIG", "SET", "replica-priority", 0)


def never_refuses(sandbox: Sandbox) -> None:
    """min-replicas-to-write is asked for and never put in force."""
    group = group_of(sandbox)
    group.settings_are_in_force = False


WRONG = (
    Mutant("no-replica", "a primary without a replica", "promoted", sabotage=no_replica),
    Mutant(
        "no-quorum", "one sentinel of three is up: nobody can agree", "promoted", sabotage=no_quorum
    ),
    Mutant(
        "never-promoted",
        "replicas whose priority is 0: none may be promoted",
        "promoted",
        sabotage=replicas_cut_off,
    ),
    Mutant(
        "never-refuses",
        "min-replicas-to-write is set on the page and not on the servers",
        "refuses",
        sabotage=never_refuses,
    ),
)
