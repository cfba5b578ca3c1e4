"""The lab cache-aside: its drawing, controls, actions, predictions, and the reference run that
meets every check.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from labs import tolerances
from labs.caching import cache_aside
from labs.catalogue.cache_aside.checks import CHECKS
from labs.catalogue.cache_aside.wrong import WRONG
from labs.definition import Action, Chart, Choice, Lab, Number, Prediction, Strategy
from labs.events import Value
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import storefront, trials
from labs.setups.shop.application import app

DEAD_CACHE_READS = 50

TOLERANCES = tolerances.of(Path(__file__).parent)

STRATEGIES = {
    "cache-aside": Strategy(
        "cache-aside", "Cache-aside, delete on write", cache_aside.read, cache_aside.write
    ),
    "cache-aside-untold": Strategy(
        "cache-aside-untold",
        "Cache-aside, cache not told of writes",
        cache_aside.read,
        cache_aside.write_untold,
    ),
}


def pick_strategy(settings: Mapping[str, Value]) -> str:
    """Which strategy the settings ask for."""
    return "cache-aside" if settings["invalidate"] == "delete" else "cache-aside-untold"


def read_ten(sandbox: Sandbox, item: float) -> str:
    """Ten reads of the same item."""
    requests = [app(sandbox).read(int(item), quiet=True) for _ in range(10)]
    return (
        f"Ten reads of item {int(item)}: {sum(r.hits for r in requests)} hits, "
        f"{sum(r.queries for r in requests)} database queries, "
        f"{sum(r.stale for r in requests)} stale."
    )


def change_price(sandbox: Sandbox, item: float, price: float) -> str:
    """A price change through the strategy on the page."""
    return storefront.write_price(
        sandbox,
        item,
        price,
        lambda request: (
            ". The cache was told."
            if request.strategy == "cache-aside" and not request.cache_down
            else ". The cache has not been told."
        ),
    )


def flush(sandbox: Sandbox) -> str:
    """Empty the cache."""
    app(sandbox).flush()
    return "The cache is empty."


def measure_ten_reads(sandbox: Sandbox) -> float:
    """Database queries of ten reads of one item, the cache empty at first."""
    trials.ready(sandbox)
    app(sandbox).flush()
    return float(sum(app(sandbox).read(42, quiet=True).queries for _ in range(10)))


def measure_stale_for(sandbox: Sandbox) -> float:
    """For how many seconds the old price is served when nobody tells the cache, with a time to live
    of 3 s.
    """
    trials.ready(sandbox)
    with trials.settings(sandbox, ttl_s=3, invalidate="none"):
        return _stale_seconds(sandbox, item=43)


def measure_dead_cache(sandbox: Sandbox) -> float:
    """How many of 50 reads are answered with the cache killed.

    The cache is started again afterwards.
    """
    trials.ready(sandbox)
    sandbox.server("cache", "kill")
    try:
        return float(
            sum(app(sandbox).read(1 + n % 5, quiet=True).answered for n in range(DEAD_CACHE_READS))
        )
    finally:
        sandbox.server("cache", "restart")


def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    sandbox.set("invalidate", "delete")
    app(sandbox).flush()
    first, second = app(sandbox).read(42), app(sandbox).read(42)
    note["first_read_queries"], note["second_read_queries"] = first.queries, second.queries
    _time_hits_and_misses(sandbox)

    app(sandbox).write(42, 24.90)
    after_delete = [app(sandbox).read(42, quiet=True) for _ in range(5)]
    note["stale_reads_after_delete"] = sum(r.stale for r in after_delete)

    ttl_s = 2.0
    sandbox.set("ttl_s", ttl_s)
    sandbox.set("invalidate", "none")
    note["ttl_s"] = ttl_s
    note["stale_for_s"] = round(_stale_seconds(sandbox, item=43), 3)

    sandbox.set("ttl_s", sandbox.lab.control("ttl_s").default)
    sandbox.set("invalidate", "delete")
    sandbox.server("cache", "kill")
    dead = [app(sandbox).read(1 + n % 5, quiet=n != 0) for n in range(DEAD_CACHE_READS)]
    note["reads_with_cache_killed"], note["answered_with_cache_killed"] = (
        len(dead),
        sum(r.answered for r in dead),
    )
    note["dead_cache_p50_ms"] = round(median(r.took_ms for r in dead), 3)
    sandbox.server("cache", "restart")


def _time_hits_and_misses(sandbox: Sandbox) -> None:
    reads = [app(sandbox).read(item, quiet=True) for item in range(100, 130) for _ in range(3)]
    hits, misses = (
        [r.took_ms for r in reads if r.meaning == "hit"],
        [r.took_ms for r in reads if r.meaning == "miss"],
    )
    if hits and misses:
        sandbox.measurements["hit_p50_ms"], sandbox.measurements["miss_p50_ms"] = (
            round(median(hits), 3),
            round(median(misses), 3),
        )
        sandbox.measurements["hit_times_faster"] = round(median(misses) / median(hits), 1)


def _stale_seconds(sandbox: Sandbox, *, item: int) -> float:
    """Store an item, change its price untold, read until it is fresh: seconds from the change to
    the last stale answer.
    """
    ttl_s = float(sandbox.settings["ttl_s"])
    app(sandbox).flush()
    stored = app(sandbox).read(item)
    write = app(sandbox).write(item, 19.90)
    stale_until = write.ended
    while time.monotonic() - stored.ended < ttl_s + 2.5:
        read = app(sandbox).read(item, quiet=True)
        if read.stale:
            stale_until = read.ended
        elif time.monotonic() - stored.ended > ttl_s:
            break
        time.sleep(0.05)
    app(sandbox).read(item)
    return stale_until - write.ended


LAB = Lab(
    id="cache-aside",
    title="Cache-aside",
    question="Who asks the database, and when?",
    about="Ask the cache, on a miss ask the database and store. Change a price behind the "
    "cache’s back; then kill the cache.",
    minutes=15,
    topology=storefront.TOPOLOGY,
    parts=storefront.PARTS,
    controls=(
        storefront.ENGINE,
        storefront.what_is_read("page"),
        storefront.ttl(60),
        Choice(
            "invalidate",
            "When a price changes",
            (("delete", "delete the cached page"), ("none", "tell nobody")),
            "delete",
        ),
        storefront.clients(2),
        storefront.rate(100),
        Number(
            "write_percent",
            "Writes",
            0,
            50,
            1,
            5,
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
        Action("read-ten", "Read it ten times", "step", read_ten, (storefront.ITEM,)),
        Action(
            "change-price",
            "Change the price",
            "step",
            change_price,
            (storefront.ITEM, storefront.PRICE),
        ),
        Action(
            "flush",
            "Flush the cache",
            "step",
            flush,
            here="FLUSHALL, or flush_all.",
            aws="The same commands; there is no button for it in the console.",
        ),
    ),
    checks=CHECKS,
    charts=(
        *storefront.CHARTS,
        Chart(
            "Stale reads, writes and errors", ("stale_reads_per_s", "writes_per_s", "errors_per_s")
        ),
    ),
    tiles=(
        "hit_rate_percent",
        "hit_p50_ms",
        "miss_p50_ms",
        "database_queries_per_s",
        "stale_reads_per_s",
        "items",
    ),
    predictions=(
        Prediction(
            "ten-reads",
            "You read item 42 ten times in a row, starting with an empty cache. How many "
            "queries does the database see?",
            measure_ten_reads,
            unit="queries",
            unit_of_one="query",
            why="The first read is a miss and asks once. The other nine are hits, and the "
            "database hears nothing.",
        ),
        Prediction(
            "stale-for",
            "Time to live 3 s. The price changes just after the page was stored, and nobody "
            "tells the cache. For how many seconds is the old price served?",
            measure_stale_for,
            unit="s",
            tolerance=TOLERANCES.get("stale-for", 0.0),
            slack=0.5,
            decimals=1,
            why="Until the time to live ends: it bounds staleness, it does not remove it. "
            "Memcached counts in whole seconds and may be one off.",
        ),
        Prediction(
            "dead-cache",
            "The cache is killed. Of 50 reads, how many are answered?",
            measure_dead_cache,
            unit="reads",
            unit_of_one="read",
            why="All: the strategy catches the error and asks the database. Slower, never wrong.",
        ),
    ),
    wrong=WRONG,
    reference=reference,
)
