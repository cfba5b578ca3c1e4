"""Made-up data for the page of patterns. Nothing here was measured, and the page says so."""

from __future__ import annotations

from types import SimpleNamespace as Plain
from typing import Any

from labs import METRICS, Choice, Link, Node, Number, Topology
from portal.drawing import Box, Drawing, Spot, Wire

STATES = ("starting", "up", "paused", "down", "stopped")
WHY = {
    "down": "is down: kill -9",
    "paused": "is paused: SIGSTOP",
    "starting": "is starting",
    "stopped": "has stopped",
}
LINKS = (("open", ""), ("slow", "+50 ms each way"), ("cut", "cut"))
CODE = (
    ("def read(shop, cache, key, ttl_s):", "k"),
    ("    found = cache.get(key)", ""),
    ("    if found is not None:", "k"),
    ("        return found", "k"),
    ("    page = shop.page(key)", ""),
    ("    cache.set(key, page, ttl_s)", ""),
    ("    return page", "k"),
)


def bench() -> Any:
    """What the bench's partials ask for, with something of everything."""
    servers = {f"cache-{index:03}": state for index, state in enumerate(STATES, 1)}
    state = {
        "reading": {
            "hit_rate_percent": 71.4,
            "hit_p50_ms": 0.19,
            "miss_p50_ms": 5.31,
            "database_queries_per_s": 23.0,
        },
        "step": {
            "request": 11,
            "call": "read(42)",
            "running": True,
            "strategy": "sample",
            "function": "read",
            "line": 5,
            "last_line": 5,
            "done_lines": [1, 2, 3],
        },
        "exchange": [
            {
                "server": "cache",
                "command": "GET page:42",
                "reply": "(nil)",
                "took_ms": 0.16,
                "meaning": "miss",
            },
            {
                "server": "database",
                "command": "SELECT name, price, count(*), avg(stars) … WHERE product_id = 42 "
                "GROUP BY 1, 2",
                "reply": "1 row",
                "took_ms": 4.87,
                "meaning": "read",
            },
        ],
        "timeline": [
            {"at": 50_822.1, "sense": "here", "says": "You flushed the cache: 3 keys gone"},
            {"at": 50_829.4, "sense": "miss", "says": "Request 11: cache had nothing in 0.16 ms"},
            {"at": 50_829.4, "sense": "read", "says": "Request 11: database answered in 4.87 ms"},
            {"at": 50_831.0, "sense": "write", "says": "Request 11: cache stored it in 0.20 ms"},
            {"at": 50_833.2, "sense": "hit", "says": "Request 12: cache had it in 0.15 ms"},
            {"at": 50_840.0, "sense": "stale", "says": "Request 13 was a stale answer"},
            {"at": 50_844.9, "sense": "error", "says": "cache is down: you killed it"},
        ],
    }
    return Plain(
        state=state,
        tiles=[
            METRICS[name]
            for name in ("hit_rate_percent", "hit_p50_ms", "miss_p50_ms", "database_queries_per_s")
        ],
        checks=[
            {
                "name": "first",
                "claim": "The first read is a miss, with one database query",
                "status": "met",
                "message": "Postgres counted 1 query for request 4",
                "hint": "",
                "evidence": {},
            },
            {
                "name": "second",
                "claim": "The old price is served until the time to live, not after",
                "status": "unmet",
                "message": "",
                "hint": "Nothing has changed a price yet.",
                "evidence": {},
            },
            {
                "name": "third",
                "claim": "With the cache killed, every read is answered",
                "status": "error",
                "message": "The database does not answer",
                "hint": "Restart it.",
                "evidence": {},
            },
        ],
        scale=Plain(
            bars=(
                Plain(sense="miss", server="cache", start=0.0, width=2.7, share=3),
                Plain(sense="read", server="database", start=2.7, width=81.2, share=97),
            ),
            ticks=("0", "1", "2", "3", "4", "5", "6 ms"),
        ),
        headings={"read": "The code that runs"},
        listings=[
            Plain(
                strategy="sample",
                name="read",
                label="A sample",
                source=Plain(path="labs/caching/sample.py", first_line=10),
                lines=tuple((Plain(text=text, kind=kind),) for text, kind in CODE),
            )
        ],
        server_state=servers.__getitem__,
        server_words=lambda name: WHY.get(servers[name], ""),
        engine_words=lambda name: "Redis 7.0.15",
        link_state=lambda name: name,
        link_words=dict(LINKS).__getitem__,
    )


def drawing(columns: int) -> Any:
    """One server in each state, one link in each."""
    across = 216 if columns == 4 else 172
    width, rows = (
        (200, -(-len(STATES) // columns)) if columns == 4 else (160, -(-len(STATES) // columns))
    )
    boxes = tuple(
        Box(
            Node(f"cache-{index + 1:03}", f"cache-{index + 1:03}", "redis"),
            6 + index % columns * across,
            8 + index // columns * 108,
            width,
            96,
        )
        for index in range(len(STATES))
    )
    wires = []
    for index, (state, _) in enumerate(LINKS):
        x, y, long = (
            (20 + index * 290, 8 + rows * 108 + 30, 240)
            if columns == 4
            else (20, 8 + rows * 108 + 24 + index * 44, 290)
        )
        words = Spot(x, y - 16, "start")
        wires.append(
            Wire(
                Link(state, "app", "cache"),
                f"M{x} {y} h{long}",
                x + long / 2,
                y,
                words,
                words,
                Spot(x, y - 10, "start"),
            )
        )
    return Drawing(
        columns * across + (8 if columns == 4 else -4), wires[-1].mid_y + 20, boxes, tuple(wires)
    )


CACHES = ("cache-001", "cache-002", "cache-003")
ZONES = ("zone a", "zone b", "zone c")
FAILOVER = Topology(
    (
        Node("app", "Writer and readers", "app"),
        *(Node(name, name, "redis", zone=zone) for name, zone in zip(CACHES, ZONES, strict=True)),
        *(
            Node(f"sentinel-{zone[-1]}", f"sentinel {zone[-1]}", "redis", zone=zone)
            for zone in ZONES
        ),
    ),
    (
        *(Link(name, "app", name) for name in CACHES),
        *(
            Link(f"sentinel-{zone[-1]}", f"sentinel-{zone[-1]}", name)
            for name, zone in zip(CACHES, ZONES, strict=True)
        ),
        Link("lag", "cache-002", "cache-003"),
    ),
)


def failover() -> Any:
    """Six servers: a primary that was killed, the replica that takes its place, another one, and a
    sentinel beside each.
    """
    states = {"cache-001": "down"}
    words = {"cache-001": "is down: kill -9"}
    return Plain(
        lab=Plain(topology=FAILOVER),
        server_state=lambda name: states.get(name, "up"),
        server_words=lambda name: words.get(name, ""),
        engine_words=lambda name: (
            "Python"
            if name == "app"
            else "Sentinel 7.0.15"
            if "sentinel" in name
            else "Redis 7.0.15"
        ),
        link_state=lambda name: "slow" if name == "cache-003" else "open",
        link_words=lambda name: "+50 ms each way" if name == "cache-003" else "",
    )


FADER = Number(
    "ttl_s", "Time to live", 1, 300, 1, 60, unit="s", scale="log", help="On a logarithmic scale."
)
SEGMENTS = Choice("engine", "Engine", (("redis", "Redis"), ("memcached", "Memcached")), "redis")
SELECT = Choice(
    "read",
    "What is read",
    (
        ("row", "one row, by its key"),
        ("page", "a product page"),
        ("ranking", "a category’s ranking"),
    ),
    "page",
)
