"""Invalidation: five ways to remove an old answer, how long each still serves it, and which keys
each leaves behind.
"""

from __future__ import annotations

from labs.catalogue.invalidation import checks, guide, messages, mutants, windows
from labs.catalogue.invalidation.windows import TABLE, WAYS, run_trial, ten_of_category
from labs.lab import Action, Choice, Node
from labs.sandbox.experiment import make_ready, refuted, temporarily
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, storefront, trials
from labs.setups.shop.application import app
from labs.setups.shop.checks import lasted_longer_than_its_bound
from labs.shop.popularity import category_of


def read(sandbox: Sandbox, item: float) -> str:
    """One read through the strategy on the page, and the category that the item is in."""
    return f"{storefront.read_item(sandbox, item)} It is in category {category_of(int(item))}."


def category_and_message(request: Request) -> str:
    """The category of a changed item, and whether the message about its change got through."""
    lost = " No process got the message: the cache does not answer." if request.cache_down else ""
    return f", in category {category_of(request.item)}.{lost}"


lab = storefront.lab(
    "invalidation",
    title="Invalidation",
    view="How long is it stale, and what is left behind?",
    question="The price has changed. Who forgets the old one, and when?",
    about="Wait for the time to live, delete, count versions, tag a category, or send every "
    "process a message. Measure how long each serves what is old, and what each leaves behind.",
    minutes=20,
    topology=storefront.topology(
        Node("app", "Shop app", "app", about="each process may have a cache of its own"),
        Node("cache", "cache", "redis", about="shared keys, and the channel"),
    ),
    controls=(
        Choice(
            "way",
            "When a price changes",
            tuple((name, strategy.label) for name, strategy in WAYS.items()),
            "ttl",
            formerly=(("told", "notified"),),
            help="Redis, because Memcached has no publish and subscribe.",
        ),
        storefront.expires("on"),
        storefront.short_ttl(2),
        storefront.TRIAL_SECONDS,
        storefront.clients(
            2,
            "Processes",
            "Each has its own memory, its own connections and its own subscription to the channel.",
        ),
        storefront.rate(1_000),
        storefront.write_percent(10, minimum=1, maximum=90),
        storefront.skew(1.0),
    ),
    strategies=WAYS,
    pick_strategy=lambda settings: str(settings["way"]),
    actions=(
        Action("read", "Read it", "step", read, (storefront.ITEM,)),
        storefront.price_change(category_and_message),
    ),
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
        checks.ttl_window,
        checks.delete_window,
        checks.left_behind,
        checks.told_window,
        checks.tag_takes_all,
        checks.message_lost,
    ),
    mutants=mutants.MUTANTS,
    guide=guide.GUIDE,
)


@lab.action("Read ten of its category", gear="step", fields=(storefront.ITEM,))
def read_category(sandbox: Sandbox, item: float) -> str:
    ten, other = ten_of_category(int(item)), windows.one_of_another(int(item))
    *reads, compared = (app(sandbox).read(each, quiet=True) for each in (*ten, other))
    return (
        f"Ten items of category {category_of(int(item))}: {sum(not r.queries for r in reads)} "
        f"without the database, {sum(r.stale for r in reads)} stale. For comparison item {other}, "
        f"of category {category_of(other)}: {'with' if compared.queries else 'without'} it."
    )


@lab.action(
    "Count the keys",
    gear="load",
    here="every key of the server, by SCAN.",
    aws="CurrItems counts them all; it can’t say which of them are of no use.",
)
def count_keys(sandbox: Sandbox) -> str:
    keys = trials.keys_now(sandbox)
    left = windows.keys_left_behind(sandbox, keys)
    text = f"The server holds {len(keys)} keys. No read will ask for {len(left)} of them again."
    sandbox.say(text, "here")
    return text


@lab.action("Flush the cache", gear="load", empties=True)
def flush(sandbox: Sandbox) -> str:
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
    measures=True,
)
def measure_all(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    trials.compare(sandbox, TABLE.name, "way", WAYS, run_trial)
    return "All five have had the same requests. Their windows stand next to each other."


@lab.action("Measure the one chosen", gear="view", deadline_s=20.0, measures=True)
def measure_one(sandbox: Sandbox) -> str:
    make_ready(sandbox)
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
    make_ready(sandbox)
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
    make_ready(sandbox)
    with temporarily(sandbox, way="tags", ttl_s=60, expires="on"):
        trials.begin(sandbox)
        items = ten_of_category(42)
        for item in (*items, *items):
            app(sandbox).read(item, quiet=True)
        app(sandbox).write(items[0], 24.90, quiet=True)
        return float(sum(app(sandbox).read(item, quiet=True).queries for item in items))


@lab.prediction(
    "A process has item 42 in its own memory. The server dies, the price of 42 changes, the server "
    "is back, and messages come through again. What does the process serve for 42?",
    options=(("fresh", "the new price"), ("stale", "the old price"), ("error", "an error")),
    why="The old one, until its time to live ends. Publish and subscribe delivers at most once: "
    "a message that no process received is not sent again.",
)
def message_lost(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    with temporarily(sandbox, way="notified", ttl_s=60, expires="on"):
        answer = messages.lose(sandbox)
        trials.begin(sandbox)  # the learner's own reads don't begin with an old price
    return "stale" if answer.stale else "fresh" if answer.answered else "error"


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    shop, note = app(sandbox), sandbox.measurements
    with temporarily(sandbox, way="tags", ttl_s=60):
        items = [*ten_of_category(42)[:3], messages.OTHER]
        for item in (*items, *items):
            shop.read(item, quiet=True)
        shop.write(items[0], 24.90)
        note["tag_queries"] = sum(shop.read(item, quiet=True).queries for item in items[1:])
    if refuted(sandbox):
        return

    for seconds in (1, 4):
        with temporarily(sandbox, ttl_s=0.5, seconds=seconds):
            trials.compare(
                sandbox,
                TABLE.name,
                "way",
                WAYS,
                run_trial,
                ends=lambda: refuted(sandbox, but=(checks.left_behind,)),
            )
        if lasted_longer_than_its_bound(trials.rows(sandbox, TABLE.name)["ttl"], seconds):
            break
    if refuted(sandbox, checks.left_behind):
        windows.count_again(sandbox)
    if refuted(sandbox):
        return

    first = messages.lose_until_stale(sandbox)
    evidence = checks.message_lost.judge(sandbox).evidence
    note["lost_message_ttl_s"] = first.ttl_s
    note["lost_message_stale_s"] = float(evidence.get("stale_s_after_the_write", 0.0))
