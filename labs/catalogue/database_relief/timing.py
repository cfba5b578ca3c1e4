"""How fast each server answers at one connection with nothing else running: what the course's first
page draws.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from labs.clients.address import straight
from labs.load.clients import LeanMemcached, LeanRedis
from labs.sandbox.sandbox import Sandbox
from labs.shop.shop import LeanShop


def time_each_server(sandbox: Sandbox) -> dict[str, float]:
    """Medians in milliseconds: a SELECT of each kind, a GET from each cache. The lab ends with
    Redis as its cache.
    """
    medians: dict[str, float] = {}
    with _on_one_core(sandbox.servers["database"].pid):
        route = straight(sandbox.server_address("database"))
        shop = LeanShop(route, password=sandbox.password("database"), what="row")
        for what, times in (("row", 1_000), ("page", 200), ("ranking", 20)):
            shop.what = what
            medians[f"{what}_select_p50_ms"] = _median_ms(lambda n: shop.read(1 + n % 20), times)
        shop.close()
    for engine in ("memcached", "redis"):
        sandbox.set("engine", engine)
        medians[f"{engine}_get_p50_ms"] = _time_get(sandbox, engine)
    return medians


def _time_get(sandbox: Sandbox, engine: str) -> float:
    server, route = sandbox.servers["cache"], straight(sandbox.server_address("cache"))
    memcached = engine == "memcached"
    cache = LeanMemcached(route) if memcached else LeanRedis(route, server.engine.access("shop"))
    with _on_one_core(server.pid):
        cache.set("row:1", "x" * 200, 60)
        median_ms = _median_ms(lambda _: cache.get("row:1"), 1_000)
    cache.close()
    return median_ms


@contextmanager
def _on_one_core(server: int) -> Iterator[None]:
    """Client and server on the same core, for every server alike: whether the kernel puts them on
    the same core or not changes the time more than the reply does.
    """
    core = {min(os.sched_getaffinity(0))}
    threads = [int(thread) for thread in os.listdir(f"/proc/{server}/task")]
    before = os.sched_getaffinity(0)
    for thread in (0, *threads):
        os.sched_setaffinity(thread, core)
    try:
        yield
    finally:
        for thread in (0, *threads):
            os.sched_setaffinity(thread, before)


def _median_ms(run: Callable[[int], object], times: int) -> float:
    """The median of this many runs, after a tenth as many that only warm up."""
    for number in range(max(5, times // 10)):
        run(number)
    durations = []
    for number in range(times):
        began = time.perf_counter()
        run(number)
        durations.append((time.perf_counter() - began) * 1000)
    return round(median(durations), 4)
