"""Strategies that are wrong on purpose.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from collections.abc import Callable

from labs.caching import cache_aside
from labs.definition import Strategy, WrongSolution
from labs.setups.shop import mutants


def _with(
    read: Callable[..., object], write: Callable[..., object] = cache_aside.write
) -> dict[str, Strategy]:
    return {
        "cache-aside": Strategy("cache-aside", "Cache-aside", read, write),
        "cache-aside-untold": Strategy(
            "cache-aside-untold", "Cache-aside, cache not told", read, cache_aside.write_untold
        ),
    }


WRONG = (
    WrongSolution(
        "never-stores",
        "asks the cache and never stores what it fetched",
        "second-read-hits",
        _with(mutants.read_never_stores),
    ),
    WrongSolution(
        "asks-both",
        "reads the cache but answers from the database",
        "second-read-hits",
        _with(mutants.read_asks_both),
    ),
    WrongSolution(
        "counts-its-own-hits",
        "answers from its own memory and calls that a hit",
        "second-read-hits",
        _with(mutants.read_counts_its_own_hits),
    ),
    WrongSolution(
        "ignores-ttl",
        "stores for an hour whatever the time to live is set to",
        "stale-until-ttl",
        _with(mutants.read_stores_for_an_hour),
    ),
    WrongSolution(
        "never-invalidates",
        "says that it deletes on write, and does not",
        "delete-on-write",
        _with(cache_aside.read, cache_aside.write_untold),
    ),
    WrongSolution(
        "falls-with-the-cache",
        "has no answer when the cache is down",
        "dead-cache-answers",
        _with(mutants.read_falls_with_the_cache),
    ),
)
