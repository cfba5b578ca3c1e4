"""Cache-aside: ask the cache, on a miss ask the database and store.

What goes stale, what cures it, and what a dead cache costs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

from labs.catalogue.cache_aside import checks, guide, mutants
from labs.lab import Choice
from labs.sandbox.experiment import make_ready, temporarily
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, storefront, strategies
from labs.setups.shop.application import app

lab = storefront.lab(
    "cache-aside",
    title="Cache-aside",
    question="Who asks the database, and when?",
    about="Ask the cache, on a miss ask the database and store. Change a price behind the "
    "cache’s back; then kill the cache.",
    minutes=15,
    controls=(
        storefront.ENGINE,
        storefront.what_is_read("page"),
        storefront.ttl(60),
        Choice(
            "invalidate",
            "When a price changes",
            (("delete", "delete the cached page"), ("none", "leave the cached page")),
            "delete",
        ),
        storefront.clients(2),
        storefront.rate(100),
        storefront.write_percent(5, maximum=50),
        storefront.skew(1.0),
    ),
    strategies=strategies.by_name(strategies.DELETE_ON_WRITE, strategies.NOT_INVALIDATED),
    pick_strategy=lambda settings: (
        "cache-aside" if settings["invalidate"] == "delete" else "cache-aside-no-invalidation"
    ),
    actions=(storefront.READ,),
    charts=(*charts.USUAL, charts.STALE_READS_AND_ERRORS),
    tiles=(
        "hit_rate_percent",
        "hit_p50_ms",
        "miss_p50_ms",
        "database_queries_per_s",
        "stale_reads_per_s",
        "items",
    ),
    guide=guide.GUIDE,
    checks=(
        checks.first_read_misses,
        checks.second_read_hits,
        checks.delete_on_write,
        checks.stale_until_ttl,
        checks.dead_cache_answers,
    ),
    mutants=mutants.MUTANTS,
)


@lab.action("Read it ten times", gear="step", fields=(storefront.ITEM,))
def read_ten(sandbox: Sandbox, item: float) -> str:
    requests = [app(sandbox).read(int(item), quiet=True) for _ in range(10)]
    _note_times(sandbox, sandbox.ledger.reads())
    return (
        f"Ten reads of item {int(item)}: {sum(r.hits for r in requests)} hits, "
        f"{sum(r.queries for r in requests)} database queries, "
        f"{sum(r.stale for r in requests)} stale."
    )


def reached(request: Request) -> str:
    """Whether a write reached the cache as well."""
    if request.strategy == "cache-aside" and not request.cache_down:
        return ". The cached copy was deleted."
    return ". The cached copy was not deleted."


lab.actions += (storefront.price_change(reached),)


@lab.action(
    "Flush the cache",
    gear="step",
    empties=True,
    here="FLUSHALL, or flush_all.",
    aws="The same commands; there is no button for it in the console.",
)
def flush(sandbox: Sandbox) -> str:
    app(sandbox).flush()
    return "The cache is empty."


@lab.prediction(
    "You read item 42 ten times in a row, starting with an empty cache. How many queries does the "
    "database see?",
    unit="queries",
    unit_of_one="query",
    why="The first read is a miss and asks the database once. The other nine are hits, and the "
    "database does no work.",
)
def ten_reads(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    app(sandbox).flush()
    return float(sum(app(sandbox).read(42, quiet=True).queries for _ in range(10)))


@lab.prediction(
    "Time to live 3 s. The price changes just after the page was stored, and the cache keeps the "
    "old page. For how many seconds is the old price served?",
    unit="s",
    slack=0.5,
    decimals=1,
    why="Until the time to live ends: it bounds staleness, it does not remove it. Memcached counts "
    "in whole seconds and may be one off.",
)
def stale_for(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    with temporarily(sandbox, ttl_s=3, invalidate="none"):
        return _stale_seconds(sandbox, item=43)


@lab.prediction(
    "The cache is killed. Of 50 reads, how many are answered?",
    unit="reads",
    unit_of_one="read",
    why="All: the strategy catches the error and asks the database. Slower, never wrong.",
)
def dead_cache(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    return float(sum(read.answered for read in _read_without_cache(sandbox)))


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    shop, note = app(sandbox), sandbox.measurements
    sandbox.set("invalidate", "delete")
    shop.flush()
    first, second = shop.read(42), shop.read(42)
    note["first_read_queries"], note["second_read_queries"] = first.queries, second.queries
    _time_hits_and_misses(sandbox)

    shop.write(42, 24.90)
    after_delete = [shop.read(42, quiet=True) for _ in range(5)]
    note["stale_reads_after_delete"] = sum(r.stale for r in after_delete)

    note["ttl_s"] = 2.0
    with temporarily(sandbox, ttl_s=note["ttl_s"], invalidate="none"):
        note["stale_for_s"] = round(_stale_seconds(sandbox, item=43), 3)

    dead = _read_without_cache(sandbox)
    note["reads_with_cache_killed"] = len(dead)
    note["answered_with_cache_killed"] = sum(r.answered for r in dead)
    note["dead_cache_p50_ms"] = round(median(r.took_ms for r in dead), 3)


def _read_without_cache(sandbox: Sandbox) -> list[Request]:
    """50 reads with the cache killed; it is started again afterwards."""
    sandbox.server("cache", "kill")
    try:
        return [app(sandbox).read(1 + n % 5, quiet=True) for n in range(50)]
    finally:
        sandbox.server("cache", "restart")


def _time_hits_and_misses(sandbox: Sandbox) -> None:
    reads = [app(sandbox).read(item, quiet=True) for item in range(100, 130) for _ in range(3)]
    _note_times(sandbox, reads)


def _note_times(sandbox: Sandbox, reads: Sequence[Request]) -> None:
    """Note how long a hit and a miss took, as lessons quote it, if there are both."""
    hits = [r.took_ms for r in reads if r.meaning == "hit"]
    misses = [r.took_ms for r in reads if r.meaning == "miss"]
    if hits and misses:
        note = sandbox.measurements
        note["hit_p50_ms"] = round(median(hits), 3)
        note["miss_p50_ms"] = round(median(misses), 3)
        note["hit_times_faster"] = round(median(misses) / median(hits), 1)


def _stale_seconds(sandbox: Sandbox, *, item: int) -> float:
    """Store an item, change its price without telling the cache, read until it is fresh: seconds
    from the change to the last stale answer.
    """
    shop, ttl_s = app(sandbox), float(sandbox.settings["ttl_s"])
    shop.flush()
    stored = shop.read(item)
    write = shop.write(item, 19.90)
    stale_until = write.ended
    while time.monotonic() - stored.ended < ttl_s + 2.5:
        read = shop.read(item, quiet=True)
        if read.stale:
            stale_until = read.ended
        elif time.monotonic() - stored.ended > ttl_s:
            break
        time.sleep(0.05)
    shop.read(item)
    return stale_until - write.ended
