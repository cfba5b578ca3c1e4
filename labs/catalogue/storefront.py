"""What labs over the sample shop share: the drawing (application, cache, database) and the controls of its workload."""

from __future__ import annotations

from labs.definition import Chart, Choice, Link, Node, Number, Place, Topology

TOPOLOGY = Topology(
    nodes=(
        Node("app", "Shop app", "app"),
        Node("cache", "cache", "redis", engine_setting="engine"),
        Node("database", "database", "postgres", about="products, reviews, orders"),
    ),
    links=(Link("cache", "app", "cache"), Link("database", "app", "database")),
)

ENGINE = Choice("engine", "Engine", (("redis", "Redis"), ("memcached", "Memcached")), "redis", help="Another engine starts empty.")


def what_is_read(default: str) -> Choice:
    """Which of the shop's three reads is cached."""
    return Choice(
        "read", "What is read", (("row", "one row, by its key"), ("page", "a product page"), ("ranking", "a category’s ranking")), default,
        help="Three queries of honestly different cost: one row by its primary key, a join with aggregates, a ranking over all reviews of a category.",
    )


def clients(default: int) -> Number:
    """How many clients the load has."""
    return Number("clients", "Clients", 1, 8, 1, default, gear="load", help="Each is a process with a connection of its own to each server.")


def rate(default: int) -> Number:
    """How many requests a second the load wants."""
    return Number("rate_per_s", "Requests wanted", 10, 2_000, 10, default, unit="/s", scale="log", gear="load",
                  help="An open loop: requests are due on a schedule, whether or not the last one is done.")


def skew(default: float) -> Number:
    """How unequal the popularity of items is."""
    return Number("skew", "Skew", 0, 1.5, 0.1, default, gear="load", help="Zipf: at 0 all items are equally popular, at 1 the first is asked for twice as often as the second.")


def ttl(default: float, gear: Place = "all") -> Number:
    """How long a stored answer lives."""
    return Number("ttl_s", "Time to live", 1, 300, 1, default, unit="s", scale="log", gear=gear)


CHARTS = (
    Chart("Hit rate", ("hit_rate_percent",)),
    Chart("Cache operations and database queries", ("cache_ops_per_s", "database_queries_per_s")),
    Chart("Requests by what they were", ("hit_p50_ms", "hit_p99_ms", "miss_p50_ms", "miss_p99_ms"), "log"),
    Chart("Latency of each tier", ("cache_p50_ms", "cache_p99_ms", "database_p50_ms", "database_p99_ms"), "log"),
)
