"""Strategies that are wrong on purpose.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from collections.abc import Callable

from labs.caching import cache_aside, write_through
from labs.lab import Mutant, Strategy
from labs.setups.shop import mutants


def _with(
    read: Callable[..., object] = write_through.read,
    write: Callable[..., object] = write_through.write,
) -> dict[str, Strategy]:
    return {
        "write-through": Strategy("write-through", "Write-through", read, write),
        "write-through-fill": Strategy(
            "write-through-fill", "Write-through, and a miss fills", cache_aside.read, write
        ),
    }


WRONG = (
    Mutant(
        "never-overwrites",
        "stores an item at its first write and never again",
        "never-stale",
        _with(write=mutants.write_never_overwrites),
    ),
    Mutant(
        "asks-again",
        "asks the database for what it has just written",
        "two-trips",
        _with(write=mutants.write_asks_again),
    ),
    Mutant(
        "fills-on-a-miss",
        "says that only writes store, and stores at a read",
        "new-node-empty",
        _with(read=cache_aside.read),
    ),
    Mutant(
        "refreshes-only",
        "writes to the cache only what is there already",
        "unread-keys",
        _with(cache_aside.read, mutants.write_refreshes_only),
    ),
)
