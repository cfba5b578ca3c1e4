"""What the lab runs and counts: single writes, loads on an empty cache, the keys in memory."""

from __future__ import annotations

from statistics import median

from labs.lab import Column, Table
from labs.sandbox.experiment import temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials
from labs.setups.shop.application import app
from labs.setups.shop.checks import total
from labs.setups.shop.counters import cache_engine

FAST_PER_S, DEADLINE_S = 4_000, 40.0
"""An idle machine reads often enough in two seconds, a busy one takes longer."""

TABLE = Table(
    "memory",
    "What lies in memory",
    (
        Column("strategy", "Strategy"),
        Column("engine", "Engine"),
        Column("keys", "Keys"),
        Column("unread", "Never read", sense="stale"),
        Column(
            "unread_percent",
            "Never read",
            "%",
            1,
            "stale",
            "Keys on the server that no client has read since the cache was emptied",
        ),
        Column("held_kb", "Keys and values", "KB", 1),
    ),
    "Let a load write for a while, then count the keys.",
)


def count(sandbox: Sandbox) -> trials.Row:
    """The row of the table for the keys that the server holds now."""
    keys = trials.keys_now(sandbox)
    unread = [key for key in keys if not sandbox.commits.was_asked(trials.item_of(key))]
    return {
        "strategy": sandbox.strategy().label,
        "engine": cache_engine(sandbox),
        "keys": len(keys),
        "unread": len(unread),
        "unread_percent": round(100 * len(unread) / len(keys), 1) if keys else 0.0,
        "held_kb": round(trials.held_bytes(sandbox) / 1024, 1),
    }


def write(sandbox: Sandbox, first: int, times: int = 30) -> tuple[float, float]:
    """Medians in milliseconds of single writes of neighbouring items: at the database, at the
    cache.
    """
    writes = [app(sandbox).write(first + n, 20.0 + n, quiet=True) for n in range(times)]
    return median(w.ms_at("database") for w in writes), median(w.ms_at("cache") for w in writes)


def let_write(sandbox: Sandbox) -> None:
    """Run 600 requests of one client on an empty cache, half of them writes."""
    with temporarily(sandbox, clients=1, rate_per_s=400, write_percent=50):
        trials.run(sandbox, 1.5)


def load_until(sandbox: Sandbox, reads: int, *, write_percent: int) -> None:
    """Run a fast load of one client on an empty cache, until this many reads were counted or one
    was stale. A miss fills the cache too, so that most reads are hits, which could be stale.
    """

    def enough() -> bool:
        found = counted(sandbox)
        return found["reads"] >= reads or found["stale_reads"] > 0

    load = {"rate_per_s": FAST_PER_S, "write_percent": write_percent}
    with temporarily(sandbox, strategy="write-through", missing="fill", clients=1, **load):
        trials.begin(sandbox)
        sandbox.sampler.clear()
        sandbox.start_load()
        sandbox.wait_until(enough, deadline_s=DEADLINE_S, every_s=0.1)
        sandbox.checker.judge()
        sandbox.stop_load()


def counted(sandbox: Sandbox) -> dict[str, float]:
    """Reads, stale reads, writes and hits of write-through under a load of one client, since the
    readings began.
    """
    readings = [
        r
        for r in sandbox.sampler.history
        if r.loaded and r.settings["strategy"] == "write-through" and r.settings["clients"] == 1
    ]
    return {
        "reads": round(total(readings, "done_per_s") - total(readings, "writes_per_s")),
        "stale_reads": round(total(readings, "stale_reads_per_s")),
        "writes": round(total(readings, "writes_per_s")),
        "hits_by_the_server": round(total(readings, "cache_hits_per_s")),
    }
