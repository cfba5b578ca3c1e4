"""The comparison: one trial of a strategy on the seeded trace, and the table of all trials."""

from __future__ import annotations

from labs.lab import Column, Table
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials
from labs.setups.shop.counters import cache_engine

FIVE = ("no-cache", "lazy", "write-through", "lazy-ttl", "write-through-ttl")

TABLE = Table(
    "comparison",
    "Side by side",
    (
        Column("strategy", "Strategy"),
        Column(
            "hit_percent", "Hit rate", "%", 1, "hit", "Reads that needed no query, of all reads"
        ),
        Column("stale", "Stale reads", sense="stale"),
        Column("staleness_p50_ms", "Stale by, median", "ms", 0, "stale"),
        Column(
            "staleness_p99_ms",
            "Stale by, p99",
            "ms",
            0,
            "stale",
            "When the read began, less when the first newer version was committed",
        ),
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
    row = _row(sandbox, trials.run(sandbox, float(sandbox.settings["seconds"])))
    trials.put_row(sandbox, TABLE.name, row, by="strategy")
    sandbox.say(
        f"{row['strategy']}: {row['hit_percent']:.0f} % hits, {row['queries_per_s']:.0f} "
        f"queries/s, {row['stale']:.0f} stale reads"
        + (f", by up to {row['staleness_max_ms']:.0f} ms" if row["stale"] else ""),
        "stale" if row["stale"] else "here",
    )
    return row


def _row(sandbox: Sandbox, trial: trials.Trial) -> trials.Row:
    settings, strategy, latencies = sandbox.settings, sandbox.strategy(), trial.tally.latencies
    behind = float(settings["behind_percent"])
    return {
        "name": strategy.name,
        "strategy": strategy.label + (f", {behind:g} % behind its back" if behind else ""),
        "engine": cache_engine(sandbox),
        "read": settings["read"],
        "clients": settings["clients"],
        "ttl_s": settings["ttl_s"],
        "behind_percent": behind,
        "behind": trial.tally.kinds["behind"],
        "requests": trial.tally.done,
        "hits": trial.tally.kinds["hit"],
        **trial.row(),
        "queries_per_request": round(trial.queries / max(1, trial.tally.done), 3),
        "write_p50_ms": round(latencies["write"].percentile_ms(50), 3),
        "write_p99_ms": round(latencies["write"].percentile_ms(99), 3),
        "held_kb": round(trial.held_bytes / 1024, 1),
    }
