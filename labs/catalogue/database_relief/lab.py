"""Database relief: what a cache takes off a read-heavy database, with either engine, at the same
offered load.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from labs.caching import cache_aside, no_cache
from labs.catalogue.database_relief.checks import (
    CHECKS,
    STEADY_S,
    both_engines,
    hit_rate_percent,
    hits_are_fast,
    relief,
)
from labs.catalogue.database_relief.wrong import WRONG
from labs.clients.address import straight
from labs.errors import NotNow
from labs.events import Value
from labs.lab import Action, Choice, Lab, Number, Prediction, Strategy, tolerances
from labs.load.clients import LeanMemcached, LeanRedis
from labs.sandbox.experiment import refuted
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import storefront
from labs.setups.shop.application import app
from labs.shop.shop import LeanShop

FULL_PERCENT = 95.0
"""At this hit rate the cache has what is asked for: from then on the comparison is of steady
states.
"""

FILL_DEADLINE_S = 1.0
"""It fills in about a second at the usual settings.

A cache that is not full then is compared as it is.
"""

TOLERANCES = tolerances.of(Path(__file__).parent)

STRATEGIES = {
    "cache-aside": Strategy("cache-aside", "Cache-aside", cache_aside.read, cache_aside.write),
    "no-cache": Strategy("no-cache", "No cache", no_cache.read, no_cache.write),
}


def pick_strategy(settings: Mapping[str, Value]) -> str:
    """Which strategy the settings ask for."""
    return "cache-aside" if settings["cache"] == "on" else "no-cache"


def flush(sandbox: Sandbox) -> str:
    """Empty the cache."""
    app(sandbox).flush()
    return "The cache is empty: everything is asked for anew."


def measure_queries_left(sandbox: Sandbox) -> float:
    """Percentage of the database's queries that is left with the cache on, at steady state."""
    _compare(sandbox)
    verdict = relief(sandbox)
    if "relief_percent" not in verdict.evidence:
        raise NotNow("The comparison could not be made.", hint=verdict.hint)
    return round(100 - float(verdict.evidence["relief_percent"]), 1)


def measure_hit_times_faster(sandbox: Sandbox) -> float:
    """How many times longer the median miss takes than the median hit."""
    _compare(sandbox)
    verdict = hits_are_fast(sandbox)
    if "times_faster" not in verdict.evidence:
        raise NotNow("Too few hits and misses were timed.", hint=verdict.hint)
    return float(verdict.evidence["times_faster"])


def reference(sandbox: Sandbox) -> None:
    """The same load without a cache, with Redis, with Memcached; then each server's own speed at
    one connection.
    """
    note = sandbox.measurements
    _compare(sandbox)
    compared = relief(sandbox).evidence
    note |= {
        name: float(compared.get(name, 0.0))
        for name in ("queries_per_s_without_cache", "queries_per_s_with_cache", "relief_percent")
    }
    sandbox.checker.judge()
    if refuted(sandbox, but=(both_engines,)):
        sandbox.stop_load()
        return
    sandbox.set("engine", "memcached")
    _run_for(sandbox, 1.5)
    note["hit_rate_percent"] = hit_rate_percent(sandbox)
    sandbox.stop_load()
    for engine in ("redis", "memcached"):
        tally = sandbox.load.totals[(engine, "cache-aside")]
        note[f"{engine}_hit_p50_ms"] = round(tally.latencies["hit"].percentile_ms(50), 3)
    redis_tally = sandbox.load.totals[("redis", "cache-aside")]
    note["miss_p50_ms"], note["miss_p99_ms"] = (
        round(redis_tally.latencies["miss"].percentile_ms(p), 3) for p in (50, 99)
    )
    note["hit_times_faster"] = round(note["miss_p50_ms"] / max(note["redis_hit_p50_ms"], 0.001), 1)
    _time_each_server(sandbox)


def _compare(sandbox: Sandbox) -> None:
    """Load without a cache, then with it, long enough for both to be steady."""
    sandbox.sampler.clear()
    sandbox.load.clear()
    sandbox.set("cache", "off")
    app(sandbox).flush()
    sandbox.start_load()
    _run_for(sandbox, 1.5)
    sandbox.set("cache", "on")
    sandbox.wait_until(
        lambda: (
            bool(sandbox.sampler.history)
            and sandbox.sampler.history[-1].values.get("hit_rate_percent", 0.0) >= FULL_PERCENT
        ),
        deadline_s=FILL_DEADLINE_S,
    )
    _run_for(sandbox, STEADY_S + 0.3)


def _run_for(sandbox: Sandbox, seconds: float) -> None:
    """Let the load run until its readings cover so many seconds; a measurement has no other way
    than to wait for what it measures.
    """
    began = time.monotonic()
    sandbox.wait_until(
        lambda: bool(sandbox.sampler.history) and sandbox.sampler.history[-1].at - began >= seconds,
        deadline_s=seconds + 3.0,
    )


def _time_each_server(sandbox: Sandbox) -> None:
    """Medians at one connection with nothing else running: what the course's first page draws."""
    note = sandbox.measurements
    with _on_one_core(sandbox.servers["database"].pid):
        shop = LeanShop(
            straight(sandbox.server_address("database")),
            password=sandbox.password("database"),
            what="row",
        )
        for what, times in (("row", 1_000), ("page", 200), ("ranking", 20)):
            shop.what = what
            note[f"{what}_select_p50_ms"] = _median_ms(lambda n: shop.read(1 + n % 20), times)
        shop.close()
    for engine in ("memcached", "redis"):
        sandbox.set("engine", engine)
        way = straight(sandbox.server_address("cache"))
        cache = (
            LeanMemcached(way)
            if engine == "memcached"
            else LeanRedis(way, user="shop", password=sandbox.password("cache"))
        )
        with _on_one_core(sandbox.servers["cache"].pid):
            cache.set("row:1", "x" * 200, 60)
            note[f"{engine}_get_p50_ms"] = _median_ms(partial(_get, cache), 1_000)
        cache.close()


def _get(cache: LeanMemcached | LeanRedis, _number: int) -> object:
    return cache.get("row:1")


@contextmanager
def _on_one_core(server: int) -> Iterator[None]:
    """Client and server on the same core, for all servers alike: otherwise the kernel puts one
    beside the other or not, which is worth more than the reply.
    """
    core, threads = (
        {min(os.sched_getaffinity(0))},
        [int(thread) for thread in os.listdir(f"/proc/{server}/task")],
    )
    before = os.sched_getaffinity(0)
    for thread in (0, *threads):
        os.sched_setaffinity(thread, core)
    try:
        yield
    finally:
        for thread in (0, *threads):
            os.sched_setaffinity(thread, before)


def _median_ms(run: Callable[[int], object], times: int) -> float:
    """The median of so many runs, after a tenth as many that only warm up."""
    for number in range(max(5, times // 10)):
        run(number)
    durations = []
    for number in range(times):
        began = time.perf_counter()
        run(number)
        durations.append((time.perf_counter() - began) * 1000)
    return round(median(durations), 4)


lab = Lab(
    id="database-relief",
    title="Database relief",
    question="What does a cache take off the database?",
    about="One load on a real Postgres. Turn the cache on while it runs, and watch what the "
    "database still hears.",
    minutes=12,
    topology=storefront.TOPOLOGY,
    parts=storefront.PARTS,
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
        Number(
            "cache_mb",
            "Cache memory",
            1,
            64,
            1,
            32,
            unit="MB",
            scale="log",
            gear="load",
            help="maxmemory of Redis, -m of Memcached.",
        ),
    ),
    strategies=STRATEGIES,
    pick_strategy=pick_strategy,
    actions=(
        storefront.READ,
        Action("flush", "Flush the cache", "load", flush),
    ),
    checks=CHECKS,
    charts=storefront.CHARTS,
    tiles=(
        "hit_rate_percent",
        "cache_ops_per_s",
        "database_queries_per_s",
        "hit_p50_ms",
        "miss_p50_ms",
        "done_per_s",
    ),
    predictions=(
        Prediction(
            "queries-left",
            "The load stays the same and the cache is turned on. When it is full, what "
            "percentage of the database’s queries is left?",
            measure_queries_left,
            unit="%",
            tolerance=TOLERANCES.get("queries-left", 0.0),
            slack=5.0,
            decimals=1,
            why="Only misses still ask: at a hit rate of 95 % the database gets 5 % of the "
            "questions.",
        ),
        Prediction(
            "hit-times-faster",
            "How many times faster is a hit than a miss, at the median?",
            measure_hit_times_faster,
            unit="times",
            unit_of_one="time",
            tolerance=TOLERANCES.get("hit-times-faster", 0.0),
            decimals=0,
            why="A hit saves the work of the query. The more work, the more is saved: look at "
            "the same for one row by its key.",
        ),
    ),
    mutants=WRONG,
    run_reference=reference,
)
