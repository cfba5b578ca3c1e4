"""The metrics of labs: what each is called here, what CloudWatch calls it, its formula and the
counter behind it.

Names and formulas of CloudWatch: facts B12 (User Guide, CacheMetrics). Refuses to measure: that is
done where the counters are.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.events import Sense


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that a page may show: `cloudwatch` is empty where ElastiCache publishes no such
    metric.
    """

    name: str
    label: str
    unit: str
    sense: Sense
    formula: str
    source: str
    cloudwatch: str = ""
    decimals: int = 0


METRICS: dict[str, Metric] = {}
"""Every metric by its name, in the order in which they are exported."""


def add(*metrics: Metric) -> None:
    """Make metrics known to pages and exports: a setup or a lab adds its own.

    Raises ValueError for a name that means something else already.
    """
    for metric in metrics:
        if METRICS.setdefault(metric.name, metric) != metric:
            raise ValueError(f"There is a metric {metric.name} already, with another meaning.")


def _counted(name: str, label: str, sense: Sense, formula: str) -> Metric:
    """A rate that the load's clients count."""
    return Metric(name, label, "/s", sense, formula, "counted by the load's clients")


def _percentiles(
    kind: str, label: str, sense: Sense, median: str, p99: str, decimals: int = 2
) -> tuple[Metric, Metric]:
    """Both percentiles of what the load's clients time."""
    rest = "timed by the load's clients", "", decimals
    return (
        Metric(f"{kind}_p50_ms", f"{label}, median", "ms", sense, median, *rest),
        Metric(f"{kind}_p99_ms", f"{label}, p99", "ms", sense, p99, *rest),
    )


add(
    Metric(
        "hit_rate_percent",
        "Hit rate",
        "%",
        "hit",
        "100 × hits / (hits + misses), since the last reading",
        "Redis INFO stats: keyspace_hits, keyspace_misses. Memcached stats: get_hits, get_misses",
        "CacheHitRate",
        1,
    ),
    Metric(
        "cache_hits_per_s",
        "Hits",
        "/s",
        "hit",
        "increase of the counter per second",
        "keyspace_hits (Redis), get_hits (Memcached)",
        "CacheHits",
    ),
    Metric(
        "cache_misses_per_s",
        "Misses",
        "/s",
        "miss",
        "increase of the counter per second",
        "keyspace_misses (Redis), get_misses (Memcached)",
        "CacheMisses",
    ),
    Metric(
        "cache_ops_per_s",
        "Cache operations",
        "/s",
        "none",
        "commands that the cache executed, per second",
        "total_commands_processed (Redis) less our own; cmd_get + cmd_set + cmd_touch (Memcached)",
    ),
    Metric(
        "database_queries_per_s",
        "Database queries",
        "/s",
        "read",
        "statements of the application, per second",
        "pg_stat_statements: sum of calls of the role shop_app",
    ),
    *_percentiles(
        "hit",
        "A hit takes",
        "hit",
        "median of requests that were hits, since the last reading",
        "99th percentile of requests that were hits",
    ),
    *_percentiles(
        "miss",
        "A miss takes",
        "miss",
        "median of requests that were misses",
        "99th percentile of requests that were misses",
    ),
    *_percentiles(
        "write",
        "A write takes",
        "write",
        "median of writes through the application",
        "99th percentile of writes through the application",
    ),
    *_percentiles(
        "staleness",
        "Stale by",
        "stale",
        "of stale reads: when the read began, less when the first newer version was committed",
        "99th percentile of the same",
        decimals=0,
    ),
    *_percentiles(
        "cache",
        "Cache answers",
        "hit",
        "median time of a command to the cache",
        "99th percentile of a command to the cache",
    ),
    *_percentiles(
        "database",
        "Database answers",
        "read",
        "median time of a statement",
        "99th percentile of a statement",
    ),
    Metric(
        "scheduled_per_s",
        "Requests wanted",
        "/s",
        "none",
        "arrivals of the open-loop schedule per second",
        "the workload's shape",
    ),
    _counted("done_per_s", "Requests done", "none", "requests finished per second"),
    _counted(
        "stale_reads_per_s",
        "Stale reads",
        "stale",
        "reads that answered with less than the database had committed before the read began",
    ),
    _counted("errors_per_s", "Errors", "error", "requests that were not answered, per second"),
    _counted("writes_per_s", "Writes", "write", "writes committed per second"),
    Metric(
        "items",
        "Keys in the cache",
        "",
        "none",
        "keys stored now",
        "keyspace keys= (Redis), curr_items (Memcached)",
        "CurrItems",
    ),
    Metric(
        "evictions_per_s",
        "Evictions",
        "/s",
        "none",
        "keys pushed out for memory, per second",
        "evicted_keys (Redis), evictions (Memcached)",
        "Evictions",
    ),
    Metric(
        "expired_per_s",
        "Expired",
        "/s",
        "none",
        "keys whose time to live ended, per second",
        "expired_keys (Redis), reclaimed (Memcached)",
        "Reclaimed",
    ),
    Metric(
        "cache_bytes",
        "Memory used by the cache",
        "B",
        "none",
        "bytes",
        "used_memory (Redis), bytes (Memcached)",
        "BytesUsedForCache",
    ),
    Metric(
        "cache_connections",
        "Connections to the cache",
        "",
        "none",
        "connections open now",
        "connected_clients (Redis), curr_connections (Memcached)",
        "CurrConnections",
    ),
)
