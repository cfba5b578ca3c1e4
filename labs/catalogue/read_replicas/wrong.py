"""Groups that are set up wrongly on purpose.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from labs.lab import Mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import group_of


def one_for_all(sandbox: Sandbox) -> None:
    """The reader endpoint leads everybody to the first replica."""
    group = group_of(sandbox)
    group.endpoints.choose_readers = lambda names: names[:1]
    group.endpoints.readers = []
    group.observer.poll_all()


def reads_at_the_primary(sandbox: Sandbox) -> None:
    """The reader endpoint leads to the primary."""
    group = group_of(sandbox)
    group.endpoints.choose_readers = lambda _names: [group.primary]
    group.endpoints.readers = []
    group.observer.poll_all()


def writable(sandbox: Sandbox) -> None:
    """Replicas take writes."""
    group = group_of(sandbox)
    for name in group.members.caches:
        if sandbox.servers[name].state == "up":
            group.members.redis(name).run("CONFIG", "SET", "replica-read-only", "no")


def never_slow(sandbox: Sandbox) -> None:
    """A link is said to be slow, and is whole."""
    group_of(sandbox).mesh.in_force = False


WRONG = (
    Mutant(
        "one-for-all",
        "the reader endpoint leads everybody to the same replica",
        "spread",
        sabotage=one_for_all,
    ),
    Mutant(
        "reads-at-the-primary",
        "the reader endpoint leads to the primary",
        "spread",
        sabotage=reads_at_the_primary,
    ),
    Mutant(
        "writable",
        "replicas take writes, which nobody else ever sees",
        "read-only",
        sabotage=writable,
    ),
    Mutant(
        "never-slow", "links are slowed on the page and not in fact", "lags", sabotage=never_slow
    ),
)
