"""Charts that several labs over the shop show."""

from __future__ import annotations

from labs.lab import Chart

HIT_RATE = Chart("Hit rate", ("hit_rate_percent",))
OPERATIONS = Chart(
    "Cache operations and database queries", ("cache_ops_per_s", "database_queries_per_s")
)
REQUESTS = Chart(
    "Requests by what they were", ("hit_p50_ms", "hit_p99_ms", "miss_p50_ms", "miss_p99_ms"), "log"
)
TIERS = Chart(
    "Latency of each tier",
    ("cache_p50_ms", "cache_p99_ms", "database_p50_ms", "database_p99_ms"),
    "log",
)
STALE_READS_AND_ERRORS = Chart(
    "Stale reads, writes and errors", ("stale_reads_per_s", "writes_per_s", "errors_per_s")
)
STALE_READS = Chart("Stale reads and writes", ("stale_reads_per_s", "writes_per_s"))
STALENESS = Chart("Stale by how much", ("staleness_p50_ms", "staleness_p99_ms"), "log")
HITS_MISSES_AND_WRITES = Chart(
    "What a hit, a miss and a write take", ("hit_p50_ms", "miss_p50_ms", "write_p50_ms"), "log"
)
KEYS = Chart("Keys in the cache", ("items",))

USUAL = (HIT_RATE, OPERATIONS, REQUESTS, TIERS)
