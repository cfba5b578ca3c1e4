"""What the checks of the lab failover must catch."""

from __future__ import annotations

from labs.catalogue.failover import checks
from labs.lab import mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import group_of


@mutant(checks.promoted)
def no_replica(sandbox: Sandbox) -> None:
    """A primary without a replica."""
    sandbox.set("replicas", "0")


@mutant(checks.promoted)
def no_quorum(sandbox: Sandbox) -> None:
    """One sentinel of three is up, and two must agree."""
    for name in ("sentinel-b", "sentinel-c"):
        sandbox.servers[name].kill("a mutant")


@mutant(checks.promoted)
def never_promoted(sandbox: Sandbox) -> None:
    """Replicas whose priority is 0: none may be promoted."""
    members = group_of(sandbox).members
    for name in members.caches[1:]:
        members.redis(name).run("CONFIG", "SET", "replica-priority", 0)


@mutant(checks.refuses)
def never_refuses(sandbox: Sandbox) -> None:
    """Min-replicas-to-write is set on the page and not on the servers."""
    group_of(sandbox).settings_are_in_force = False


MUTANTS = (no_replica, no_quorum, never_promoted, never_refuses)
