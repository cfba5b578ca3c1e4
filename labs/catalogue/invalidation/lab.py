"""Invalidation: five ways to be rid of what is old, how long each leaves it standing, and what each
leaves behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from labs.caching import cache_aside, tagged_keys, told_locals, versioned_keys
from labs.caching.local import CHANNEL
from labs.catalogue.invalidation.checks import CHECKS, message_lost
from labs.catalogue.invalidation.wrong import WRONG
from labs.engines import Redis
from labs.events import Value
from labs.lab import (
    Action,
    Chart,
    Choice,
    Column,
    Lab,
    Link,
    Node,
    Number,
    Prediction,
    Strategy,
    Table,
    Topology,
    tolerances,
)
from labs.sandbox.experiment import refuted, require, temporarily
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import storefront, trials
from labs.setups.shop.application import app
from labs.shop.popularity import category_of

OTHER = 43
"""An item of another category than 42's; so are most."""

TOLERANCES = tolerances.of(Path(__file__).parent)

TOPOLOGY = Topology(
    nodes=(
        Node("app", "Shop app", "app", about="each process may have a cache of its own"),
        Node("cache", "cache", "redis", about="shared keys, and the channel"),
        Node("database", "database", "postgres", about="products, reviews, orders"),
    ),
    links=(Link("cache", "app", "cache"), Link("database", "app", "database")),
)

STRATEGIES = {
    "ttl": Strategy("ttl", "Time to live alone", cache_aside.read, cache_aside.write_untold),
    "delete": Strategy("delete", "Delete on write", cache_aside.read, cache_aside.write),
    "versioned": Strategy("versioned", "Versioned keys", versioned_keys.read, versioned_keys.write),
    "tags": Strategy("tags", "Tags by category", tagged_keys.read, tagged_keys.write),
    "told": Strategy("told", "Caches in the processes, told", told_locals.read, told_locals.write),
}


def pick_strategy(settings: Mapping[str, Value]) -> str:
    """Which strategy the settings ask for."""
    return str(settings["way"])


def read_item(sandbox: Sandbox, item: float) -> str:
    """One read through the strategy on the page, and the category that the item is in."""
    return f"{storefront.read_item(sandbox, item)} It is in category {category_of(int(item))}."


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


def read_category(sandbox: Sandbox, item: float) -> str:
    """Read ten items of one category."""
    items = _alike(int(item))
    reads = [app(sandbox).read(each, quiet=True) for each in items]
    return (
        f"Ten items of category {category_of(int(item))}: "
        f"{sum(not r.queries for r in reads)} without the database, "
        f"{sum(r.stale for r in reads)} stale."
    )


def count_keys(sandbox: Sandbox) -> str:
    """Count the keys on the server, and those that nobody will ask for again."""
    keys = trials.keys_now(sandbox)
    text = (
        f"The server holds {len(keys)} keys. Nobody will ask for "
        f"{len(_left_behind(sandbox, keys))} of them again."
    )
    sandbox.say(text, "here")
    return text


def flush(sandbox: Sandbox) -> str:
    """Empty the shared cache, and the application's own."""
    trials.begin(sandbox)
    return "The cache is empty, and so is the application’s own memory."


def measure_all(sandbox: Sandbox) -> str:
    """All five, one after the other, with the same requests; the table grows as each is done."""
    require(sandbox)
    trials.compare(sandbox, "windows", "way", STRATEGIES, _try)
    return "All five have had the same requests. Their windows stand beside one another."


def measure_one(sandbox: Sandbox) -> str:
    """The way on the page alone, with the same requests."""
    require(sandbox)
    row = _try(sandbox, str(sandbox.settings["way"]))
    return (
        f"{row['way']}: {row['stale']:.0f} stale reads of {row['reads']:.0f}, "
        f"{row['left_behind']:.0f} keys left behind."
    )


def measure_left_behind(sandbox: Sandbox) -> float:
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


def measure_tag_misses(sandbox: Sandbox) -> float:
    """Queries of ten reads of one category after the price of one of them was changed; all ten had
    been hits.
    """
    require(sandbox)
    with temporarily(sandbox, way="tags", ttl_s=60, expires="on"):
        trials.begin(sandbox)
        items = _alike(42)
        for _ in range(2):
            for item in items:
                app(sandbox).read(item, quiet=True)
        app(sandbox).write(items[0], 24.90, quiet=True)
        return float(sum(app(sandbox).read(item, quiet=True).queries for item in items))


def measure_message_lost(sandbox: Sandbox) -> str:
    """What a process serves whose message was lost, when the server is back and other messages come
    through.
    """
    require(sandbox)
    with temporarily(sandbox, way="told", ttl_s=5, expires="on"):
        read = _lose_a_message(sandbox)
    return "stale" if read.stale else "fresh" if read.answered else "error"


def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    with temporarily(sandbox, way="tags"):
        items = [*_alike(42)[:3], OTHER]
        for item in (*items, *items):
            app(sandbox).read(item, quiet=True)
        app(sandbox).write(items[0], 24.90)
        note["tag_queries"] = sum(app(sandbox).read(item, quiet=True).queries for item in items[1:])
    if refuted(sandbox):
        return

    with temporarily(sandbox, ttl_s=0.5, seconds=1):
        trials.compare(
            sandbox,
            "windows",
            "way",
            STRATEGIES,
            _try,
            ends=lambda: refuted(sandbox),
        )
    for row in sandbox.found["windows"]:
        for column in (
            "stale",
            "stale_percent",
            "staleness_p50_ms",
            "staleness_p99_ms",
            "staleness_max_ms",
            "hit_percent",
            "keys",
            "left_behind",
            "cache_commands_per_request",
        ):
            note[f"{row['name']}_{column}"] = float(row[column])
    if refuted(sandbox):
        return

    with temporarily(sandbox, way="told", ttl_s=2):
        first = _lose_a_message(sandbox)
        sandbox.wait_until(
            lambda: not app(sandbox).read(42, quiet=True).stale, deadline_s=4.0, every_s=0.1
        )
        note["lost_message_ttl_s"] = first.ttl_s
        note["lost_message_stale_s"] = float(
            message_lost(sandbox).evidence.get("stale_s_after_the_write", 0.0)
        )


def _lose_a_message(sandbox: Sandbox) -> Request:
    """Item 42 is in the process's own memory and is written while the server is dead.

    Then another item's message comes through; the read of 42 after it is returned.
    """
    trials.begin(sandbox)
    app(sandbox).read(42)
    app(sandbox).read(OTHER, quiet=True)
    sandbox.server("cache", "kill")
    app(sandbox).write(42, 19.90)
    sandbox.server("cache", "restart")
    sandbox.wait_until(lambda: _listeners(sandbox) > 0, deadline_s=2.0)
    app(sandbox).write(OTHER, 29.90)
    return app(sandbox).read(42)


def _alike(item: int) -> list[int]:
    """Ten items of the category that this one is in, itself first."""
    others = [
        other
        for other in range(1, 1_001)
        if category_of(other) == category_of(item) and other != item
    ]
    return [item, *others[:9]]


def _try(sandbox: Sandbox, name: str) -> trials.Row:
    """One trial; its row goes into the table."""
    sandbox.set("way", name)
    trial = trials.run(sandbox, float(sandbox.settings["seconds"]), lambda: _seen(sandbox))
    row = _row(sandbox, trial)
    trials.put_row(sandbox, "windows", row, by="way")
    sandbox.say(
        f"{row['way']}: {row['stale']:.0f} stale reads"
        + (f", by up to {row['staleness_max_ms']:.0f} ms" if row["stale"] else "")
        + f"; {row['left_behind']:.0f} keys left behind",
        "stale" if row["stale"] else "here",
    )
    return row


def _seen(sandbox: Sandbox) -> trials.Row:
    return {
        "left_behind": len(_left_behind(sandbox, trials.keys_now(sandbox))),
        "listeners": _listeners(sandbox),
    }


def _row(sandbox: Sandbox, trial: trials.Trial) -> trials.Row:
    settings, strategy, latencies = sandbox.settings, sandbox.strategy(), trial.tally.latencies
    ttl_s = strategy.ttl_s(settings)
    return {
        "name": strategy.name,
        "way": strategy.label + ("" if ttl_s else ", no time to live"),
        "clients": settings["clients"],
        "ttl_s": ttl_s,
        **trial.row(),
        "server_hits": trial.hits,
        "server_misses": trial.misses,
        "cache_commands_per_request": round(latencies["cache"].count / max(1, trial.tally.done), 2),
        "left_behind": trial.seen["left_behind"],
        "listeners": trial.seen["listeners"],
    }


def _left_behind(sandbox: Sandbox, keys: list[str]) -> list[str]:
    """Keys that carry a version or a generation that is no longer the one that a read would ask
    for.
    """
    redis = _redis(sandbox)
    numbers: dict[str, int] = {}

    def number(counter: str) -> int:
        if counter not in numbers:
            value = redis.run("GET", counter)
            numbers[counter] = int(value) if isinstance(value, bytes) else 0
        return numbers[counter]

    old = []
    for key in keys:
        match key.split(":"):
            case [_, item, stamp] if (
                stamp.startswith("v") and stamp != f"v{number(f'version:{item}')}"
            ):
                old.append(key)
            case [_, item, stamp] if (
                stamp.startswith("g")
                and stamp != f"g{number(f'generation:{category_of(int(item))}')}"
            ):
                old.append(key)
    return old


def _listeners(sandbox: Sandbox) -> int:
    reply = _redis(sandbox).run("PUBSUB", "NUMSUB", CHANNEL)
    return int(reply[1]) if isinstance(reply, list) else 0


def _redis(sandbox: Sandbox) -> Redis:
    engine = sandbox.servers["cache"].engine
    assert isinstance(engine, Redis)
    return engine


lab = Lab(
    id="invalidation",
    title="Invalidation",
    question="The price has changed. Who forgets the old one, and when?",
    about="Wait for the time to live, delete, count versions, tag a category, or tell every "
    "process. Measure how long each serves what is old, and what each leaves behind.",
    minutes=20,
    topology=TOPOLOGY,
    parts=storefront.PARTS,
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
        Number("seconds", "Each runs for", 1, 10, 1, 2, unit="s", gear="view"),
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
        Number(
            "write_percent",
            "Writes",
            1,
            90,
            1,
            10,
            unit="%",
            gear="load",
            help="Of 100 requests, so many change a price.",
        ),
        storefront.skew(1.0),
    ),
    strategies=STRATEGIES,
    pick_strategy=pick_strategy,
    actions=(
        Action("read", "Read it", "step", read_item, (storefront.ITEM,)),
        Action(
            "change-price",
            "Change the price",
            "step",
            change_price,
            (storefront.ITEM, storefront.PRICE),
        ),
        Action(
            "read-category", "Read ten of its category", "step", read_category, (storefront.ITEM,)
        ),
        Action(
            "count-keys",
            "Count the keys",
            "load",
            count_keys,
            here="every key of the server, by SCAN.",
            aws="CurrItems counts them all; which of them nobody wants, only you can tell.",
        ),
        Action("flush", "Flush the cache", "load", flush),
        Action(
            "measure-all",
            "Measure all five",
            "view",
            measure_all,
            primary=True,
            here="one after the other on the same servers, emptied each time, with the same "
            "seeded requests.",
            aws="PUBLISH and SUBSCRIBE work on nodes as here; serverless caches have no "
            "PSUBSCRIBE. Memcached has neither.",
            deadline_s=90.0,
        ),
        Action("measure-one", "Measure the one chosen", "view", measure_one, deadline_s=20.0),
    ),
    checks=CHECKS,
    charts=(
        *storefront.CHARTS[:2],
        Chart("Stale reads and writes", ("stale_reads_per_s", "writes_per_s")),
        Chart("Stale by how much", ("staleness_p50_ms", "staleness_p99_ms"), "log"),
        Chart("Keys in the cache", ("items",)),
        Chart(
            "What a hit, a miss and a write take",
            ("hit_p50_ms", "miss_p50_ms", "write_p50_ms"),
            "log",
        ),
        storefront.CHARTS[3],
    ),
    tiles=(
        "stale_reads_per_s",
        "staleness_p99_ms",
        "hit_p50_ms",
        "cache_ops_per_s",
        "database_queries_per_s",
        "items",
    ),
    tables=(
        Table(
            "windows",
            "Stale windows",
            (
                Column("way", "Way"),
                Column("stale", "Stale reads", sense="stale"),
                Column("staleness_p50_ms", "Stale by, median", "ms", 1, "stale"),
                Column(
                    "staleness_p99_ms",
                    "Stale by, p99",
                    "ms",
                    1,
                    "stale",
                    "When the read began, less when the first newer version was committed",
                ),
                Column("staleness_max_ms", "Stale by, most", "ms", 1, "stale"),
                Column(
                    "hit_percent",
                    "Hit rate",
                    "%",
                    1,
                    "hit",
                    "Reads that needed no query, of all reads; also those that the process’s "
                    "own memory answered",
                ),
                Column("cache_commands_per_request", "Trips to the cache", "a request", 2),
                Column("queries_per_s", "Database queries", "/s", 0, "read"),
                Column("keys", "Keys on the server"),
                Column(
                    "left_behind",
                    "Left behind",
                    "",
                    0,
                    "none",
                    "Keys that no read will ever ask for again, counted on the server",
                ),
            ),
            "Nothing has been measured yet.",
        ),
    ),
    predictions=(
        Prediction(
            "left-behind",
            "Versioned keys, a time to live of a minute. One price is changed 20 times, and "
            "read before the first and after each. How many keys are on the server?",
            measure_left_behind,
            unit="keys",
            unit_of_one="key",
            why="21 versions of the answer, of which one will be asked for again, and the "
            "number that says which. Without a time to live they stay until memory is short.",
        ),
        Prediction(
            "tag-misses",
            "Ten items of one category are cached, tagged with it. The price of one changes. Of "
            "the next ten reads, how many ask the database?",
            measure_tag_misses,
            unit="reads",
            unit_of_one="read",
            why="All ten: the category has a new generation, and none of the keys that a read "
            "asks for now exists yet.",
        ),
        Prediction(
            "message-lost",
            "A process has item 42 in its own memory. The server dies, the price of 42 changes, "
            "the server is back, and messages come through again. What does the process serve "
            "for 42?",
            measure_message_lost,
            options=(("fresh", "the new price"), ("stale", "the old price"), ("error", "an error")),
            why="The old one, until its time to live ends. Publish and subscribe delivers at "
            "most once: what nobody heard is not said again.",
        ),
    ),
    mutants=WRONG,
    run_reference=reference,
)
