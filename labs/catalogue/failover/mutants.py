"""What the checks of the lab failover must catch."""

from __future__ import annotations

from labs.catalogue.failover import checks
from labs.lab import Mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import group_of


def no_replica(sandbox: Sandbox) -> None:
    sandbox.set("replicas", "0")


def no_quorum(sandbox: Sandbox) -> None:
    for name in ("sentinel-b", "sentinel-c"):
        sandbox.servers[name].kill("a mutant")


def never_promoted(sandbox: Sandbox) -> None:
    members = group_of(sandbox).members
    for name in members.caches[1:]:
        members.redis(name).run("CONFIG", "SET", "replica-priority", 0)


def never_refuses(sandbox: Sandbox) -> None:
    group_of(sandbox).settings_are_in_force = False


MUTANTS = (
    Mutant("no-replica", "a primary without a replica", checks.promoted, mutate=no_replica),
    Mutant(
        "no-quorum",
        "one sentinel of three is up, and two must agree",
        checks.promoted,
        mutate=no_quorum,
    ),
    Mutant(
        "never-promoted",
        "replicas whose priority is 0: none may be promoted",
        checks.promoted,
        mutate=never_promoted,
    ),
    Mutant(
        "never-refuses",
        "min-replicas-to-write is set on the page and not on the servers",
        checks.refuses,
        mutate=never_refuses,
    ),
)
