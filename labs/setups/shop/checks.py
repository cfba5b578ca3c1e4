"""What checks of labs over the shop share: the rows of their trials, and what a trial must have
shown before it can be judged.
"""

from __future__ import annotations

from collections.abc import Iterable

from labs.lab import Evidence, unmet
from labs.sandbox.blocks import ttl_command
from labs.sandbox.ledger import Request
from labs.sandbox.sampler import Reading
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.trials import Row

STALE_READS = 10
"""With fewer stale reads than this a trial says nothing about how stale a read can be."""
HIT_PERCENT = 10.0
"""With a lower hit rate than this a trial says nothing about what a cache serves."""
ROUNDING_MS = 2.0
MEMCACHED_GRAIN_MS = 1_000.0
"""Memcached counts time to live in whole seconds, and may be one off."""


def longest_staleness_ms(row: Row) -> float:
    """The longest that a read can be stale with this row's time to live: that time and the slowest
    miss, because a value is as old as the read that fetched it.
    """
    ttl_ms = float(row["ttl_s"]) * 1_000
    if row.get("engine") == "memcached":
        ttl_ms = max(1.0, float(round(float(row["ttl_s"])))) * 1_000 + MEMCACHED_GRAIN_MS
    return ttl_ms + float(row["slowest_miss_ms"]) + ROUNDING_MS


def lasted_longer_than_its_bound(row: Row, seconds: float) -> bool:
    """True if a trial of `seconds` went on for clearly longer than a read can be stale in it, so
    that older answers could show. On a busy machine a slow miss makes that bound long.
    """
    return longest_staleness_ms(row) < 600 * seconds


def require_bounded_staleness(row: Row, evidence: Evidence, *, to_see: str) -> None:
    """Raise Unmet unless a trial had enough stale reads `to_see` something, and none of them was
    stale for longer than its time to live allows.
    """
    if float(row["stale"]) < STALE_READS:
        raise unmet(
            f"Only {row['stale']:.0f} reads were stale: too few to see {to_see}.",
            evidence,
            hint="Raise “Writes” or “Skew” in the tab Load, then measure again.",
        )
    longest = float(row["staleness_max_ms"])
    if longest > longest_staleness_ms(row):
        ask = ttl_command(str(row.get("engine", "redis")), f"{row.get('read', 'row')}:42")
        raise unmet(
            f"A read was stale by {longest:.0f} ms, although the TTL is "
            f"{float(row['ttl_s']) * 1_000:.0f} ms.",
            evidence,
            hint="Press “Read it” in the tab Step with “Item” 42. Then choose “cache” under "
            f"“Console” and type “{ask}”: the cache answers the seconds that are left.",
        )


def require_hits(row: Row, evidence: Evidence, *, hint: str) -> None:
    """Raise Unmet if a trial read from the cache too rarely to be judged."""
    if float(row["hit_percent"]) < HIT_PERCENT:
        raise unmet(
            f"Only {row['hit_percent']:.1f} % of the reads were hits. An app that never reads the "
            "cache is never stale.",
            evidence,
            hint=hint,
        )


def alone(sandbox: Sandbox, *strategies: str) -> list[Request]:
    """The answered requests of these strategies that were alone on their servers, oldest first."""
    return [
        r for r in sandbox.ledger.requests if r.strategy in strategies and r.alone and r.answered
    ]


def total(readings: Iterable[Reading], metric: str) -> float:
    """What a metric that is counted per second comes to over these readings."""
    return sum(r.values.get(metric, 0.0) * r.seconds for r in readings)
