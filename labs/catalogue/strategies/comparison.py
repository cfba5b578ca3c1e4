"""The comparison: the strategies, one trial of each on the seeded trace, and the table of all
trials.
"""

from __future__ import annotations

from dataclasses import replace

from labs.caching import cache_aside, write_through
from labs.lab import Column, Strategy, Table
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials
from labs.setups.shop.counters import cache_engine
from labs.setups.shop.strategies import NO_CACHE, WRITE_THROUGH, by_name

LAZY = Strategy(
    "lazy", "Lazy loading", cache_aside.read, cache_aside.write_without_invalidation, expires=False
)
FILL = Strategy(
    "write-through-fill",
    "Write-through, a miss fills",
    cache_aside.read,
    write_through.write,
    expires=False,
)
STRATEGIES = by_name(
    NO_CACHE,
    LAZY,
    replace(WRITE_THROUGH, expires=False),
    replace(LAZY, name="lazy-ttl", label="Lazy loading + TTL", expires=True),
    replace(WRITE_THROUGH, name="write-through-ttl", label="Write-through + TTL"),
    FILL,
    replace(
        FILL, name="write-through-ttl-fill", label="Write-through + TTL, a miss fills", expires=True
    ),
)
FIVE = ("no-cache", "lazy", "write-through", "lazy-ttl", "write-through-ttl")

BEHIND = {
    "behind_stale_reads": "stale",
    "behind_staleness_max_ms": "staleness_max_ms",
    "behind_percent": "behind_percent",
}
"""What lessons quote of write-through with writes behind its back, and the columns that have it."""

TABLE = Table(
    "comparison",
    "Side by side",
    (
        Column("strategy", "Strategy"),
        Column(
            "hit_percent", "Hit rate", "%", 1, "hit", "Reads that needed no query, of all reads"
        ),
        *trials.staleness_columns(decimals=0),
        Column(
            "queries_per_s",
            "Database queries",
            "/s",
            0,
            "read",
            "pg_stat_statements: calls of the role shop_app",
        ),
        Column("write_p50_ms", "A write takes, median", "ms", 2, "write"),
        Column(
            "held_kb", "Memory", "KB", 0, help="Redis: MEMORY USAGE of all keys. Memcached: bytes"
        ),
        Column("keys", "Keys"),
    ),
    "Nothing has been compared yet.",
)


def run_trial(sandbox: Sandbox, name: str) -> trials.Row:
    """One trial of this strategy; its row goes into the table."""
    sandbox.set("strategy", name)
    trial = trials.run(sandbox, float(sandbox.settings["seconds"]))
    tally, strategy = trial.tally, sandbox.strategy()
    behind = float(sandbox.settings["behind_percent"])
    row: trials.Row = {
        "name": strategy.name,
        "strategy": strategy.label + (f", {behind:g} % behind its back" if behind else ""),
        "engine": cache_engine(sandbox),
        **{name: sandbox.settings[name] for name in ("read", "clients", "ttl_s")},
        "behind_percent": behind,
        "behind": tally.kinds["behind"],
        "requests": tally.done,
        "hits": tally.kinds["hit"],
        **trial.row(),
        "queries_per_request": round(trial.queries / max(1, tally.done), 3),
        "write_p50_ms": round(tally.latencies["write"].percentile_ms(50), 3),
        "write_p99_ms": round(tally.latencies["write"].percentile_ms(99), 3),
        "held_kb": round(trial.held_bytes / 1024, 1),
    }
    trials.put_row(sandbox, TABLE.name, row, by="strategy")
    _note(sandbox, row)
    sandbox.say(
        f"{row['strategy']}: {row['hit_percent']:.0f} % hits, {row['queries_per_s']:.0f} "
        f"queries/s, {row['stale']:.0f} stale reads"
        + (f", by up to {row['staleness_max_ms']:.0f} ms" if row["stale"] else ""),
        "stale" if row["stale"] else "here",
    )
    return row


def _note(sandbox: Sandbox, row: trials.Row) -> None:
    """Note what lessons quote: of a trial in which all writes went through the strategy, or of
    write-through where some went behind its back.
    """
    if not row["behind_percent"]:
        trials.quote(sandbox, row, "queries_per_s", "write_p50_ms", "held_kb")
    elif row["name"] == "write-through":
        for note, column in BEHIND.items():
            sandbox.measurements[note] = float(row[column])
