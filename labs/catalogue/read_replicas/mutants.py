"""What the checks of the lab read-replicas must catch."""

from __future__ import annotations

from collections.abc import Callable

from labs.catalogue.read_replicas import checks
from labs.lab import Mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import group_of


def _lead_readers(sandbox: Sandbox, choose: Callable[[list[str]], list[str]]) -> None:
    group = group_of(sandbox)
    group.endpoints.choose_readers = choose
    group.endpoints.readers = []
    group.observer.poll_all()


def one_for_all(sandbox: Sandbox) -> None:
    _lead_readers(sandbox, lambda replicas: replicas[:1])


def at_the_primary(sandbox: Sandbox) -> None:
    _lead_readers(sandbox, lambda _replicas: [group_of(sandbox).primary])


def writable(sandbox: Sandbox) -> None:
    members = group_of(sandbox).members
    for name in members.caches:
        if sandbox.servers[name].state == "up":
            members.redis(name).run("CONFIG", "SET", "replica-read-only", "no")


def never_slow(sandbox: Sandbox) -> None:
    group_of(sandbox).mesh.in_force = False


MUTANTS = (
    Mutant(
        "one-for-all",
        "the reader endpoint leads every client to the same replica",
        checks.spread,
        mutate=one_for_all,
    ),
    Mutant(
        "reads-at-the-primary",
        "the reader endpoint leads to the primary",
        checks.spread,
        mutate=at_the_primary,
    ),
    Mutant(
        "writable",
        "replicas take writes, which no other server ever sees",
        checks.read_only,
        mutate=writable,
    ),
    Mutant(
        "never-slow", "links are slowed on the page and not in fact", checks.lags, mutate=never_slow
    ),
)
