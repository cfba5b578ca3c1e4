"""A lab for the tests of the web: it has one of everything and runs nothing."""

from labs.definition import (
    Action,
    Chart,
    Check,
    Choice,
    Lab,
    Link,
    Node,
    Number,
    Prediction,
    Strategy,
    Topology,
    Verdict,
)


def read(shop, cache, key, ttl_s):
    return shop.page(key)


LAB = Lab(
    id="sample-lab",
    title="A sample",
    question="What does a sample do?",
    about="One of everything.",
    minutes=5,
    topology=Topology(
        nodes=(
            Node("app", "Shop app", "app"),
            Node("cache", "cache", "redis", engine_setting="engine"),
            Node("database", "database", "postgres"),
        ),
        links=(Link("app-cache", "app", "cache"), Link("app-database", "app", "database")),
    ),
    controls=(
        Choice("engine", "Engine", (("redis", "Redis"), ("memcached", "Memcached")), "redis"),
        Number("ttl_s", "Time to live", 1, 300, 1, 60, unit="s"),
    ),
    strategies={"read": Strategy("read", "Read", read)},
    pick_strategy=lambda settings: "read",
    actions=(Action("flush", "Flush the cache", "step", lambda sandbox: "The cache is empty."),),
    checks=(
        Check("first", "The first read is a miss", lambda sandbox: Verdict("unmet", "Not yet.")),
        Check("second", "The second is a hit", lambda sandbox: Verdict("unmet", "Not yet.")),
    ),
    charts=(Chart("Hit rate", ("hit_rate_percent",)),),
    tiles=("hit_rate_percent",),
    reference=lambda sandbox: None,
    predictions=(
        Prediction(
            "queries",
            "How many queries does the database see?",
            lambda sandbox: 1.0,
            unit="queries",
            slack=0.5,
            why="Only the first one.",
        ),
        Prediction(
            "served",
            "What is served?",
            lambda sandbox: "old",
            options=(("old", "The old price"), ("new", "The new price")),
        ),
    ),
)
