"""Strategies that are wrong on purpose.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from labs.caching import cache_aside, no_cache, write_through
from labs.lab import Mutant, Strategy
from labs.setups.shop import mutants

WRONG = (
    Mutant(
        "ignores-ttl",
        "stores for an hour whatever the time to live is set to",
        "ttl-bounds",
        {
            "lazy-ttl": Strategy(
                "lazy-ttl",
                "Lazy loading + TTL",
                mutants.read_stores_for_an_hour,
                cache_aside.write_untold,
            )
        },
    ),
    Mutant(
        "remembers",
        "has no cache, and answers from its own memory",
        "no-cache-asks-most",
        {
            "no-cache": Strategy(
                "no-cache", "No cache", mutants.read_counts_its_own_hits, no_cache.write
            )
        },
    ),
    Mutant(
        "never-overwrites",
        "stores an item at its first write and never again",
        "write-through-fresh",
        {
            "write-through": Strategy(
                "write-through",
                "Write-through",
                write_through.read,
                mutants.write_never_overwrites,
                expires=False,
            )
        },
    ),
    Mutant(
        "tells-the-cache",
        "says that nobody tells the cache, and deletes on write",
        "lazy-is-staler",
        {
            "lazy": Strategy(
                "lazy", "Lazy loading", cache_aside.read, cache_aside.write, expires=False
            )
        },
    ),
)
