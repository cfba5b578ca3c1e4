"""What TLS costs: how long it takes to connect to a server, and how long a request takes then."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from labs.clients.address import straight
from labs.clients.memcached import MemcachedClient
from labs.clients.resp import RespClient
from labs.engines.redis import Redis
from labs.events import Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.setups.access.bench import require_up

CONNECTS, REQUESTS, KEY = 15, 300, "card"
TABLE = Table(
    "costs",
    "What TLS costs",
    (
        Column("server", "Server"),
        Column("connect_ms", "Connect, and the first answer", "ms", 2),
        Column("request_us", "A request on an open connection", "µs"),
    ),
    empty="Nothing has been timed yet.",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians for one server: to connect and be answered, and a request on an open connection."""

    server: str
    connect_ms: float
    request_us: float


def figures_of(costs: dict[str, Cost]) -> dict[str, float]:
    """What was timed of every server, by the names that checks and lessons have for it."""
    figures = {}
    for server, cost in costs.items():
        name = server.replace("-", "_")
        figures[f"{name}_connect_ms"] = cost.connect_ms
        figures[f"{name}_request_us"] = cost.request_us
    return figures


def time_all(context: Context) -> dict[str, Cost]:
    """Time connections and requests of every server, straight to it, and show the medians."""
    costs = {node.name: _timed(context, node.name) for node in context.topology.servers}
    rows: list[dict[str, Value]] = [
        {
            "server": context.topology.node(cost.server).label,
            "connect_ms": cost.connect_ms,
            "request_us": cost.request_us,
        }
        for cost in costs.values()
    ]
    context.tabulate(TABLE.name, rows)
    return costs


def _timed(context: Context, server: str) -> Cost:
    require_up(context, server)
    make, ask = _client(context, server)
    connects_ms, requests_us = [], []
    for _ in range(CONNECTS):
        began = time.perf_counter()
        with closing(make()) as client:
            ask(client)
            connects_ms.append((time.perf_counter() - began) * 1e3)
    with closing(make()) as client:
        ask(client)
        for _ in range(REQUESTS):
            began = time.perf_counter()
            ask(client)
            requests_us.append((time.perf_counter() - began) * 1e6)
    medians = statistics.median(connects_ms), statistics.median(requests_us)
    return observed(context, Cost(server, round(medians[0], 3), round(medians[1], 1)))


def _client(
    context: Context, server: str
) -> tuple[Callable[[], RespClient | MemcachedClient], Callable[..., object]]:
    """How to make a client of a server, and how to ask it."""
    engine = context.servers[server].engine
    way = straight(engine.address)
    if isinstance(engine, Redis):
        access = engine.access("shop")
        return lambda: RespClient(way, access), lambda client: client.command("GET", KEY)
    tls = engine.access("").tls
    return lambda: MemcachedClient(way, tls=tls), lambda client: client.get(KEY)
