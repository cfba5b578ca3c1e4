"""Five strategies, one after the other, on the same servers with the same seeded trace: what each
gives, and what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from labs.caching import cache_aside, no_cache, write_through
from labs.catalogue.strategies.checks import CHECKS, FIVE, behind_its_back
from labs.catalogue.strategies.wrong import WRONG
from labs.events import Value
from labs.lab import (
    Action,
    Chart,
    Choice,
    Column,
    Lab,
    Number,
    Prediction,
    Strategy,
    Table,
    tolerances,
)
from labs.sandbox.experiment import refuted, require, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import storefront, trials
from labs.setups.shop.counters import cache_engine

TOLERANCES = tolerances.of(Path(__file__).parent)

STRATEGIES = {
    "no-cache": Strategy("no-cache", "No cache", no_cache.read, no_cache.write),
    "lazy": Strategy(
        "lazy", "Lazy loading", cache_aside.read, cache_aside.write_untold, expires=False
    ),
    "write-through": Strategy(
        "write-through", "Write-through", write_through.read, write_through.write, expires=False
    ),
    "lazy-ttl": Strategy(
        "lazy-ttl", "Lazy loading + TTL", cache_aside.read, cache_aside.write_untold
    ),
    "write-through-ttl": Strategy(
        "write-through-ttl", "Write-through + TTL", write_through.read, write_through.write
    ),
    "write-through-fill": Strategy(
        "write-through-fill",
        "Write-through, a miss fills",
        cache_aside.read,
        write_through.write,
        expires=False,
    ),
    "write-through-ttl-fill": Strategy(
        "write-through-ttl-fill",
        "Write-through + TTL, a miss fills",
        cache_aside.read,
        write_through.write,
    ),
}


def pick_strategy(settings: Mapping[str, Value]) -> str:
    """Which strategy the settings ask for."""
    name = str(settings["strategy"])
    return (
        f"{name}-fill"
        if name.startswith("write-through") and settings["missing"] == "fill"
        else name
    )


def change_price(sandbox: Sandbox, item: float, price: float) -> str:
    """A price change through the strategy on the page."""
    return storefront.write_price(
        sandbox,
        item,
        price,
        lambda request: (
            f"; the write took {request.took_ms:.2f} ms and {len(request.trips)} "
            f"trip{'' if len(request.trips) == 1 else 's'}."
        ),
    )


def compare(sandbox: Sandbox) -> str:
    """All five, one after the other, on the same trace; the table grows as each is done."""
    require(sandbox)
    trials.compare(sandbox, "comparison", "strategy", FIVE, _try)
    return "All five have had the same trace. Their numbers stand beside one another."


def try_one(sandbox: Sandbox) -> str:
    """The strategy on the page alone, on the same trace."""
    require(sandbox)
    row = _try(sandbox, str(sandbox.settings["strategy"]))
    return f"{row['strategy']}: {row['hit_percent']:.0f} % hits, {row['stale']:.0f} stale reads."


def measure_ttl_bound(sandbox: Sandbox) -> float:
    """Milliseconds by which the stalest read is stale, with a time to live of half a second and
    nobody telling the cache.
    """
    require(sandbox)
    with temporarily(sandbox, strategy="lazy-ttl", behind_percent=0, ttl_s=0.5, seconds=2):
        return round(float(_try(sandbox, "lazy-ttl")["staleness_max_ms"]))


def measure_asks_least(sandbox: Sandbox) -> str:
    """The strategy with the fewest queries for each request."""
    with temporarily(sandbox, behind_percent=0, missing="ask", seconds=1, ttl_s=0.3):
        compare(sandbox)
    rows = {
        str(row["name"]): float(row["queries_per_request"]) for row in sandbox.found["comparison"]
    }
    return min(FIVE, key=lambda name: rows[name])


def measure_behind(sandbox: Sandbox) -> float:
    """Percentage of write-through's hits that are stale when a fifth of the writes goes behind its
    back.
    """
    require(sandbox)
    with temporarily(
        sandbox, strategy="write-through", missing="ask", behind_percent=20, seconds=2
    ):
        row = _try(sandbox, "write-through")
    return round(100 * float(row["stale"]) / max(1.0, float(row["hits"])), 1)


def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    sandbox.set("seconds", 1)
    sandbox.set("ttl_s", 0.3)
    sandbox.set("behind_percent", 0)
    with temporarily(sandbox, rate_per_s=600):
        trials.compare(
            sandbox,
            "comparison",
            "strategy",
            FIVE,
            _try,
            ends=lambda: refuted(sandbox),
        )
    if refuted(sandbox):
        return
    for row in sandbox.found["comparison"]:
        name = str(row["name"]).replace("-", "_")
        for column in (
            "hit_percent",
            "stale",
            "stale_percent",
            "staleness_p50_ms",
            "staleness_p99_ms",
            "staleness_max_ms",
            "queries_per_s",
            "write_p50_ms",
            "held_kb",
            "keys",
        ):
            note[f"{name}_{column}"] = float(row[column])
    with temporarily(sandbox, strategy="write-through", behind_percent=20, rate_per_s=600):
        _try(sandbox, "write-through")
    for column in ("stale_reads", "staleness_max_ms", "behind_percent"):
        note[f"behind_{column.removeprefix('behind_')}"] = float(
            behind_its_back(sandbox).evidence.get(column, 0.0)
        )


def _try(sandbox: Sandbox, name: str) -> trials.Row:
    """One trial; its row goes into the table."""
    sandbox.set("strategy", name)
    trial = trials.run(sandbox, float(sandbox.settings["seconds"]))
    row = _row(sandbox, trial)
    trials.put_row(sandbox, "comparison", row, by="strategy")
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


lab = Lab(
    id="strategies",
    title="Strategies side by side",
    question="Which strategy is best? Best at what?",
    about="No cache, lazy loading, write-through, each with and without a time to live: the "
    "same seeded trace for all, on the same servers, and the numbers beside one another.",
    minutes=15,
    topology=storefront.TOPOLOGY,
    parts=storefront.PARTS,
    controls=(
        storefront.ENGINE,
        Choice(
            "strategy", "Strategy", tuple((name, STRATEGIES[name].label) for name in FIVE), "lazy"
        ),
        Choice(
            "missing",
            "With write-through, a miss",
            (("ask", "stores nothing"), ("fill", "fills the cache")),
            "ask",
        ),
        storefront.what_is_read("row"),
        Number(
            "ttl_s",
            "Time to live",
            0.2,
            60,
            0.1,
            0.5,
            unit="s",
            scale="log",
            help="For the two strategies with one. Memcached counts whole seconds.",
        ),
        Number(
            "behind_percent",
            "Writes behind its back",
            0,
            100,
            5,
            0,
            unit="%",
            gear="view",
            help="So many of the writes go to the database alone, as another application’s would.",
        ),
        Number("seconds", "Each runs for", 1, 10, 1, 2, unit="s", gear="view"),
        storefront.clients(1),
        storefront.rate(1_000),
        Number(
            "write_percent",
            "Writes",
            1,
            90,
            1,
            20,
            unit="%",
            gear="load",
            help="Of 100 requests, so many change a price.",
        ),
        storefront.skew(1.0),
    ),
    strategies=STRATEGIES,
    pick_strategy=pick_strategy,
    actions=(
        storefront.READ,
        Action(
            "change-price",
            "Change the price",
            "step",
            change_price,
            (storefront.ITEM, storefront.PRICE),
        ),
        Action(
            "compare",
            "Compare them",
            "view",
            compare,
            primary=True,
            here="one after the other on the same servers, emptied each time, with the same "
            "seeded requests.",
            aws="you would read CacheHitRate and the database’s own metrics; how stale an "
            "answer is, no service measures for you.",
            deadline_s=90.0,
        ),
        Action("try-one", "Run the one above", "view", try_one, deadline_s=20.0),
    ),
    checks=CHECKS,
    charts=(
        *storefront.CHARTS[:2],
        Chart("Stale reads and writes", ("stale_reads_per_s", "writes_per_s")),
        Chart("Stale by how much", ("staleness_p50_ms", "staleness_p99_ms"), "log"),
        Chart(
            "What a hit, a miss and a write take",
            ("hit_p50_ms", "miss_p50_ms", "write_p50_ms"),
            "log",
        ),
        storefront.CHARTS[3],
    ),
    tiles=(
        "hit_rate_percent",
        "stale_reads_per_s",
        "staleness_p99_ms",
        "database_queries_per_s",
        "write_p50_ms",
        "items",
    ),
    tables=(
        Table(
            "comparison",
            "Side by side",
            (
                Column("strategy", "Strategy"),
                Column(
                    "hit_percent",
                    "Hit rate",
                    "%",
                    1,
                    "hit",
                    "Reads that needed no query, of all reads",
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
                    "held_kb",
                    "Memory",
                    "KB",
                    0,
                    help="Redis: MEMORY USAGE of all keys. Memcached: bytes",
                ),
                Column("keys", "Keys"),
            ),
            "Nothing has been compared yet.",
        ),
    ),
    predictions=(
        Prediction(
            "ttl-bound",
            "Time to live 0.5 s, and nobody tells the cache of writes. By how many milliseconds "
            "is the stalest read stale?",
            measure_ttl_bound,
            unit="ms",
            tolerance=TOLERANCES.get("ttl-bound", 0.0),
            slack=50.0,
            why="Almost the whole time to live, and not more: it bounds staleness, it does not "
            "remove it. Memcached counts in whole seconds.",
        ),
        Prediction(
            "asks-least",
            "The same trace for all five. Which asks the database least?",
            measure_asks_least,
            options=tuple((name, STRATEGIES[name].label) for name in FIVE),
            why="Lazy loading without a time to live: what it has fetched once it never asks "
            "for again, however old it is. Write-through that doesn’t fill still asks for "
            "all that nobody writes.",
        ),
        Prediction(
            "behind",
            "A fifth of the writes goes to the database behind write-through’s back. What "
            "percentage of its hits is stale?",
            measure_behind,
            unit="%",
            tolerance=TOLERANCES.get("behind", 0.0),
            slack=3.0,
            decimals=1,
            why="“Never stale” holds only while every writer tells the cache. One that doesn’t "
            "is enough.",
        ),
    ),
    mutants=WRONG,
    run_reference=reference,
)
