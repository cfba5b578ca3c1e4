"""Database relief: what a cache takes off a read-heavy database, with either engine, at the same
offered load.
"""

from __future__ import annotations

import time

from labs.catalogue.database_relief import checks, guide, mutants
from labs.catalogue.database_relief.timing import time_each_server
from labs.errors import NotNow
from labs.lab import Check, Choice, Verdict
from labs.sandbox.experiment import make_ready, refuted, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, storefront, strategies
from labs.setups.shop.application import app
from labs.setups.shop.counters import cache_engine

FULL_PERCENT = 95.0
"""At this hit rate the cache has what is asked for, and two steady states are compared."""

FILL_REQUESTS, FILL_DEADLINE_S = 240, 10.0
"""After fewer requests the cache is full at the usual settings, however long a busy machine takes
for them. One that is not full then is compared as it is.
"""
MEASURED_S = 8.0
"""How long a load runs at most until a check can judge it."""


lab = storefront.lab(
    "database-relief",
    title="Database relief",
    question="What does a cache take off the database?",
    about="One load on a real Postgres. Turn the cache on while it runs, and watch what the "
    "database still has to do.",
    minutes=12,
    controls=(
        storefront.ENGINE,
        Choice(
            "cache",
            "Cache",
            (("on", "on"), ("off", "off")),
            "off",
            help="Off: every read asks the database.",
        ),
        storefront.what_is_read("ranking"),
        storefront.clients(2),
        storefront.rate(60),
        storefront.skew(1.0),
        storefront.cache_mb(32, minimum=1),
    ),
    strategies=strategies.by_name(strategies.CACHE_ASIDE, strategies.NO_CACHE),
    pick_strategy=lambda settings: "cache-aside" if settings["cache"] == "on" else "no-cache",
    actions=(storefront.READ,),
    charts=charts.USUAL,
    tiles=(
        "hit_rate_percent",
        "cache_ops_per_s",
        "database_queries_per_s",
        "hit_p50_ms",
        "miss_p50_ms",
        "done_per_s",
    ),
    guide=guide.GUIDE,
    checks=(checks.relief, checks.hits_are_fast, checks.server_agrees, checks.both_engines),
    mutants=mutants.MUTANTS,
)


@lab.action("Flush the cache", gear="load", empties=True)
def flush(sandbox: Sandbox) -> str:
    app(sandbox).flush()
    return "The cache is empty: the database answers each item again."


@lab.prediction(
    "The load stays the same and the cache is turned on. When it is full, what percentage of the "
    "database’s queries is left?",
    unit="%",
    slack=5.0,
    decimals=1,
    why="Only a miss asks the database: at a hit rate of 95 % it gets 5 % of the requests.",
)
def queries_left(sandbox: Sandbox) -> float:
    verdict = _compared(sandbox, checks.relief)
    if not verdict.evidence:
        raise NotNow("The comparison could not be made.", hint=verdict.hint)
    return round(100 - float(verdict.evidence["relief_percent"]), 1)


@lab.prediction(
    "How many times faster is a hit than a miss, at the median?",
    unit="times",
    unit_of_one="time",
    decimals=0,
    why="A hit saves the work of the query. The more work, the more is saved: look at the same for "
    "one row by its key.",
)
def hit_times_faster(sandbox: Sandbox) -> float:
    verdict = _compared(sandbox, checks.hits_are_fast)
    if not verdict.evidence:
        raise NotNow("Too few hits and misses were timed.", hint=verdict.hint)
    return float(verdict.evidence["times_faster"])


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """The same load without a cache, with Redis, with Memcached; then the speed of each server at
    one connection.
    """
    note = sandbox.measurements
    _compare(sandbox)
    compared = checks.relief.judge(sandbox).evidence
    for name in ("queries_per_s_without_cache", "queries_per_s_with_cache", "relief_percent"):
        note[name] = float(compared.get(name, 0.0))
    sandbox.checker.judge()
    if refuted(sandbox, but=(checks.both_engines,)):
        sandbox.stop_load()
        return

    sandbox.set("engine", "memcached")
    _run_for(sandbox, 1.5)
    _run_until(sandbox, checks.both_engines)
    note["hit_rate_percent"] = checks.hit_rate_percent(sandbox)
    sandbox.stop_load()
    for engine in ("memcached", "redis"):
        latencies = sandbox.load.totals[(engine, "cache-aside")].latencies
        note[f"{engine}_hit_p50_ms"] = round(latencies["hit"].percentile_ms(50), 3)
    misses = sandbox.load.totals[("redis", "cache-aside")].latencies["miss"]
    note["miss_p50_ms"] = round(misses.percentile_ms(50), 3)
    note["miss_p99_ms"] = round(misses.percentile_ms(99), 3)
    note["hit_times_faster"] = round(note["miss_p50_ms"] / max(note["redis_hit_p50_ms"], 0.001), 1)
    note |= time_each_server(sandbox)


def _compared(sandbox: Sandbox, check: Check) -> Verdict:
    """What a check says of a load without a cache and then with it, on servers that are ready for
    it; the load ends and the setting is as it was.
    """
    make_ready(sandbox)
    with temporarily(sandbox, cache=sandbox.settings["cache"]):
        try:
            _compare(sandbox)
            return check.judge(sandbox)
        finally:
            sandbox.stop_load()


def _compare(sandbox: Sandbox) -> None:
    """Load without a cache, then with it, long enough for both to be steady."""
    sandbox.sampler.clear()
    sandbox.load.clear()
    sandbox.set("cache", "off")
    app(sandbox).flush()
    sandbox.start_load()
    _run_for(sandbox, 1.5)
    _run_until(sandbox, checks.ran_without_cache)
    sandbox.set("cache", "on")
    filling = sandbox.load.totals[(cache_engine(sandbox), sandbox.strategy().name)]
    sandbox.wait_until(
        lambda: _hit_rate(sandbox) >= FULL_PERCENT or filling.done >= FILL_REQUESTS,
        deadline_s=FILL_DEADLINE_S,
    )
    _run_for(sandbox, checks.STEADY_S + 0.3)


def _hit_rate(sandbox: Sandbox) -> float:
    """The hit rate of the newest reading."""
    history = sandbox.sampler.history
    return history[-1].values.get("hit_rate_percent", 0.0) if history else 0.0


def _run_until(sandbox: Sandbox, check: Check) -> None:
    """Let the load run on until a check is met: a busy machine does less in the same time."""
    sandbox.wait_until(lambda: check.judge(sandbox).status == "met", deadline_s=MEASURED_S)


def _run_for(sandbox: Sandbox, seconds: float) -> None:
    """Let the load run until its readings cover this many seconds."""
    history, began = sandbox.sampler.history, time.monotonic()
    sandbox.wait_until(
        lambda: bool(history) and history[-1].at - began >= seconds, deadline_s=seconds + 3.0
    )
