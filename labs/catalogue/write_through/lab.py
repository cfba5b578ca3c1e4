"""Write-through: whoever writes the database writes the cache.

What it cures, what a write costs, and what lies in memory unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from labs.caching import cache_aside, write_through
from labs.catalogue.write_through.checks import CHECKS, READS, counted, never_stale
from labs.catalogue.write_through.wrong import WRONG
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
from labs.setups.shop.application import app
from labs.setups.shop.counters import cache_engine

FAST_PER_S = 4_000
DEADLINE_S = 40.0
"""A busy machine takes longer to read so often; an idle one two seconds."""
SINGLE_WRITES = 30
AFTER_RESTART = 20

TOLERANCES = tolerances.of(Path(__file__).parent)

STRATEGIES = {
    "write-through": Strategy(
        "write-through", "Write-through", write_through.read, write_through.write
    ),
    "write-through-fill": Strategy(
        "write-through-fill",
        "Write-through, and a miss fills",
        cache_aside.read,
        write_through.write,
    ),
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
    name = str(settings["strategy"])
    return (
        "write-through-fill" if name == "write-through" and settings["missing"] == "fill" else name
    )


def change_price(sandbox: Sandbox, item: float, price: float) -> str:
    """A price change through the strategy on the page; says what each trip took."""
    return storefront.write_price(
        sandbox,
        item,
        price,
        lambda request: (
            f": {len(request.trips)} trip{'' if len(request.trips) == 1 else 's'}, "
            f"{request.ms_at('database'):.2f} ms at the database, {request.ms_at('cache'):.2f} "
            "ms at the cache."
        ),
    )


def change_ten(sandbox: Sandbox, item: float) -> str:
    """Ten price changes, one after the other, of ten items."""
    writes = [app(sandbox).write(int(item) + n, 19.90 + n, quiet=True) for n in range(10)]
    return (
        f"Ten prices changed: {median(w.ms_at('database') for w in writes):.2f} ms at the "
        f"database and {median(w.ms_at('cache') for w in writes):.2f} ms at the cache, at "
        "the median."
    )


def new_node(sandbox: Sandbox) -> str:
    """Another cache node in the place of this one: empty."""
    sandbox.server("cache", "restart")
    return "A new node stands there. It holds nothing."


def count_keys(sandbox: Sandbox) -> str:
    """Count the keys on the server, and those among them that nobody has read; adds a row to the
    table.
    """
    row = _count(sandbox)
    sandbox.tabulate("memory", [*sandbox.found.get("memory", []), row])
    text = f"The server holds {row['keys']:.0f} keys. Nobody has read {row['unread']:.0f} of them."
    sandbox.say(text, "here")
    return text


def begin_anew(sandbox: Sandbox) -> str:
    """Empty the cache and forget what was asked for."""
    trials.begin(sandbox)
    return "The cache is empty, and what was asked for is forgotten."


def measure_stale_reads(sandbox: Sandbox) -> float:
    """Stale reads of 5,000, with one client that reads and writes through the cache."""
    require(sandbox)
    with temporarily(
        sandbox,
        strategy="write-through",
        missing="fill",
        clients=1,
        rate_per_s=FAST_PER_S,
        write_percent=10,
    ):
        _load_until(sandbox, 5_000)
    return counted(sandbox)["stale_reads"]


def measure_write_times(sandbox: Sandbox) -> float:
    """How many times as long a write takes with both trips as with the first alone."""
    require(sandbox)
    with temporarily(sandbox, strategy="write-through", missing="ask", read="row"):
        return round(_write_times(sandbox)[2], 2)


def measure_unread(sandbox: Sandbox) -> float:
    """Percentage of keys that nobody has read after 600 requests, half of them writes."""
    require(sandbox)
    with temporarily(
        sandbox,
        strategy="write-through",
        missing="ask",
        expires="off",
        clients=1,
        rate_per_s=400,
        write_percent=50,
        skew=1.0,
    ):
        _few_requests(sandbox)
        return float(_count(sandbox)["unread_percent"])


def measure_after_restart(sandbox: Sandbox) -> float:
    """Hits of 20 reads right after the cache was replaced; every item had been a hit before."""
    require(sandbox)
    with temporarily(sandbox, strategy="write-through", missing="ask"):
        for n in range(AFTER_RESTART):
            app(sandbox).write(200 + n, 20.0 + n, quiet=True)
            app(sandbox).read(200 + n, quiet=True)
        new_node(sandbox)
        return float(sum(app(sandbox).read(200 + n, quiet=True).hits for n in range(AFTER_RESTART)))


def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    sandbox.set("strategy", "write-through")
    sandbox.set("missing", "ask")
    sandbox.set("expires", "off")
    note["write_database_ms"], note["write_cache_ms"], note["write_times"] = (
        round(value, 3) for value in _write_times(sandbox)
    )
    with temporarily(sandbox, strategy="cache-aside-untold"):
        note["write_untold_ms"] = round(
            median(
                app(sandbox).write(300 + n, 20.0, quiet=True).took_ms for n in range(SINGLE_WRITES)
            ),
            3,
        )

    app(sandbox).write(42, 24.90)
    app(sandbox).read(42)
    new_node(sandbox)
    empty = [app(sandbox).read(42) for _ in range(2)]
    app(sandbox).write(42, 25.90)
    app(sandbox).read(42)
    note["misses_on_new_node"] = sum(r.misses for r in empty)

    with temporarily(sandbox, clients=1, rate_per_s=400, write_percent=50):
        _few_requests(sandbox)
        count_keys(sandbox)
    row = sandbox.found["memory"][-1]
    note["keys_in_memory"], note["unread_keys"], note["unread_percent"] = (
        float(row[name]) for name in ("keys", "unread", "unread_percent")
    )
    if refuted(sandbox, but=(never_stale,)):
        return

    # Where a miss fills as well, most reads are hits: those are the ones that could be stale.
    with temporarily(sandbox, missing="fill", clients=1, rate_per_s=FAST_PER_S, write_percent=5):
        _load_until(sandbox, READS)
    found = counted(sandbox)
    note["reads"], note["stale_reads"], note["writes"], note["hits"] = (
        found[name] for name in ("reads", "stale_reads", "writes", "hits_by_the_server")
    )
    note["hit_rate_percent"] = round(
        100 * found["hits_by_the_server"] / max(1.0, found["reads"]), 1
    )


def _write_times(sandbox: Sandbox) -> tuple[float, float, float]:
    """Medians of single writes: at the database, at the cache, and both over the first."""
    writes = [app(sandbox).write(100 + n, 20.0 + n, quiet=n != 0) for n in range(SINGLE_WRITES)]
    database_ms, cache_ms = (
        median(w.ms_at("database") for w in writes),
        median(w.ms_at("cache") for w in writes),
    )
    return database_ms, cache_ms, (database_ms + cache_ms) / database_ms


def _load_until(sandbox: Sandbox, reads: int) -> None:
    """A load from nothing, until so many reads were counted or one was stale."""
    trials.begin(sandbox)
    sandbox.sampler.clear()
    sandbox.start_load()
    sandbox.wait_until(
        lambda: counted(sandbox)["reads"] >= reads or counted(sandbox)["stale_reads"] > 0,
        deadline_s=DEADLINE_S,
        every_s=0.1,
    )
    sandbox.checker.judge()
    sandbox.stop_load()


def _few_requests(sandbox: Sandbox) -> None:
    """600 requests from nothing."""
    trials.run(sandbox, 1.5)


def _count(sandbox: Sandbox) -> dict[str, Value]:
    keys = trials.keys_now(sandbox)
    unread = [key for key in keys if not sandbox.commits.was_asked(trials.item_of(key))]
    held = trials.held_bytes(sandbox)
    return {
        "strategy": sandbox.strategy().label,
        "engine": cache_engine(sandbox),
        "keys": len(keys),
        "unread": len(unread),
        "unread_percent": round(100 * len(unread) / len(keys), 1) if keys else 0.0,
        "held_kb": round(held / 1024, 1),
    }


lab = Lab(
    id="write-through",
    title="Write-through",
    question="What if every write told the cache, too?",
    about="Commit, then store. See that nothing goes stale while one client writes, what a "
    "write costs, what a new node holds, and what lies in memory for nobody.",
    minutes=15,
    topology=storefront.TOPOLOGY,
    parts=storefront.PARTS,
    controls=(
        storefront.ENGINE,
        Choice(
            "strategy",
            "Strategy",
            (
                ("write-through", "write-through"),
                ("cache-aside", "cache-aside, delete on write"),
                ("cache-aside-untold", "cache-aside, cache not told"),
            ),
            "write-through",
        ),
        Choice(
            "missing",
            "A read that misses",
            (("ask", "asks, stores nothing"), ("fill", "fills the cache")),
            "ask",
            help="With write-through: does a read of a missing key store what it fetched?",
        ),
        storefront.what_is_read("row"),
        Choice("expires", "Time to live", (("off", "none"), ("on", "as below")), "off"),
        storefront.ttl(60),
        storefront.clients(1),
        Number(
            "rate_per_s",
            "Requests wanted",
            10,
            5_000,
            10,
            400,
            unit="/s",
            scale="log",
            gear="load",
            help="An open loop: requests are due on a schedule, whether or not the last one is "
            "done.",
        ),
        Number(
            "write_percent",
            "Writes",
            0,
            90,
            1,
            10,
            unit="%",
            gear="load",
            help="Of 100 requests, so many change a price.",
        ),
        storefront.skew(1.0),
        Number(
            "cache_mb",
            "Cache memory",
            2,
            64,
            1,
            32,
            unit="MB",
            scale="log",
            gear="load",
            help="maxmemory of Redis, -m of Memcached. Another size is another node: it starts "
            "empty.",
        ),
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
            primary=True,
        ),
        Action(
            "change-ten",
            "Change ten prices",
            "step",
            change_ten,
            (Number("item", "From item", 1, 990, 1, 100),),
        ),
        Action(
            "count-keys",
            "Count the keys",
            "load",
            count_keys,
            here="every key of the server, compared with what any client has ever asked for.",
            aws="CurrItems counts the keys; nothing counts those that nobody reads.",
        ),
        Action("begin-anew", "Empty the cache", "load", begin_anew),
        Action(
            "new-node",
            "Replace the cache node",
            "break",
            new_node,
            fault=True,
            here="the server is restarted, with nothing on disk.",
            aws="a replaced Memcached node starts empty, as does a Redis node without a replica.",
        ),
    ),
    checks=CHECKS,
    charts=(
        *storefront.CHARTS[:2],
        Chart(
            "What a write and a hit take",
            ("write_p50_ms", "write_p99_ms", "hit_p50_ms", "miss_p50_ms"),
            "log",
        ),
        storefront.CHARTS[3],
        Chart("Keys in the cache", ("items",)),
        Chart(
            "Stale reads, writes and errors", ("stale_reads_per_s", "writes_per_s", "errors_per_s")
        ),
        Chart("Evictions and expiry", ("evictions_per_s", "expired_per_s")),
    ),
    tiles=(
        "hit_rate_percent",
        "stale_reads_per_s",
        "write_p50_ms",
        "database_queries_per_s",
        "items",
        "evictions_per_s",
    ),
    tables=(
        Table(
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
                    "Keys on the server that no client has asked for since the cache was emptied",
                ),
                Column("held_kb", "Keys and values", "KB", 1),
            ),
            "Let a load write for a while, then count the keys.",
        ),
    ),
    predictions=(
        Prediction(
            "stale-reads",
            "One client reads and writes, and every write tells the cache. Of 5,000 reads, how "
            "many are stale?",
            measure_stale_reads,
            unit="reads",
            unit_of_one="read",
            why="None: by the time its next read begins, the cache has been told. With two "
            "clients at once that is no longer certain; another lab finds out why.",
        ),
        Prediction(
            "write-times",
            "A write now goes to the database and then to the cache. How many times as long "
            "does it take as the database alone?",
            measure_write_times,
            unit="times",
            unit_of_one="time",
            tolerance=TOLERANCES.get("write-times", 0.0),
            slack=0.25,
            decimals=2,
            why="The second trip is the shorter one, but it is a trip: every write waits for it.",
        ),
        Prediction(
            "unread",
            "The cache is empty. 600 requests come, half of them writes. What percentage of the "
            "keys in memory has nobody read?",
            measure_unread,
            unit="%",
            tolerance=TOLERANCES.get("unread", 0.0),
            slack=10.0,
            decimals=0,
            why="Most items are asked for rarely, and a write stores them all the same. A time "
            "to live lets them go again.",
        ),
        Prediction(
            "after-restart",
            "20 items are in the cache, each a hit. The node is replaced, then each is read "
            "once. How many are hits?",
            measure_after_restart,
            unit="hits",
            unit_of_one="hit",
            why="None: a new node is empty, and only a write fills it. Most applications let a "
            "miss fill it as well.",
        ),
    ),
    mutants=WRONG,
    run_reference=reference,
)
