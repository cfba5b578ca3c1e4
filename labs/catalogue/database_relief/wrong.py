"""Strategies that are wrong on purpose.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from collections.abc import Callable

from labs.caching import no_cache
from labs.lab import Mutant, Strategy
from labs.setups.shop import mutants


def _with(read: Callable[..., object]) -> dict[str, Strategy]:
    return {
        "cache-aside": Strategy("cache-aside", "Cache-aside", read),
        "no-cache": Strategy("no-cache", "No cache", no_cache.read),
    }


WRONG = (
    Mutant(
        "never-stores",
        "asks the cache and never stores what it fetched",
        "relief",
        _with(mutants.read_never_stores),
    ),
    Mutant(
        "asks-both",
        "reads the cache but answers from the database",
        "relief",
        _with(mutants.read_asks_both),
    ),
    Mutant(
        "counts-its-own-hits",
        "answers from its own memory and calls that a hit",
        "server-agrees",
        _with(mutants.read_counts_its_own_hits),
    ),
)
