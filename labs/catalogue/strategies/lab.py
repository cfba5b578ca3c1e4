"""Five strategies, one after the other, on the same servers with the same seeded trace: what each
gives, and what it costs.
"""

from __future__ import annotations

from labs.catalogue.strategies import checks, guide, mutants
from labs.catalogue.strategies.comparison import FIVE, STRATEGIES, TABLE, run_trial
from labs.lab import Choice, Number
from labs.sandbox.experiment import make_ready, refuted, temporarily
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, storefront, strategies, trials
from labs.setups.shop.checks import lasted_longer_than_its_bound

OPTIONS = tuple((name, STRATEGIES[name].label) for name in FIVE)


def written(request: Request) -> str:
    """What a write took."""
    trips = len(request.trips)
    return f"; the write took {request.took_ms:.2f} ms and {trips} trip{'' if trips == 1 else 's'}."


lab = storefront.lab(
    "strategies",
    title="Strategies side by side",
    view="The same requests for each",
    question="Which strategy is best? Best at what?",
    about="No cache, lazy loading, write-through, each with and without a time to live: the "
    "same seeded trace for all, on the same servers, and the numbers next to each other.",
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
        storefront.short_ttl(
            0.5, "For the two strategies with one. Memcached counts whole seconds."
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
            help="This part of the writes goes to the database alone, as another application’s "
            "would.",
        ),
        storefront.TRIAL_SECONDS,
        storefront.clients(1),
        storefront.rate(1_000),
        storefront.write_percent(20, minimum=1, maximum=90),
        storefront.skew(1.0),
    ),
    strategies=STRATEGIES,
    pick_strategy=strategies.pick,
    actions=(storefront.READ, storefront.price_change(written)),
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
        checks.ttl_bounds,
        checks.lazy_is_staler,
        checks.no_cache_asks_most,
        checks.write_through_fresh,
        checks.same_trace,
        checks.behind_its_back,
    ),
    mutants=mutants.MUTANTS,
    guide=guide.GUIDE,
)


@lab.action(
    "Compare them",
    gear="view",
    primary=True,
    here="one after the other on the same servers, emptied each time, with the same seeded "
    "requests.",
    aws="you would read CacheHitRate and the database’s own metrics; no service measures how stale "
    "an answer is.",
    deadline_s=90.0,
    measures=True,
)
def compare(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    now = sandbox.settings["behind_percent"]
    trials.compare(
        sandbox,
        TABLE.name,
        "strategy",
        FIVE,
        run_trial,
        keeps=lambda row: row["behind_percent"] != now,
    )
    return "All five have had the same trace. Their numbers stand next to each other."


@lab.action("Run the chosen strategy", gear="view", deadline_s=20.0, measures=True)
def try_one(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    row = run_trial(sandbox, str(sandbox.settings["strategy"]))
    return f"{row['strategy']}: {row['hit_percent']:.0f} % hits, {row['stale']:.0f} stale reads."


@lab.prediction(
    "Time to live 0.5 s, and writes do not change the cache. By how many milliseconds is the "
    "stalest read stale?",
    unit="ms",
    slack=50.0,
    why="Almost the whole time to live, and not more: it bounds staleness, it does not remove it. "
    "Memcached counts in whole seconds.",
)
def ttl_bound(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    with temporarily(sandbox, strategy="lazy-ttl", behind_percent=0, ttl_s=0.5, seconds=2):
        return round(float(run_trial(sandbox, "lazy-ttl")["staleness_max_ms"]))


@lab.prediction(
    "The same trace for all five. Which asks the database least?",
    options=OPTIONS,
    why="Lazy loading without a time to live: what it has fetched once it never fetches again, "
    "however old it is. Write-through that doesn’t fill still asks the database for items that are "
    "never written.",
)
def asks_least(sandbox: Sandbox) -> str:
    with temporarily(sandbox, behind_percent=0, missing="ask", seconds=1, ttl_s=0.3):
        compare(sandbox)
    found = trials.rows(sandbox, TABLE.name)
    return min(FIVE, key=lambda name: float(found[name]["queries_per_request"]))


@lab.prediction(
    "A fifth of the writes goes to the database behind write-through’s back. What percentage of "
    "its hits is stale?",
    unit="%",
    slack=3.0,
    decimals=1,
    why="“Never stale” holds only while every writer changes the cache. One that doesn’t is "
    "enough.",
)
def behind(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    with temporarily(
        sandbox, strategy="write-through", missing="ask", behind_percent=20, seconds=2
    ):
        row = run_trial(sandbox, "write-through")
    return round(100 * float(row["stale"]) / max(1.0, float(row["hits"])), 1)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    sandbox.set("ttl_s", 0.3)
    sandbox.set("behind_percent", 0)
    for seconds in (1, 4):
        sandbox.set("seconds", seconds)
        with temporarily(sandbox, rate_per_s=600):
            trials.compare(
                sandbox, TABLE.name, "strategy", FIVE, run_trial, ends=lambda: refuted(sandbox)
            )
        bounded = trials.rows(sandbox, TABLE.name).get("lazy-ttl")
        if bounded is None or lasted_longer_than_its_bound(bounded, seconds):
            break
    sandbox.set("seconds", 1)
    if refuted(sandbox):
        return
    with temporarily(sandbox, strategy="write-through", behind_percent=20, rate_per_s=600):
        run_trial(sandbox, "write-through")
