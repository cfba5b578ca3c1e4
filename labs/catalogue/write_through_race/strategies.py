"""What races: three strategies that are taught, and their cures. Readers fill the cache in all of
them.
"""

from __future__ import annotations

from labs.caching import cache_aside, compare_and_set, delete_first, lease, write_through
from labs.lab import Strategy

WRITE_THROUGH, CACHE_ASIDE, DELETE_FIRST = "write-through", "cache-aside", "delete-first"
TTL_ALONE, COMPARE_AND_DELETE = "ttl-alone", "compare-and-delete"
COMPARE_AND_SET, LEASE = "compare-and-set", "lease"

_ALL = (
    (WRITE_THROUGH, "Write-through: commit, then store", cache_aside.read, write_through.write),
    (CACHE_ASIDE, "Cache-aside: commit, then delete", cache_aside.read, cache_aside.write),
    (DELETE_FIRST, "Delete first, then commit", cache_aside.read, delete_first.write),
    (
        TTL_ALONE,
        "Time to live alone, no invalidation",
        cache_aside.read,
        cache_aside.write_without_invalidation,
    ),
    (
        COMPARE_AND_DELETE,
        "Compare-and-set by readers, delete by writers",
        compare_and_set.read,
        cache_aside.write,
    ),
    (
        COMPARE_AND_SET,
        "Compare-and-set by readers and writers",
        compare_and_set.read,
        compare_and_set.write,
    ),
    (LEASE, "Lease: a token for each miss", lease.read, lease.write),
)
STRATEGIES = {row[0]: Strategy(*row) for row in _ALL}
