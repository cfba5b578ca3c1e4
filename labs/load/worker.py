"""One client of the load: draws an item, waits for its turn, runs the strategy that is on the page,
notes what it meant and how long it took.
"""

from __future__ import annotations

import contextlib
import gc
import math
import random
import signal
import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from labs.caching.cache import CacheDown
from labs.catalogue import find
from labs.definition import Strategy
from labs.errors import ServerDown
from labs.events import Value
from labs.load.batches import BATCH_S, Batch
from labs.load.clients import LeanCache, LeanMemcached, LeanRedis
from labs.load.commits import Commits
from labs.load.keys import ZipfKeys
from labs.load.shape import Schedule
from labs.network.links import Route
from labs.shop.shop import LeanShop


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker needs to know.

    Settings are the lab's; the rest says where the servers are. After `requests` of them it only
    waits to be stopped; 0: no end.
    """

    lab: str
    wrong: str
    settings: dict[str, Value]
    engine: str
    cache: Route
    cache_user: str
    cache_password: str
    database: Route
    database_password: str
    items: tuple[int, ...]
    worker: int
    workers: int
    seed: int
    requests: int = 0


def strategy_of(lab_id: str, wrong: str, settings: Mapping[str, Value]) -> Strategy:
    """The strategy that these settings pick, or the saboteur's in its place."""
    lab = find(lab_id)
    name = lab.pick_strategy(settings)
    for solution in lab.wrong:
        if solution.name == wrong and name in solution.strategies:
            return solution.strategies[name]
    return lab.strategies[name]


def work(orders: Orders, pipe: Connection, commits: Commits) -> None:
    """Run until told to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.disable()
    Worker(orders, pipe, commits).run()


class Worker:
    """The loop and what it holds."""

    def __init__(self, orders: Orders, pipe: Connection, commits: Commits) -> None:
        self._orders = orders
        self._pipe = pipe
        self._commits = commits
        self._random = random.Random(orders.seed * 1_000 + orders.worker)
        self._shop = LeanShop(
            orders.database.open(),
            password=orders.database_password,
            what=str(orders.settings.get("read", "row")),
        )
        self._cache: LeanCache | None = None
        self._engine = ""
        self._apply(orders.settings, orders.engine, orders.cache)
        now = time.monotonic()
        self._schedule = Schedule(self._rate(), now + self._random.random() / self._rate())
        self._left: float = orders.requests or math.inf

    def run(self) -> None:
        batch_due = time.monotonic() + BATCH_S
        self._batch = self._new_batch()
        while True:
            now = time.monotonic()
            if now >= batch_due:
                self._send()
                batch_due = now + BATCH_S
            wait_s = (
                min(self._schedule.wait_s(now), batch_due - now) if self._left else batch_due - now
            )
            if self._pipe.poll(max(0.0, wait_s)):
                if not self._obey(self._pipe.recv()):
                    break
                continue
            now = time.monotonic()
            if self._left and self._schedule.wait_s(now) <= 0:
                self._left -= 1
                self._request(self._schedule.take(now))
                if not self._left:
                    self._send()
        self._send()
        self._pipe.close()

    def _obey(self, message: object) -> bool:
        if not isinstance(message, Orders):
            return False
        self._send()
        self._orders = message
        self._apply(message.settings, message.engine, message.cache)
        self._schedule.set_rate(self._rate(), time.monotonic())
        self._batch = self._new_batch()
        return True

    def _rate(self) -> float:
        return max(0.5, float(self._orders.settings["rate_per_s"]) / self._orders.workers)

    def _apply(self, settings: Mapping[str, Value], engine: str, route: Route) -> None:
        self._strategy = strategy_of(self._orders.lab, self._orders.wrong, settings)
        self._keys = ZipfKeys(
            self._orders.items,
            skew=float(settings["skew"]),
            seed=self._orders.seed * 1_000 + self._orders.worker,
        )
        self._ttl_s = self._strategy.ttl_s(settings)
        self._writes = float(settings.get("write_percent", 0)) / 100
        self._behind = float(settings.get("behind_percent", 0)) / 100
        self._shop.what = str(settings.get("read", "row"))
        if engine != self._engine or self._cache is None:
            if self._cache is not None:
                self._cache.shut()
            self._cache = (
                LeanMemcached(route.open())
                if engine == "memcached"
                else LeanRedis(
                    route.open(), user=self._orders.cache_user, password=self._orders.cache_password
                )
            )
            self._engine = engine

    def _new_batch(self) -> Batch:
        return Batch(self._engine, self._strategy.name)

    def _request(self, due: float) -> None:
        item = self._keys.draw()
        began = time.monotonic()
        try:
            if self._strategy.write is not None and self._random.random() < self._writes:
                kind = self._write(item)
            else:
                kind = self._read(item)
        except (ServerDown, CacheDown):
            self._batch.errors += 1
            return
        # a strategy's own mistake: the load goes on, and says so
        except Exception as exc:  # noqa: BLE001
            self._batch.errors += 1
            self._batch.problem = f"{type(exc).__name__}: {exc}"[:200]
            return
        ended = time.monotonic()
        self._batch.done += 1
        if kind:
            self._batch.times[kind].append(int((ended - began) * 1e6))
        else:
            self._batch.unexplained += 1
        self._batch.times["response"].append(int((ended - due) * 1e6))

    def _write(self, item: int) -> str:
        assert self._strategy.write is not None
        price = round(1 + self._random.random() * 199, 2)
        behind = self._random.random() < self._behind
        version = (
            self._shop.change_price(item, price)
            if behind
            else self._strategy.write(self._shop, self._cache, item, price, self._ttl_s)
        )
        if isinstance(version, int):
            self._commits.note(item, version, self._shop.committed_at)
        return "behind" if behind else "write"

    def _read(self, item: int) -> str:
        cache = self._cache
        assert cache is not None
        hits, misses, queries = cache.hits, cache.misses, self._shop.queries
        began, known = time.monotonic(), self._commits.newest(item)
        self._commits.ask(item)
        answer = self._strategy.read(self._shop, cache, item, self._ttl_s)
        version = answer.get("version") if isinstance(answer, dict) else None
        if isinstance(version, int) and version < known:
            self._batch.stale += 1
            since = self._commits.outdated_since(item, version)
            if since is not None:
                self._batch.times["staleness"].append(max(0, int((began - since) * 1e6)))
        if self._shop.queries == queries:
            return "hit" if cache.hits > hits else ""
        return "miss" if cache.misses > misses else "read"

    def _send(self) -> None:
        assert self._cache is not None
        batch = self._batch
        batch.times["cache"], self._cache.times = self._cache.times, array("Q")
        batch.times["database"], self._shop.times = self._shop.times, array("Q")
        batch.scheduled, self._schedule.scheduled = self._schedule.scheduled, 0
        batch.dropped, self._schedule.dropped = self._schedule.dropped, 0
        with contextlib.suppress(BrokenPipeError):
            self._pipe.send(batch)
        self._batch = self._new_batch()
