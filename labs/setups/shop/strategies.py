"""Strategies that several labs over the shop have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from labs.caching import cache_aside, no_cache, write_through
from labs.events import Value
from labs.lab import Strategy

NO_CACHE = Strategy("no-cache", "No cache", no_cache.read, no_cache.write)
CACHE_ASIDE = Strategy("cache-aside", "Cache-aside", cache_aside.read, cache_aside.write)
DELETE_ON_WRITE = replace(CACHE_ASIDE, label="Cache-aside, delete on write")
NOT_INVALIDATED = Strategy(
    "cache-aside-no-invalidation",
    "Cache-aside, without a delete",
    cache_aside.read,
    cache_aside.write_without_invalidation,
)
WRITE_THROUGH = Strategy("write-through", "Write-through", write_through.read, write_through.write)
WRITE_THROUGH_FILL = Strategy(
    "write-through-fill", "Write-through, and a miss fills", cache_aside.read, write_through.write
)


def by_name(*strategies: Strategy) -> dict[str, Strategy]:
    """The strategies of a lab, as `Lab.strategies` holds them."""
    return {strategy.name: strategy for strategy in strategies}


def pick(settings: Mapping[str, Value]) -> str:
    """The strategy that is set; of write-through the one whose misses fill the cache, if the
    setting `missing` says so.
    """
    name = str(settings["strategy"])
    fills = name.startswith("write-through") and settings["missing"] == "fill"
    return f"{name}-fill" if fills else name
