"""The load of the labs over the sample shop: each client draws an item and runs the strategy that
is on the page.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from dataclasses import dataclass

from labs.caching.cache import CacheDown
from labs.clients.access import Access
from labs.errors import ServerDown
from labs.events import Sense
from labs.lab import Strategy
from labs.load.batches import Batch, flow
from labs.load.clients import LeanCache, LeanMemcached, LeanRedis
from labs.load.commits import Commits
from labs.load.failures import words_of
from labs.load.keys import ZipfKeys
from labs.load.program import ScheduledProgram, WorkloadSpec
from labs.network.links import Route
from labs.sandbox.part import Workload
from labs.setups.shop.counters import CACHE, DATABASE, cache_engine
from labs.shop.shop import LeanShop, items

LOAD_ITEMS = 1_000
DEFAULT_CLIENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopSpec(WorkloadSpec):
    """The requests of one client of the shop: `write_share` of them change a price, and of those
    `behind_share` go to the database behind the application's back. `what` is the query that is
    cached: row, page or ranking.
    """

    strategy: Strategy
    ttl_s: float
    what: str
    items: tuple[int, ...]
    skew: float
    write_share: float
    behind_share: float
    engine: str
    cache: Route
    cache_access: Access
    database: Route
    database_password: str

    @property
    def label(self) -> tuple[str, str]:
        """The engine and the strategy under which its batches are counted."""
        return self.engine, self.strategy.name

    def program(self, commits: Commits) -> ShopProgram:
        """The program, made in the client's process."""
        return ShopProgram(self, commits)


class ShopLoad(Workload):
    """The load of a lab with the nodes `cache` and `database`."""

    def clients(self) -> int:
        """How many clients run."""
        return int(float(self.context.settings.get("clients", DEFAULT_CLIENTS)))

    def spec(self, client: int, clients: int, requests: int = 0) -> ShopSpec:
        """The workload of one client, with the settings as they are now."""
        context, settings = self.context, self.context.settings
        strategy, what = context.strategy(), str(settings.get("read", "row"))
        return ShopSpec(
            rate_per_s=float(settings["rate_per_s"]),
            client=client,
            clients=clients,
            requests=requests,
            strategy=strategy,
            ttl_s=strategy.ttl_s(settings),
            what=what,
            items=items(what, int(float(settings.get("load_items", LOAD_ITEMS)))),
            skew=float(settings["skew"]),
            write_share=float(settings.get("write_percent", 0)) / 100,
            behind_share=float(settings.get("behind_percent", 0)) / 100,
            engine=cache_engine(context),
            cache=context.network.route("cache"),
            cache_access=context.servers["cache"].engine.access("shop"),
            database=context.network.route("database"),
            database_password=context.password("database"),
        )


class ShopProgram(ScheduledProgram):
    """One client: draws an item, runs the strategy, notes what it meant and how long it took."""

    def __init__(self, spec: ShopSpec, commits: Commits) -> None:
        super().__init__(spec)
        self._commits = commits
        self._shop = LeanShop(spec.database.open(), password=spec.database_password, what=spec.what)
        self._cache: LeanCache
        self._engine = ""
        self._apply(spec)
        self._batch = Batch(*spec.label)

    def reconfigure(self, spec: WorkloadSpec) -> None:
        """Go on with other settings."""
        assert isinstance(spec, ShopSpec)
        self._apply(spec)
        self.set_rate(spec)
        self._batch = Batch(*spec.label)

    def once(self, now: float) -> None:
        """Make one request and count it."""
        due = self.schedule.take(now)
        item = self._keys.draw()
        batch, began = self._batch, time.monotonic()
        try:
            if self._strategy.write is not None and self.random.random() < self._write_share:
                kind = self._write(item)
            else:
                kind = self._read(item)
        except (ServerDown, CacheDown) as exc:
            batch.errors += 1
            batch.error = words_of(exc)
            return
        # a strategy's own mistake: the load reports it and goes on
        except Exception as exc:  # noqa: BLE001
            batch.errors += 1
            batch.problem = batch.error = f"{type(exc).__name__}: {exc}"[:200]
            return
        ended = time.monotonic()
        batch.done += 1
        if kind:
            batch.times[kind].append(int((ended - began) * 1e6))
        batch.times["response"].append(int((ended - due) * 1e6))

    def take_batch(self) -> Batch:
        """What was done since the last call."""
        batch, self._batch = self._batch, Batch(*self._label)
        batch.times["cache"], self._cache.times = self._cache.times, array("Q")
        batch.times["database"], self._shop.times = self._shop.times, array("Q")
        for link, client in ((CACHE, self._cache), (DATABASE, self._shop)):
            asked: Counter[Sense] = client.asked
            batch.flows.update({flow(link, sense): many for sense, many in asked.items() if many})
            asked.clear()
        return self.counted(batch)

    def close(self) -> None:
        """Give both connections back."""
        self._cache.shut()
        self._shop.close()

    def _apply(self, spec: ShopSpec) -> None:
        self._label = spec.label
        self._strategy, self._ttl_s = spec.strategy, spec.ttl_s
        self._keys = ZipfKeys(spec.items, skew=spec.skew, seed=spec.seed * 1_000 + spec.client)
        self._write_share, self._behind_share = spec.write_share, spec.behind_share
        self._shop.what = spec.what
        if spec.engine != self._engine:
            if self._engine:
                self._cache.shut()
            lean = LeanMemcached if spec.engine == "memcached" else LeanRedis
            self._cache = lean(spec.cache.open(), spec.cache_access)
            self._engine = spec.engine

    def _write(self, item: int) -> str:
        assert self._strategy.write is not None
        price = round(1 + self.random.random() * 199, 2)
        behind = self.random.random() < self._behind_share
        version: object
        if behind:
            version = self._shop.change_price(item, price)
        else:
            version = self._strategy.write(self._shop, self._cache, item, price, self._ttl_s)
        if isinstance(version, int):
            self._commits.note(item, version, self._shop.committed_at)
        return "behind" if behind else "write"

    def _read(self, item: int) -> str:
        cache = self._cache
        hits, misses, queries = cache.hits, cache.misses, self._shop.queries
        looked_up = cache.asked["hit"]
        began, known = time.monotonic(), self._commits.newest(item)
        self._commits.ask(item)
        answer = self._strategy.read(self._shop, cache, item, self._ttl_s)
        version = answer.get("version") if isinstance(answer, dict) else None
        if isinstance(version, int) and version < known:
            self._batch.stale += 1
            if cache.asked["hit"] > looked_up:
                # The old answer came from the cache, and not from the process's own memory.
                cache.asked["hit"] -= 1
                cache.asked["stale"] += 1
            since = self._commits.outdated_since(item, version)
            if since is not None:
                self._batch.times["staleness"].append(max(0, int((began - since) * 1e6)))
        if self._shop.queries == queries:
            return "hit" if cache.hits > hits else ""
        return "miss" if cache.misses > misses else "read"
