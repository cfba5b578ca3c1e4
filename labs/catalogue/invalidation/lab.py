"""Invalidation: five ways to get rid of an old answer, how long each still serves it, and what each
leaves behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from labs.caching import cache_aside, tagged_keys, told_locals, versioned_keys
from labs.catalogue.invalidation import checks
from labs.catalogue.invalidation.windows import TABLE, keys_left_behind, listeners, run_trial
from labs.events import Value
from labs.lab import Choice, Link, Node, Number, Strategy, Topology
from labs.sandbox.experiment import refuted, require, temporarily
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, mutants, storefront, trials
from labs.setups.shop.application import app
from labs.shop.popularity import category_of

OTHER = 43
"""An item of another category than 42's; so are most."""
QUOTED = (
    "stale",
    "stale_percent",
    "staleness_p50_ms",
    "staleness_p99_ms",
    "staleness_max_ms",
    "hit_percent",
    "keys",
    "left_behind",
    "cache_commands_per_request",
)
"""What lessons quote of each way's row."""

TOPOLOGY = Topology(
    nodes=(
        Node("app", "Shop app", "app", about="each process may have a cache of its own"),
        Node("cache", "cache", "redis", about="shared keys, and the channel"),
        Node("database", "database", "postgres", about="products, reviews, orders"),
    ),
    links=(Link("cache", "app", "cache"), Link("database", "app", "database")),
)

STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("ttl", "Time to live alone", cache_aside.read, cache_aside.write_untold),
        Strategy("delete", "Delete on write", cache_aside.read, cache_aside.write),
        Strategy("versioned", "Versioned keys", versioned_keys.read, versioned_keys.write),
        Strategy("tags", "Tags by category", tagged_keys.read, tagged_keys.write),
        Strategy("told", "Caches in the processes, told", told_locals.read, told_locals.write),
    )
}


def pick_strategy(settings: Mapping[str, Value]) -> str:
    """The strategy that the settings ask for."""
    return str(settings["way"])


lab = storefront.lab(
    "invalidation",
    title="Invalidation",
    question="The price has changed. Who forgets the old one, and when?",
    about="Wait for the time to live, delete, count versions, tag a category, or tell every "
    "process. Measure how long each serves what is old, and what each leaves behind.",
    minutes=20,
    topology=TOPOLOGY,
    controls=(
        Choice(
            "way",
            "When a price changes",
            tuple((name, strategy.label) for name, strategy in STRATEGIES.items()),
            "ttl",
            help="Redis, for Memcached can neither publish nor be listened to.",
        ),
        Choice("expires", "Time to live as well", (("on", "yes"), ("off", "no")), "on"),
        Number("ttl_s", "Time to live", 0.2, 60, 0.1, 2, unit="s", scale="log"),
        storefront.TRIAL_SECONDS,
        Number(
            "clients",
            "Processes",
            1,
            8,
            1,
            2,
            gear="load",
            help="Each has its own memory, its own connections and its own ear on the channel.",
        ),
        storefront.rate(1_000),
        storefront.write_percent(10, minimum=1, maximum=90),
        storefront.skew(1.0),
    ),
    strategies=STRATEGIES,
    pick_strategy=pick_strategy,
    charts=(
        charts.HIT_RATE,
        charts.OPERATIONS,
        charts.STALE_READS,
        charts.STALENESS,
        charts.KEYS,
        charts.HITS_MISSES_AND_WRITES,
        charts.TIERS,
    ),
    tiles=(
        "stale_reads_per_s",
        "staleness_p99_ms",
        "hit_p50_ms",
        "cache_ops_per_s",
        "database_queries_per_s",
        "items",
    ),
    tables=(TABLE,),
    checks=(
        checks.tag_takes_all,
        checks.ttl_window,
        checks.delete_window,
        checks.left_behind,
        checks.told_window,
        checks.message_lost,
    ),
)


@lab.action("Read it", gear="step", fields=(storefront.ITEM,))
def read(sandbox: Sandbox, item: float) -> str:
    """One read through the strategy on the page, and the category that the item is in."""
    return f"{storefront.read_item(sandbox, item)} It is in category {category_of(int(item))}."


@lab.action("Change the price", gear="step", fields=(storefront.ITEM, storefront.PRICE))
def change_price(sandbox: Sandbox, item: float, price: float) -> str:
    """A price change through the strategy on the page."""
    return storefront.write_price(
        sandbox,
        item,
        price,
        lambda request: (
            f", in category {category_of(int(item))}."
            + (" Nobody heard of it: the cache does not answer." if request.cache_down else "")
        ),
    )


@lab.action("Read ten of its category", gear="step", fields=(storefront.ITEM,))
def read_category(sandbox: Sandbox, item: float) -> str:
    """Read ten items of one category."""
    reads = [app(sandbox).read(each, quiet=True) for each in _ten_of_category(int(item))]
    return (
        f"Ten items of category {category_of(int(item))}: {sum(not r.queries for r in reads)} "
        f"without the database, {sum(r.stale for r in reads)} stale."
    )


@lab.action(
    "Count the keys",
    gear="load",
    here="every key of the server, by SCAN.",
    aws="CurrItems counts them all; which of them nobody wants, only you can tell.",
)
def count_keys(sandbox: Sandbox) -> str:
    """Count the keys on the server, and those that no read will ask for again."""
    keys = trials.keys_now(sandbox)
    text = (
        f"The server holds {len(keys)} keys. Nobody will ask for "
        f"{len(keys_left_behind(sandbox, keys))} of them again."
    )
    sandbox.say(text, "here")
    return text


@lab.action("Flush the cache", gear="load")
def flush(sandbox: Sandbox) -> str:
    """Empty the shared cache, and the application's own."""
    trials.begin(sandbox)
    return "The cache is empty, and so is the application’s own memory."


@lab.action(
    "Measure all five",
    gear="view",
    primary=True,
    here="one after the other on the same servers, emptied each time, with the same seeded "
    "requests.",
    aws="PUBLISH and SUBSCRIBE work on nodes as here; serverless caches have no PSUBSCRIBE. "
    "Memcached has neither.",
    deadline_s=90.0,
)
def measure_all(sandbox: Sandbox) -> str:
    """All five, one after the other, with the same requests; the table grows as each is done."""
    require(sandbox)
    trials.compare(sandbox, TABLE.name, "way", STRATEGIES, run_trial)
    return "All five have had the same requests. Their windows stand beside one another."


@lab.action("Measure the one chosen", gear="view", deadline_s=20.0)
def measure_one(sandbox: Sandbox) -> str:
    """The way on the page alone, with the same requests."""
    require(sandbox)
    row = run_trial(sandbox, str(sandbox.settings["way"]))
    return (
        f"{row['way']}: {row['stale']:.0f} stale reads of {row['reads']:.0f}, "
        f"{row['left_behind']:.0f} keys left behind."
    )


@lab.prediction(
    "Versioned keys, a time to live of a minute. One price is changed 20 times, and read before "
    "the first and after each. How many keys are on the server?",
    unit="keys",
    unit_of_one="key",
    why="21 versions of the answer, of which one will be asked for again, and the number that says "
    "which. Without a time to live they stay until memory is short.",
)
def left_behind(sandbox: Sandbox) -> float:
    """Keys on the server after one price was changed twenty times and read after each change, with
    versioned keys.
    """
    require(sandbox)
    with temporarily(sandbox, way="versioned", ttl_s=60, expires="on"):
        trials.begin(sandbox)
        app(sandbox).read(42, quiet=True)
        for n in range(20):
            app(sandbox).write(42, 20.0 + n, quiet=True)
            app(sandbox).read(42, quiet=True)
        return float(len(trials.keys_now(sandbox)))


@lab.prediction(
    "Ten items of one category are cached, tagged with it. The price of one changes. Of the next "
    "ten reads, how many ask the database?",
    unit="reads",
    unit_of_one="read",
    why="All ten: the category has a new generation, and none of the keys that a read asks for now "
    "exists yet.",
)
def tag_misses(sandbox: Sandbox) -> float:
    """Queries of ten reads of one category after the price of one of them was changed; all ten had
    been hits.
    """
    require(sandbox)
    with temporarily(sandbox, way="tags", ttl_s=60, expires="on"):
        trials.begin(sandbox)
        items = _ten_of_category(42)
        for item in (*items, *items):
            app(sandbox).read(item, quiet=True)
        app(sandbox).write(items[0], 24.90, quiet=True)
        return float(sum(app(sandbox).read(item, quiet=True).queries for item in items))


@lab.prediction(
    "A process has item 42 in its own memory. The server dies, the price of 42 changes, the server "
    "is back, and messages come through again. What does the process serve for 42?",
    options=(("fresh", "the new price"), ("stale", "the old price"), ("error", "an error")),
    why="The old one, until its time to live ends. Publish and subscribe delivers at most once: "
    "what nobody heard is not said again.",
)
def message_lost(sandbox: Sandbox) -> str:
    """What a process serves after it missed a message: the server is back, and later messages come
    through.
    """
    require(sandbox)
    with temporarily(sandbox, way="told", ttl_s=5, expires="on"):
        answer = _lose_a_message(sandbox)
    return "stale" if answer.stale else "fresh" if answer.answered else "error"


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    shop, note = app(sandbox), sandbox.measurements
    with temporarily(sandbox, way="tags"):
        items = [*_ten_of_category(42)[:3], OTHER]
        for item in (*items, *items):
            shop.read(item, quiet=True)
        shop.write(items[0], 24.90)
        note["tag_queries"] = sum(shop.read(item, quiet=True).queries for item in items[1:])
    if refuted(sandbox):
        return

    with temporarily(sandbox, ttl_s=0.5, seconds=1):
        trials.compare(
            sandbox, TABLE.name, "way", STRATEGIES, run_trial, ends=lambda: refuted(sandbox)
        )
    for row in sandbox.found[TABLE.name]:
        note |= {f"{row['name']}_{column}": float(row[column]) for column in QUOTED}
    if refuted(sandbox):
        return

    with temporarily(sandbox, way="told", ttl_s=2):
        first = _lose_a_message(sandbox)
        sandbox.wait_until(lambda: not shop.read(42, quiet=True).stale, deadline_s=4.0, every_s=0.1)
        evidence = checks.message_lost.judge(sandbox).evidence
        note["lost_message_ttl_s"] = first.ttl_s
        note["lost_message_stale_s"] = float(evidence.get("stale_s_after_the_write", 0.0))


def _lose_a_message(sandbox: Sandbox) -> Request:
    """Item 42 is in the process's own memory and is written while the server is dead. Then another
    item's message comes through; the read of 42 after it is returned.
    """
    shop = app(sandbox)
    trials.begin(sandbox)
    shop.read(42)
    shop.read(OTHER, quiet=True)
    sandbox.server("cache", "kill")
    shop.write(42, 19.90)
    sandbox.server("cache", "restart")
    sandbox.wait_until(lambda: listeners(sandbox) > 0, deadline_s=2.0)
    shop.write(OTHER, 29.90)
    return shop.read(42)


def _ten_of_category(item: int) -> list[int]:
    """Ten items of the category that this one is in, itself first."""
    others = [
        other
        for other in range(1, 1_001)
        if category_of(other) == category_of(item) and other != item
    ]
    return [item, *others[:9]]


lab.mutant(
    "tags-one-item",
    "counts up a number of the item’s own and calls it the category’s",
    caught_by=checks.tag_takes_all,
    strategies={
        "tags": replace(
            STRATEGIES["tags"], read=mutants.read_tags_one_item, write=mutants.write_tags_one_item
        ),
    },
)
lab.mutant(
    "ignores-ttl",
    "stores for an hour whatever the time to live is set to",
    caught_by=checks.ttl_window,
    strategies={"ttl": replace(STRATEGIES["ttl"], read=mutants.read_stores_for_an_hour)},
)
lab.mutant(
    "never-deletes",
    "says that it deletes on write, and does not",
    caught_by=checks.delete_window,
    strategies={"delete": replace(STRATEGIES["delete"], write=cache_aside.write_untold)},
)
lab.mutant(
    "one-name",
    "counts versions up, and stores every one under the same name",
    caught_by=checks.left_behind,
    strategies={
        "versioned": replace(
            STRATEGIES["versioned"], read=mutants.read_one_name, write=mutants.write_one_name
        ),
    },
)
lab.mutant(
    "tells-nobody",
    "has a cache in each process and tells none of them",
    caught_by=checks.told_window,
    strategies={"told": replace(STRATEGIES["told"], write=cache_aside.write_untold)},
)
