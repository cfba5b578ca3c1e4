"""Made-up data for the page of patterns. Nothing here was measured, and the page says so."""

from __future__ import annotations

from types import SimpleNamespace as Plain
from typing import Any

from labs import METRICS, Choice, Number

STATES = ("starting", "loading", "up", "paused", "promoting", "down", "stopped")
WHY = {"down": "is down: kill -9", "paused": "is paused: SIGSTOP", "starting": "is starting", "loading": "is loading: 12 MB", "promoting": "is being promoted", "stopped": "has stopped"}
LINKS = (("open", ""), ("slow", "+50 ms each way"), ("cut", "cut"))
CODE = (("def read(shop, cache, key, ttl_s):", "k"), ("    found = cache.get(key)", ""), ("    if found is not None:", "k"), ("        return found", "k"), ("    page = shop.page(key)", ""), ("    cache.set(key, page, ttl_s)", ""), ("    return page", "k"))


def bench() -> Any:
    """What the bench's partials ask for, with something of everything."""
    servers = {f"cache-{index:03}": state for index, state in enumerate(STATES, 1)}
    state = {
        "reading": {"hit_rate_percent": 71.4, "hit_p50_ms": 0.19, "miss_p50_ms": 5.31, "database_queries_per_s": 23.0},
        "step": {"request": 11, "call": "read(42)", "running": True, "strategy": "sample", "function": "read", "line": 5, "last_line": 5, "done_lines": [1, 2, 3]},
        "exchange": [
            {"server": "cache", "command": "GET page:42", "reply": "(nil)", "took_ms": 0.16, "meaning": "miss"},
            {"server": "database", "command": "SELECT name, price, count(*), avg(stars) … WHERE product_id = 42 GROUP BY 1, 2", "reply": "1 row", "took_ms": 4.87, "meaning": "read"},
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
        tiles=[METRICS[name] for name in ("hit_rate_percent", "hit_p50_ms", "miss_p50_ms", "database_queries_per_s")],
        checks=[
            {"name": "first", "claim": "The first read is a miss, with one database query", "status": "met", "message": "Postgres counted 1 query for request 4", "hint": "", "evidence": {}},
            {"name": "second", "claim": "The old price is served until the time to live, not after", "status": "unmet", "message": "", "hint": "Nothing has changed a price yet.", "evidence": {}},
            {"name": "third", "claim": "With the cache killed, every read is answered", "status": "error", "message": "The database does not answer", "hint": "Restart it.", "evidence": {}},
        ],
        scale=Plain(bars=(Plain(sense="miss", server="cache", start=0.0, width=2.7, share=3), Plain(sense="read", server="database", start=2.7, width=81.2, share=97)), ticks=("0", "1", "2", "3", "4", "5", "6 ms")),
        headings={"read": "The code that runs"},
        listings=[Plain(strategy="sample", name="read", label="A sample", source=Plain(path="labs/caching/sample.py", first_line=10), lines=tuple((Plain(text=text, kind=kind),) for text, kind in CODE))],
        server_state=servers.__getitem__,
        server_words=lambda name: WHY.get(servers[name], ""),
        engine_words=lambda name: "Redis 7.0.15",
        link_state=lambda name: name,
        link_words=dict(LINKS).__getitem__,
    )


def drawing() -> Any:
    """One server in each state, one link in each."""
    boxes = tuple(Plain(node=Plain(name=f"cache-{index + 1:03}", label=f"cache-{index + 1:03}", engine="redis", engine_setting=""), x=12 + index % 4 * 216, y=8 + index // 4 * 108, width=200, height=96) for index in range(len(STATES)))
    wires = tuple(Plain(link=Plain(name=state, source="app", target="cache"), path=f"M{20 + index * 290} 270 h240", label_x=20 + index * 290, label_y=252, anchor="start", mid_x=140 + index * 290, mid_y=270) for index, (state, _) in enumerate(LINKS))
    return Plain(width=880, height=300, boxes=boxes, wires=wires, glyphs=True)


FADER = Number("ttl_s", "Time to live", 1, 300, 1, 60, unit="s", scale="log", help="On a logarithmic scale.")
SEGMENTS = Choice("engine", "Engine", (("redis", "Redis"), ("memcached", "Memcached")), "redis")
SELECT = Choice("read", "What is read", (("row", "one row, by its key"), ("page", "a product page"), ("ranking", "a category’s ranking")), "page")
