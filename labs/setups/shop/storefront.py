"""What labs over the sample shop share: the drawing (application, cache, database), the controls of
its workload, one read and one change of a price.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labs.lab import Action, Choice, Lab, Link, Node, Number, Place, Topology
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, phones
from labs.setups.shop.application import Application, app
from labs.setups.shop.workload import ShopLoad

PARTS = (Application, ShopLoad)
CHARTS = charts.USUAL


TOPOLOGY = Topology(
    nodes=(
        Node("app", "Shop app", "app"),
        Node(
            "cache",
            "cache",
            "redis",
            engine_setting="engine",
            exchanged_by=("cache_mb",),
            options_of=lambda settings: {"maxmemory_mb": int(float(settings.get("cache_mb", 32)))},
        ),
        Node("database", "database", "postgres", about="products, reviews, orders"),
    ),
    links=(Link("cache", "app", "cache"), Link("database", "app", "database")),
)


def topology(*nodes: Node) -> Topology:
    """The drawing with these nodes in place of those of the same names."""
    own = {node.name: node for node in nodes}
    return Topology(tuple(own.get(n.name, n) for n in TOPOLOGY.nodes), TOPOLOGY.links)


def lab(lab_id: str, *, topology: Topology = TOPOLOGY, **definition: Any) -> Lab:
    """A lab over the shop's cache and database; `definition` is that of `Lab`. Two phones show what
    the shop's customers see.
    """
    actions = (*definition.pop("actions", ()), *phones.ACTIONS)
    tables = (*definition.pop("tables", ()), phones.PHONES)
    return Lab(
        id=lab_id, topology=topology, parts=PARTS, actions=actions, tables=tables, **definition
    )


ENGINE = Choice(
    "engine",
    "Engine",
    (("redis", "Redis"), ("memcached", "Memcached")),
    "redis",
    help="Another engine starts empty.",
)
ITEM = Number("item", "Item", 1, 1_000, 1, 42)
PRICE = Number("price", "New price", 0.01, 9_999, 0.01, 24.90)
TRIAL_SECONDS = Number("seconds", "Each runs for", 1, 10, 1, 2, unit="s", gear="view")


def read_item(sandbox: Sandbox, item: float) -> str:
    """One read through the strategy on the page, in a sentence."""
    request = app(sandbox).read(int(item))
    words = {
        "hit": "a hit",
        "miss": "a miss",
        "stale": "stale",
        "read": "answered by the database",
        "error": "not answered",
    }
    return (
        f"Item {int(item)}: {words.get(request.meaning, 'answered')}, {request.took_ms:.2f} "
        f"ms, {request.queries} database quer{'y' if request.queries == 1 else 'ies'}."
    )


def price_change(more: Callable[[Request], str], *, primary: bool = False) -> Action:
    """The action that changes a price through the strategy on the page; `more` ends the sentence
    about a change that was committed.
    """

    def change_price(sandbox: Sandbox, item: float, price: float) -> str:
        request = app(sandbox).write(int(item), price)
        if request.answered:
            return f"The price of item {int(item)} is now {price:.2f}{more(request)}"
        return f"The price of item {int(item)} could not be changed: the database does not answer."

    return Action("change-price", "Change the price", "step", change_price, (ITEM, PRICE), primary)


READ = Action("read", "Read it", "step", read_item, (ITEM,))


def what_is_read(default: str) -> Choice:
    """Which of the shop's three reads is cached."""
    options = (
        ("row", "one row, by its key"),
        ("page", "a product page"),
        ("ranking", "a category’s ranking"),
    )
    about = (
        "Three queries that really differ in cost: one row by its primary key, a join with "
        "aggregates, a ranking over all reviews of a category."
    )
    return Choice("read", "What is read", options, default, help=about)


def clients(
    default: int,
    label: str = "Clients",
    help: str = "Each is a process with a connection of its own to each server.",
) -> Number:
    """How many clients the load has."""
    return Number("clients", label, 1, 8, 1, default, gear="load", help=help)


def rate(default: int, *, maximum: int = 2_000) -> Number:
    """How many requests a second the load wants."""
    loop = "An open loop: requests are due on a schedule, whether or not the last one is done."
    name, label = "rate_per_s", "Requests wanted"
    return Number(name, label, 10, maximum, 10, default, "/s", "log", "load", loop)


def write_percent(default: float, *, minimum: float = 0, maximum: float) -> Number:
    """How many of 100 requests change a price."""
    about = "How many of 100 requests change a price."
    name, label = "write_percent", "Writes"
    return Number(name, label, minimum, maximum, 1, default, "%", gear="load", help=about)


def cache_mb(default: float, *, minimum: float, more: str = "") -> Number:
    """How much memory the cache has; `more` is the help's second sentence."""
    about = f"maxmemory of Redis, -m of Memcached. {more}".strip()
    return Number("cache_mb", "Cache memory", minimum, 64, 1, default, "MB", "log", "load", about)


def skew(default: float) -> Number:
    """How unequal the popularity of items is."""
    about = (
        "Zipf: at 0 all items are equally popular, at 1 the first is read twice as often as "
        "the second."
    )
    return Number("skew", "Skew", 0, 1.5, 0.1, default, gear="load", help=about)


def ttl(default: float, gear: Place = "all") -> Number:
    """How long an answer stays in the cache."""
    return Number("ttl_s", "Time to live", 1, 300, 1, default, unit="s", scale="log", gear=gear)


def expires(default: str) -> Choice:
    """Whether what the app stores expires at all."""
    options = (("off", "never"), ("on", "after the TTL"))
    return Choice("expires", "Expire keys", options, default, help="“Time to live” sets the TTL.")


def short_ttl(default: float, help: str = "") -> Number:
    """How long an answer stays in the cache, where trials are short."""
    return Number("ttl_s", "Time to live", 0.2, 60, 0.1, default, "s", "log", help=help)
