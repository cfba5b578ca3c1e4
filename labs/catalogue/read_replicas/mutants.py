"""What the checks of the lab read-replicas must catch."""

from __future__ import annotations

from collections.abc import Callable

from labs.catalogue.read_replicas import checks
from labs.lab import mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import group_of


def _lead_readers(sandbox: Sandbox, choose: Callable[[list[str]], list[str]]) -> None:
    group = group_of(sandbox)
    group.endpoints.choose_readers = choose
    group.endpoints.readers = []
    group.members.poll_all()


@mutant(checks.spread)
def one_for_all(sandbox: Sandbox) -> None:
    """The reader endpoint leads every client to the same replica."""
    _lead_readers(sandbox, lambda replicas: replicas[:1])


@mutant(checks.spread)
def reads_at_the_primary(sandbox: Sandbox) -> None:
    """The reader endpoint leads to the primary."""
    _lead_readers(sandbox, lambda _replicas: [group_of(sandbox).primary])


@mutant(checks.read_only)
def writable(sandbox: Sandbox) -> None:
    """Replicas take writes, which no other server ever sees."""
    members = group_of(sandbox).members
    for name in members.caches:
        if sandbox.servers[name].state == "up":
            members.redis(name).run("CONFIG", "SET", "replica-read-only", "no")


@mutant(checks.lags)
def never_slow(sandbox: Sandbox) -> None:
    """Links are slowed on the page and not in fact."""
    group_of(sandbox).mesh.in_force = False


MUTANTS = (one_for_all, reads_at_the_primary, writable, never_slow)
