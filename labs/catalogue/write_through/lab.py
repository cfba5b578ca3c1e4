"""Write-through: every write to the database is also a write to the cache.

What it cures, what a write costs, and which keys lie in memory without ever being read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median

from labs.caching import cache_aside, write_through
from labs.catalogue.write_through import checks
from labs.catalogue.write_through.memory import TABLE, count
from labs.events import Value
from labs.lab import Chart, Choice, Number, Strategy
from labs.sandbox.experiment import refuted, require, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, mutants, storefront, trials
from labs.setups.shop.application import app

FAST_PER_S = 4_000
DEADLINE_S = 40.0
"""An idle machine reads often enough in two seconds, a busy one takes longer."""
SINGLE_WRITES = 30
AFTER_RESTART = 20


def strategies(
    read: Callable[..., object] = write_through.read,
    write: Callable[..., object] = write_through.write,
) -> dict[str, Strategy]:
    """Every strategy of the lab; a mutant hands in another read or write of write-through."""
    return {
        "write-through": Strategy("write-through", "Write-through", read, write),
        "write-through-fill": Strategy(
            "write-through-fill", "Write-through, and a miss fills", cache_aside.read, write
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
    """The strategy that the settings ask for."""
    name = str(settings["strategy"])
    fills = name == "write-through" and settings["missing"] == "fill"
    return "write-through-fill" if fills else name


lab = storefront.lab(
    "write-through",
    title="Write-through",
    question="What if every write told the cache, too?",
    about="Commit, then store. See that nothing goes stale while one client writes, what a "
    "write costs, what a new node holds, and what lies in memory for nobody.",
    minutes=15,
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
        storefront.rate(400, maximum=5_000),
        storefront.write_percent(10, maximum=90),
        storefront.skew(1.0),
        storefront.cache_mb(32, minimum=2, more="Another size is another node: it starts empty."),
    ),
    strategies=strategies(),
    pick_strategy=pick_strategy,
    actions=(storefront.READ,),
    charts=(
        charts.HIT_RATE,
        charts.OPERATIONS,
        Chart(
            "What a write and a hit take",
            ("write_p50_ms", "write_p99_ms", "hit_p50_ms", "miss_p50_ms"),
            "log",
        ),
        charts.TIERS,
        charts.KEYS,
        charts.STALE_READS_AND_ERRORS,
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
    tables=(TABLE,),
    checks=(
        checks.two_trips,
        checks.new_node_empty,
        checks.never_stale,
        checks.unread_keys,
    ),
)


@lab.action(
    "Change the price", gear="step", fields=(storefront.ITEM, storefront.PRICE), primary=True
)
def change_price(sandbox: Sandbox, item: float, price: float) -> str:
    """A price change through the strategy on the page, and what each trip took."""
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


@lab.action("Change ten prices", gear="step", fields=(Number("item", "From item", 1, 990, 1, 100),))
def change_ten(sandbox: Sandbox, item: float) -> str:
    """Ten price changes, one after the other, of ten items."""
    writes = [app(sandbox).write(int(item) + n, 19.90 + n, quiet=True) for n in range(10)]
    return (
        f"Ten prices changed: {median(w.ms_at('database') for w in writes):.2f} ms at the database "
        f"and {median(w.ms_at('cache') for w in writes):.2f} ms at the cache, at the median."
    )


@lab.action(
    "Count the keys",
    gear="load",
    here="every key of the server, compared with what any client has ever asked for.",
    aws="CurrItems counts the keys; nothing counts those that nobody reads.",
)
def count_keys(sandbox: Sandbox) -> str:
    """Count the keys on the server, and those that no client has read; adds a row to the table."""
    row = count(sandbox)
    sandbox.tabulate(TABLE.name, [*sandbox.found.get(TABLE.name, []), row])
    text = f"The server holds {row['keys']:.0f} keys. Nobody has read {row['unread']:.0f} of them."
    sandbox.say(text, "here")
    return text


@lab.action("Empty the cache", gear="load")
def begin_anew(sandbox: Sandbox) -> str:
    """Empty the cache and forget what was asked for."""
    trials.begin(sandbox)
    return "The cache is empty, and what was asked for is forgotten."


@lab.action(
    "Replace the cache node",
    gear="break",
    fault=True,
    here="the server is restarted, with nothing on disk.",
    aws="a replaced Memcached node starts empty, as does a Redis node without a replica.",
)
def new_node(sandbox: Sandbox) -> str:
    """Put an empty cache node in place of this one."""
    sandbox.server("cache", "restart")
    return "A new node stands there. It holds nothing."


@lab.prediction(
    "One client reads and writes, and every write tells the cache. Of 5,000 reads, how many are "
    "stale?",
    unit="reads",
    unit_of_one="read",
    why="None: by the time its next read begins, the cache has been told. With two clients at once "
    "that is no longer certain; another lab finds out why.",
)
def stale_reads(sandbox: Sandbox) -> float:
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
    return checks.counted(sandbox)["stale_reads"]


@lab.prediction(
    "A write now goes to the database and then to the cache. How many times as long does it take "
    "as the database alone?",
    unit="times",
    unit_of_one="time",
    slack=0.25,
    decimals=2,
    why="The second trip is the shorter one, but it is a trip: every write waits for it.",
)
def write_times(sandbox: Sandbox) -> float:
    """How many times as long a write takes with both trips as with the first alone."""
    require(sandbox)
    with temporarily(sandbox, strategy="write-through", missing="ask", read="row"):
        return round(_time_writes(sandbox)[2], 2)


@lab.prediction(
    "The cache is empty. 600 requests come, half of them writes. What percentage of the keys in "
    "memory has nobody read?",
    unit="%",
    slack=10.0,
    decimals=0,
    why="Most items are asked for rarely, and a write stores them all the same. A time to live "
    "lets them go again.",
)
def unread(sandbox: Sandbox) -> float:
    """Percentage of keys that no client has read after 600 requests, half of them writes."""
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
        trials.run(sandbox, 1.5)
        return float(count(sandbox)["unread_percent"])


@lab.prediction(
    "20 items are in the cache, each a hit. The node is replaced, then each is read once. How many "
    "are hits?",
    unit="hits",
    unit_of_one="hit",
    why="None: a new node is empty, and only a write fills it. Most applications let a miss fill "
    "it as well.",
)
def after_restart(sandbox: Sandbox) -> float:
    """Hits of 20 reads right after the cache was replaced; every item had been a hit before."""
    require(sandbox)
    with temporarily(sandbox, strategy="write-through", missing="ask"):
        for n in range(AFTER_RESTART):
            app(sandbox).write(200 + n, 20.0 + n, quiet=True)
            app(sandbox).read(200 + n, quiet=True)
        new_node(sandbox)
        return float(sum(app(sandbox).read(200 + n, quiet=True).hits for n in range(AFTER_RESTART)))


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    shop, note = app(sandbox), sandbox.measurements
    sandbox.set("strategy", "write-through")
    sandbox.set("missing", "ask")
    sandbox.set("expires", "off")
    note["write_database_ms"], note["write_cache_ms"], note["write_times"] = (
        round(value, 3) for value in _time_writes(sandbox)
    )
    with temporarily(sandbox, strategy="cache-aside-untold"):
        alone = [shop.write(300 + n, 20.0, quiet=True).took_ms for n in range(SINGLE_WRITES)]
        note["write_untold_ms"] = round(median(alone), 3)

    shop.write(42, 24.90)
    shop.read(42)
    new_node(sandbox)
    empty = [shop.read(42) for _ in range(2)]
    shop.write(42, 25.90)
    shop.read(42)
    note["misses_on_new_node"] = sum(r.misses for r in empty)

    with temporarily(sandbox, clients=1, rate_per_s=400, write_percent=50):
        trials.run(sandbox, 1.5)
        count_keys(sandbox)
    row = sandbox.found[TABLE.name][-1]
    note["keys_in_memory"], note["unread_keys"], note["unread_percent"] = (
        float(row[name]) for name in ("keys", "unread", "unread_percent")
    )
    if refuted(sandbox, but=(checks.never_stale,)):
        return

    # Where a miss fills as well, most reads are hits: those are the ones that could be stale.
    with temporarily(sandbox, missing="fill", clients=1, rate_per_s=FAST_PER_S, write_percent=5):
        _load_until(sandbox, checks.READS)
    found = checks.counted(sandbox)
    note["reads"], note["stale_reads"], note["writes"], note["hits"] = (
        found[name] for name in ("reads", "stale_reads", "writes", "hits_by_the_server")
    )
    note["hit_rate_percent"] = round(
        100 * found["hits_by_the_server"] / max(1.0, found["reads"]), 1
    )


def _time_writes(sandbox: Sandbox) -> tuple[float, float, float]:
    """Medians of single writes: at the database, at the cache, and both over the first."""
    writes = [app(sandbox).write(100 + n, 20.0 + n, quiet=n != 0) for n in range(SINGLE_WRITES)]
    database_ms = median(w.ms_at("database") for w in writes)
    cache_ms = median(w.ms_at("cache") for w in writes)
    return database_ms, cache_ms, (database_ms + cache_ms) / database_ms


def _load_until(sandbox: Sandbox, reads: int) -> None:
    """A load from nothing, until this many reads were counted or one was stale."""
    trials.begin(sandbox)
    sandbox.sampler.clear()
    sandbox.start_load()
    sandbox.wait_until(
        lambda: (
            checks.counted(sandbox)["reads"] >= reads or checks.counted(sandbox)["stale_reads"] > 0
        ),
        deadline_s=DEADLINE_S,
        every_s=0.1,
    )
    sandbox.checker.judge()
    sandbox.stop_load()


lab.mutant(
    "never-overwrites",
    "stores an item at its first write and never again",
    caught_by=checks.never_stale,
    strategies=strategies(write=mutants.write_never_overwrites),
)
lab.mutant(
    "asks-again",
    "asks the database for what it has just written",
    caught_by=checks.two_trips,
    strategies=strategies(write=mutants.write_asks_again),
)
lab.mutant(
    "fills-on-a-miss",
    "says that only writes store, and stores at a read",
    caught_by=checks.new_node_empty,
    strategies=strategies(read=cache_aside.read),
)
lab.mutant(
    "refreshes-only",
    "writes to the cache only what is there already",
    caught_by=checks.unread_keys,
    strategies=strategies(cache_aside.read, mutants.write_refreshes_only),
)
