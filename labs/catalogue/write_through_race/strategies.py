"""What races: three strategies that are taught, and their cures.

Readers fill the cache in all of them.
"""

from __future__ import annotations

from labs.caching import cache_aside, compare_and_set, delete_first, lease, write_through
from labs.lab import Strategy

WRITE_THROUGH, CACHE_ASIDE, DELETE_FIRST = "write-through", "cache-aside", "delete-first"
TTL_ALONE, COMPARE_AND_DELETE, COMPARE_AND_SET, LEASE = (
    "ttl-alone",
    "compare-and-delete",
    "compare-and-set",
    "lease",
)

STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            WRITE_THROUGH,
            "Write-through: commit, then store",
            cache_aside.read,
            write_through.write,
        ),
        Strategy(
            CACHE_ASIDE, "Cache-aside: commit, then delete", cache_aside.read, cache_aside.write
        ),
        Strategy(DELETE_FIRST, "Delete first, then commit", cache_aside.read, delete_first.write),
        Strategy(
            TTL_ALONE, "Time to live alone: tell nobody", cache_aside.read, cache_aside.write_untold
        ),
        Strategy(
            COMPARE_AND_DELETE,
            "Compare-and-set by readers, delete by writers",
            compare_and_set.read,
            cache_aside.write,
        ),
        Strategy(
            COMPARE_AND_SET,
            "Compare-and-set by readers and writers",
            compare_and_set.read,
            compare_and_set.write,
        ),
        Strategy(LEASE, "Lease: a token for each miss", lease.read, lease.write),
    )
}
