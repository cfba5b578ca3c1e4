"""Write-through: every write to the database is also a write to the cache.

Which stale reads it prevents, what a write costs, and which keys fill the memory without ever being
read.
"""

from __future__ import annotations

from labs.catalogue.write_through import checks, experiments, guide, mutants
from labs.lab import Chart, Choice, Number
from labs.sandbox.experiment import make_ready, refuted, temporarily
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, storefront, strategies, trials
from labs.setups.shop.application import app


def trips(request: Request) -> str:
    """What each trip of a write took."""
    return (
        f": {len(request.trips)} trip{'' if len(request.trips) == 1 else 's'}, "
        f"{request.ms_at('database'):.2f} ms at the database, {request.ms_at('cache'):.2f} ms at "
        "the cache."
    )


lab = storefront.lab(
    "write-through",
    title="Write-through",
    question="What if every write changed the cache, too?",
    about="Commit, then store. See that nothing goes stale while one client writes, what a "
    "write costs, what a new node holds, and what lies in memory unread.",
    minutes=15,
    controls=(
        storefront.ENGINE,
        Choice(
            "strategy",
            "Strategy",
            (
                ("write-through", "write-through"),
                ("cache-aside", "cache-aside, delete on write"),
                ("cache-aside-no-invalidation", "cache-aside, without a delete"),
            ),
            "write-through",
            formerly=(("cache-aside-untold", "cache-aside-no-invalidation"),),
        ),
        Choice(
            "missing",
            "A read that misses",
            (("ask", "asks, stores nothing"), ("fill", "fills the cache")),
            "ask",
            help="With write-through: does a read of a missing key store what it fetched?",
        ),
        storefront.what_is_read("row"),
        storefront.expires("off"),
        storefront.ttl(60),
        storefront.clients(1),
        storefront.rate(400, maximum=5_000),
        storefront.write_percent(10, maximum=90),
        storefront.skew(1.0),
        storefront.cache_mb(32, minimum=2, more="Another size is another node: it starts empty."),
    ),
    strategies=strategies.by_name(
        strategies.WRITE_THROUGH,
        strategies.WRITE_THROUGH_FILL,
        strategies.DELETE_ON_WRITE,
        strategies.NOT_INVALIDATED,
    ),
    pick_strategy=strategies.pick,
    actions=(storefront.READ, storefront.price_change(trips, primary=True)),
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
    tables=(experiments.TABLE,),
    checks=(checks.two_trips, checks.new_node_empty, checks.never_stale, checks.unread_keys),
    mutants=mutants.MUTANTS,
    guide=guide.GUIDE,
)


@lab.action("Change ten prices", gear="step", fields=(Number("item", "From item", 1, 990, 1, 100),))
def change_ten(sandbox: Sandbox, item: float) -> str:
    database_ms, cache_ms = experiments.write(sandbox, int(item), 10)
    return (
        f"Ten prices changed: {database_ms:.2f} ms at the database and {cache_ms:.2f} ms at the "
        "cache, at the median."
    )


@lab.action(
    "Count the keys",
    gear="load",
    here="every key of the server, compared with the keys that a client has read.",
    aws="CurrItems counts the keys; nothing counts those that are never read.",
)
def count_keys(sandbox: Sandbox) -> str:
    row = experiments.count(sandbox)
    sandbox.tabulate(experiments.TABLE.name, [*sandbox.found.get(experiments.TABLE.name, []), row])
    text = f"The server holds {row['keys']:.0f} keys; {row['unread']:.0f} of them were never read."
    sandbox.say(text, "here")
    return text


@lab.action("Empty the cache", gear="load", empties=True)
def empty_cache(sandbox: Sandbox) -> str:
    trials.begin(sandbox)
    return "The cache is empty, and the list of the keys that were read is, too."


@lab.action(
    "Replace the cache node",
    gear="break",
    fault=True,
    here="the server is restarted, with nothing on disk.",
    aws="a replaced Memcached node starts empty, as does a Redis node without a replica.",
)
def new_node(sandbox: Sandbox) -> str:
    sandbox.server("cache", "restart")
    return "The cache has a new node, which holds nothing."


@lab.prediction(
    "One client reads and writes, and every write changes the cache. Of 5,000 reads, how many are "
    "stale?",
    unit="reads",
    unit_of_one="read",
    why="None: the cache has the new price before its next read begins. With two clients at once "
    "that is no longer certain; another lab finds out why.",
)
def stale_reads(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    experiments.load_until(sandbox, 5_000, write_percent=10)
    return experiments.counted(sandbox)["stale_reads"]


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
    make_ready(sandbox)
    with temporarily(sandbox, strategy="write-through", missing="ask", read="row"):
        database_ms, cache_ms = experiments.write(sandbox, 100)
        return round((database_ms + cache_ms) / database_ms, 2)


@lab.prediction(
    "The cache is empty. 600 requests come, half of them writes. What percentage of the keys in "
    "memory was never read?",
    unit="%",
    slack=10.0,
    decimals=0,
    why="Most items are read rarely, and a write stores them all the same. A time to live removes "
    "them again.",
)
def unread(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    with temporarily(sandbox, strategy="write-through", missing="ask", expires="off", skew=1.0):
        experiments.let_write(sandbox)
        return float(experiments.count(sandbox)["unread_percent"])


@lab.prediction(
    "20 items are in the cache, each a hit. The node is replaced, then each is read once. How many "
    "are hits?",
    unit="hits",
    unit_of_one="hit",
    why="None: a new node is empty, and only a write fills it. Most applications let a miss fill "
    "it as well.",
)
def after_restart(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    with temporarily(sandbox, strategy="write-through", missing="ask"):
        for item in range(200, 220):
            app(sandbox).write(item, 20.0, quiet=True)
            app(sandbox).read(item, quiet=True)
        new_node(sandbox)
        return float(sum(app(sandbox).read(item, quiet=True).hits for item in range(200, 220)))


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    shop, note = app(sandbox), sandbox.measurements
    sandbox.set("strategy", "write-through")
    sandbox.set("missing", "ask")
    sandbox.set("expires", "off")
    database_ms, cache_ms = experiments.write(sandbox, 100)
    note["write_database_ms"], note["write_cache_ms"] = round(database_ms, 3), round(cache_ms, 3)
    note["write_times"] = round((database_ms + cache_ms) / database_ms, 3)
    with temporarily(sandbox, strategy="cache-aside-no-invalidation"):
        note["write_no_invalidation_ms"] = round(experiments.write(sandbox, 300)[0], 3)

    shop.write(42, 24.90)
    shop.read(42)
    new_node(sandbox)
    note["misses_on_new_node"] = sum(shop.read(42).misses for _ in range(2))
    shop.write(42, 25.90)
    shop.read(42)

    experiments.let_write(sandbox)
    count_keys(sandbox)
    row = sandbox.found[experiments.TABLE.name][-1]
    note["keys_in_memory"] = float(row["keys"])
    note["unread_keys"] = float(row["unread"])
    note["unread_percent"] = float(row["unread_percent"])
    if refuted(sandbox, but=(checks.never_stale,)):
        return

    experiments.load_until(sandbox, checks.READS, write_percent=5)
    found = experiments.counted(sandbox)
    note["hits"] = found.pop("hits_by_the_server")
    note |= found
    note["hit_rate_percent"] = round(100 * note["hits"] / max(1.0, note["reads"]), 1)
