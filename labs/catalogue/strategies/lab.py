"""Five strategies, one after the other, on the same servers with the same seeded trace: what each
gives, and what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from labs.caching import cache_aside, no_cache, write_through
from labs.catalogue.strategies import checks
from labs.catalogue.strategies.comparison import FIVE, TABLE, run_trial
from labs.events import Value
from labs.lab import Choice, Number, Strategy
from labs.sandbox.experiment import refuted, require, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, mutants, storefront, trials

QUOTED = (
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
)
"""What lessons quote of each strategy's row."""

STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("no-cache", "No cache", no_cache.read, no_cache.write),
        Strategy("lazy", "Lazy loading", cache_aside.read, cache_aside.write_untold, expires=False),
        Strategy(
            "write-through", "Write-through", write_through.read, write_through.write, expires=False
        ),
        Strategy("lazy-ttl", "Lazy loading + TTL", cache_aside.read, cache_aside.write_untold),
        Strategy(
            "write-through-ttl", "Write-through + TTL", write_through.read, write_through.write
        ),
        Strategy(
            "write-through-fill",
            "Write-through, a miss fills",
            cache_aside.read,
            write_through.write,
            expires=False,
        ),
        Strategy(
            "write-through-ttl-fill",
            "Write-through + TTL, a miss fills",
            cache_aside.read,
            write_through.write,
        ),
    )
}
OPTIONS = tuple((name, STRATEGIES[name].label) for name in FIVE)


def pick_strategy(settings: Mapping[str, Value]) -> str:
    """The strategy that the settings ask for."""
    name = str(settings["strategy"])
    fills = name.startswith("write-through") and settings["missing"] == "fill"
    return f"{name}-fill" if fills else name


lab = storefront.lab(
    "strategies",
    title="Strategies side by side",
    question="Which strategy is best? Best at what?",
    about="No cache, lazy loading, write-through, each with and without a time to live: the "
    "same seeded trace for all, on the same servers, and the numbers beside one another.",
    minutes=15,
    controls=(
        storefront.ENGINE,
        Choice("strategy", "Strategy", OPTIONS, "lazy"),
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
        storefront.TRIAL_SECONDS,
        storefront.clients(1),
        storefront.rate(1_000),
        storefront.write_percent(20, minimum=1, maximum=90),
        storefront.skew(1.0),
    ),
    strategies=STRATEGIES,
    pick_strategy=pick_strategy,
    actions=(storefront.READ,),
    charts=(
        charts.HIT_RATE,
        charts.OPERATIONS,
        charts.STALE_READS,
        charts.STALENESS,
        charts.HITS_MISSES_AND_WRITES,
        charts.TIERS,
    ),
    tiles=(
        "hit_rate_percent",
        "stale_reads_per_s",
        "staleness_p99_ms",
        "database_queries_per_s",
        "write_p50_ms",
        "items",
    ),
    tables=(TABLE,),
    checks=(
        checks.same_trace,
        checks.no_cache_asks_most,
        checks.ttl_bounds,
        checks.lazy_is_staler,
        checks.write_through_fresh,
        checks.behind_its_back,
    ),
)


@lab.action("Change the price", gear="step", fields=(storefront.ITEM, storefront.PRICE))
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


@lab.action(
    "Compare them",
    gear="view",
    primary=True,
    here="one after the other on the same servers, emptied each time, with the same seeded "
    "requests.",
    aws="you would read CacheHitRate and the database’s own metrics; how stale an answer is, no "
    "service measures for you.",
    deadline_s=90.0,
)
def compare(sandbox: Sandbox) -> str:
    """All five, one after the other, on the same trace; the table grows as each is done."""
    require(sandbox)
    trials.compare(sandbox, TABLE.name, "strategy", FIVE, run_trial)
    return "All five have had the same trace. Their numbers stand beside one another."


@lab.action("Run the one above", gear="view", deadline_s=20.0)
def try_one(sandbox: Sandbox) -> str:
    """The strategy on the page alone, on the same trace."""
    require(sandbox)
    row = run_trial(sandbox, str(sandbox.settings["strategy"]))
    return f"{row['strategy']}: {row['hit_percent']:.0f} % hits, {row['stale']:.0f} stale reads."


@lab.prediction(
    "Time to live 0.5 s, and nobody tells the cache of writes. By how many milliseconds is the "
    "stalest read stale?",
    unit="ms",
    slack=50.0,
    why="Almost the whole time to live, and not more: it bounds staleness, it does not remove it. "
    "Memcached counts in whole seconds.",
)
def ttl_bound(sandbox: Sandbox) -> float:
    """Milliseconds by which the stalest read is stale, with a time to live of half a second and no
    invalidation.
    """
    require(sandbox)
    with temporarily(sandbox, strategy="lazy-ttl", behind_percent=0, ttl_s=0.5, seconds=2):
        return round(float(run_trial(sandbox, "lazy-ttl")["staleness_max_ms"]))


@lab.prediction(
    "The same trace for all five. Which asks the database least?",
    options=OPTIONS,
    why="Lazy loading without a time to live: what it has fetched once it never asks for again, "
    "however old it is. Write-through that doesn’t fill still asks for all that nobody writes.",
)
def asks_least(sandbox: Sandbox) -> str:
    """The strategy with the fewest queries for each request."""
    with temporarily(sandbox, behind_percent=0, missing="ask", seconds=1, ttl_s=0.3):
        compare(sandbox)
    queries = {
        str(row["name"]): float(row["queries_per_request"]) for row in sandbox.found[TABLE.name]
    }
    return min(FIVE, key=lambda name: queries[name])


@lab.prediction(
    "A fifth of the writes goes to the database behind write-through’s back. What percentage of "
    "its hits is stale?",
    unit="%",
    slack=3.0,
    decimals=1,
    why="“Never stale” holds only while every writer tells the cache. One that doesn’t is enough.",
)
def behind(sandbox: Sandbox) -> float:
    """Percentage of write-through's hits that are stale when a fifth of the writes goes behind its
    back.
    """
    require(sandbox)
    with temporarily(
        sandbox, strategy="write-through", missing="ask", behind_percent=20, seconds=2
    ):
        row = run_trial(sandbox, "write-through")
    return round(100 * float(row["stale"]) / max(1.0, float(row["hits"])), 1)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    sandbox.set("seconds", 1)
    sandbox.set("ttl_s", 0.3)
    sandbox.set("behind_percent", 0)
    with temporarily(sandbox, rate_per_s=600):
        trials.compare(
            sandbox, TABLE.name, "strategy", FIVE, run_trial, ends=lambda: refuted(sandbox)
        )
    if refuted(sandbox):
        return
    for row in sandbox.found[TABLE.name]:
        name = str(row["name"]).replace("-", "_")
        note |= {f"{name}_{column}": float(row[column]) for column in QUOTED}

    with temporarily(sandbox, strategy="write-through", behind_percent=20, rate_per_s=600):
        run_trial(sandbox, "write-through")
    evidence = checks.behind_its_back.judge(sandbox).evidence
    note["behind_stale_reads"] = float(evidence.get("stale_reads", 0.0))
    note["behind_staleness_max_ms"] = float(evidence.get("staleness_max_ms", 0.0))
    note["behind_percent"] = float(evidence.get("behind_percent", 0.0))


lab.mutant(
    "ignores-ttl",
    "stores for an hour whatever the time to live is set to",
    caught_by=checks.ttl_bounds,
    strategies={
        "lazy-ttl": replace(STRATEGIES["lazy-ttl"], read=mutants.read_stores_for_an_hour),
    },
)
lab.mutant(
    "remembers",
    "has no cache, and answers from its own memory",
    caught_by=checks.no_cache_asks_most,
    strategies={
        "no-cache": replace(STRATEGIES["no-cache"], read=mutants.read_counts_its_own_hits),
    },
)
lab.mutant(
    "never-overwrites",
    "stores an item at its first write and never again",
    caught_by=checks.write_through_fresh,
    strategies={
        "write-through": replace(STRATEGIES["write-through"], write=mutants.write_never_overwrites),
    },
)
lab.mutant(
    "tells-the-cache",
    "says that nobody tells the cache, and deletes on write",
    caught_by=checks.lazy_is_staler,
    strategies={"lazy": replace(STRATEGIES["lazy"], write=cache_aside.write)},
)
