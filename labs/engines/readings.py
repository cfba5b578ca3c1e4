"""From counters to readings: pure. The names are those of labs.measure.metrics."""

from __future__ import annotations

from collections.abc import Mapping

Counters = Mapping[str, float]


def of_cache(before: Counters, after: Counters, seconds: float) -> dict[str, float]:
    """Readings of a cache between two moments.

    Without a lookup there is no hit rate: it is absent, not zero.
    """
    grown = _Growth(before, after, seconds)
    values = {
        "cache_hits_per_s": grown.per_s("hits"),
        "cache_misses_per_s": grown.per_s("misses"),
        "cache_ops_per_s": grown.per_s("operations"),
        "evictions_per_s": grown.per_s("evicted"),
        "expired_per_s": grown.per_s("expired"),
        "items": after["items"],
        "cache_bytes": after["bytes"],
        "cache_connections": after["connections"],
    }
    lookups = grown.of("hits") + grown.of("misses")
    if lookups > 0:
        values["hit_rate_percent"] = 100 * grown.of("hits") / lookups
    return values


def of_database(before: Counters, after: Counters, seconds: float) -> dict[str, float]:
    """Readings of the database between two moments."""
    return {"database_queries_per_s": _Growth(before, after, seconds).per_s("queries")}


class _Growth:
    """How counters grew. Another `run` is another process, whose counters began at zero."""

    def __init__(self, before: Counters, after: Counters, seconds: float) -> None:
        self._before = before if before.get("run") == after.get("run") else {}
        self._after = after
        self._seconds = max(seconds, 0.001)

    def of(self, counter: str) -> float:
        return max(0.0, self._after[counter] - self._before.get(counter, 0.0))

    def per_s(self, counter: str) -> float:
        return self.of(counter) / self._seconds
