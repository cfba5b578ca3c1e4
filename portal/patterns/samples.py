"""Made-up data for the page of patterns. Nothing here was measured, and the page says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace as Plain
from typing import Any

from labs.client import METRICS
from labs.lab import Choice, Counted, Link, Node, Number, Row
from portal.drawing import Box, Drawing, Spot, Wire

STATES = ("starting", "up", "paused", "down", "stopped")
WHY = {"down": "kill -9", "paused": "SIGSTOP"}
LINKS = ("open", "slow", "cut")
CODE = (
    ("def read(shop, cache, key, ttl_s):", "k"),
    ("    found = cache.get(key)", ""),
    ("    if found is not None:", "k"),
    ("        return found", "k"),
    ("    page = shop.page(key)", ""),
    ("    cache.set(key, page, ttl_s)", ""),
    ("    return page", "k"),
)


READING = {
    "hit_rate_percent": 71.4,
    "hit_p50_ms": 0.19,
    "miss_p50_ms": 5.31,
    "database_queries_per_s": 23.0,
}
QUERY = "SELECT name, price, count(*), avg(stars) … WHERE product_id = 42 GROUP BY 1, 2"
EXCHANGE = (
    ("cache", "GET page:42", "(nil)", 0.16, "miss"),
    ("database", QUERY, "1 row", 4.87, "read"),
)
TIMELINE = (
    (50_822.1, "here", "You flushed the cache: 3 keys gone"),
    (50_829.4, "miss", "Request 11: cache had nothing in 0.16 ms"),
    (50_829.4, "read", "Request 11: database answered in 4.87 ms"),
    (50_831.0, "write", "Request 11: cache stored it in 0.20 ms"),
    (50_833.2, "hit", "Request 12: cache had it in 0.15 ms"),
    (50_840.0, "stale", "Request 13 was a stale answer"),
    (50_844.9, "error", "cache is down: you killed it"),
)
CHECKS = (
    (
        "first",
        "The first read is a miss, with one database query",
        "met",
        "Postgres counted 1 query for request 4",
        "",
    ),
    (
        "second",
        "The old price is served until the time to live, not after",
        "unmet",
        "",
        "Nothing has changed a price yet.",
    ),
    (
        "third",
        "With the cache killed, every read is answered",
        "error",
        "The database does not answer",
        "Restart it.",
    ),
)
CHECK = {"before": False, "now": "", "met_at": 0.0}
ROWS = (
    Row(Counted("Lookups that missed", "lookups", ("keyspace_misses",)), 1, 0),
    Row(Counted("Queries", "queries", ("pg_stat_statements.calls",)), 1),
)


def bench() -> Any:
    """What the bench's partials ask for, with something of everything."""
    step = {"request": 11, "call": "read(42)", "running": True, "strategy": "sample"}
    place = {"function": "read", "line": 5, "last_line": 5, "done_lines": [1, 2, 3]}
    return Plain(
        state={
            "reading": READING,
            "step": step | place,
            "exchange": _dicts(EXCHANGE, "server", "command", "reply", "took_ms", "meaning"),
            "timeline": _dicts(TIMELINE, "at", "sense", "sentence"),
        },
        tiles=[METRICS[name] for name in READING],
        checks=[
            check | CHECK | {"rows": ROWS if check["status"] == "met" else ()}
            for check in _dicts(CHECKS, "name", "claim", "status", "message", "hint")
        ],
        counted={},
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
    )


def _dicts(rows: Iterable[Sequence[object]], *names: str) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]


def states() -> dict[str, Any]:
    """How the servers and links of the drawing are."""
    return {
        "servers": {
            f"cache-{index:03}": {"state": state, "why": WHY.get(state, ""), "version": "7.0.15"}
            for index, state in enumerate(STATES, 1)
        },
        "links": {state: {"state": state, "delay_ms": 50} for state in LINKS},
    }


def drawing(columns: int) -> Any:
    """One server in each state, one link in each."""
    across, width = (216, 200) if columns == 4 else (172, 160)
    rows = -(-len(STATES) // columns)
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
    for index, state in enumerate(LINKS):
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
