"""Servers that are states and nothing else: start, pause, kill as the contract asks, without a
process. Ships, for the web tests.

Nothing listens on a fake server's address. What its servers hold is a dictionary, what its load did
is made up, and its times are always the same: nothing that is measured here may be shown as a
measurement.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from labs.clients.address import Address
from labs.engines import readings
from labs.engines.base import CacheEngine, DatabaseEngine
from labs.engines.launch import Launch
from labs.errors import NotNow
from labs.load.batches import BATCH_S, GROUP, RECORDER, Batch, Operation
from labs.load.browsers import SITE, VISITORS, BrowserOrders
from labs.load.commits import Commits
from labs.load.flight import ACKNOWLEDGED, READ, FlightOrders
from labs.load.numbers import NUMBERS, NumberOrders
from labs.load.orders import AnyOrders
from labs.load.worker import strategy_of
from labs.load.writers import ENGINE, WRITERS, WriterOrders
from labs.network.links import Route
from labs.runtime.disk import Cut

NOBODY_LISTENS = Address("127.0.0.1", 1)
CACHES = ("redis", "memcached")


class FakeRunning:
    """A server that only remembers what was done to it."""

    pid = 0
    disk = None

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._exit: int | None = None
        self.paused = False
        self._lines = ["<fake> server started"]

    def poll(self) -> int | None:
        return self._exit

    def stop(self, deadline_s: float = 5.0) -> None:
        self._end(0, "stopped")

    def kill(self) -> None:
        self._end(-int(signal.SIGKILL), "killed")

    def cut_power(self, look: Callable[[], object] = lambda: None) -> list[Cut]:
        raise NotNow(
            "Nothing real runs in this sandbox: it has no files that a loss of power could take."
        )

    def pause(self) -> None:
        self.paused = self._exit is None
        self._lines.append("paused")

    def resume(self) -> None:
        self.paused = False
        self._lines.append("resumed")

    def log_tail(self, lines: int = 40) -> list[str]:
        return self._lines[-lines:]

    def _end(self, code: int, word: str) -> None:
        if self._exit is None:
            self._exit = code
            self.paused = False
            self._lines.append(word)


@dataclass(slots=True)
class Pretence:
    """What the fake servers of one sandbox hold, and what they would have counted.

    Stored values have the moment of their end.
    """

    stored: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0
    queries: int = 0


class FakeRuntime:
    """A place where nothing runs."""

    name = "fake"

    def __init__(self, pretence: Pretence | None = None) -> None:
        self.pretence = pretence or Pretence()
        self._started: list[FakeRunning] = []

    def host(self, index: int) -> str:
        return NOBODY_LISTENS.host

    def port(self, usual: int) -> int:
        return NOBODY_LISTENS.port

    def start(self, launch: Launch, log: Path) -> FakeRunning:
        running = FakeRunning(launch)
        self._started.append(running)
        return running

    def close(self) -> None:
        for running in self._started:
            running.kill()
        self._started.clear()


@dataclass(frozen=True, slots=True)
class FakeEngine(CacheEngine, DatabaseEngine):
    """An engine that is ready at once."""

    name: str
    kind: str
    pretence: Pretence
    address: Address = NOBODY_LISTENS

    def launch(self) -> Launch:
        if self.kind == "postgres":
            self.pretence.queries = 0
        elif self.kind in CACHES:
            self.pretence.hits = self.pretence.misses = 0
            self.flush()
        return Launch(argv=("fake",), ready=lambda _: "fake")

    def ready(self, timeout_s: float) -> str:
        return "fake"

    def counters(self) -> dict[str, float]:
        held = self.pretence
        if self.kind == "postgres":
            return {"queries": held.queries}
        if self.kind not in CACHES:
            return {}
        lookups = held.hits + held.misses
        return {
            "hits": held.hits,
            "misses": held.misses,
            "operations": lookups,
            "evicted": 0,
            "expired": 0,
            "items": len(held.stored),
            "bytes": 0,
            "connections": 0,
        }

    def readings(
        self, before: readings.Counters, after: readings.Counters, seconds: float
    ) -> dict[str, float]:
        if self.kind == "postgres":
            return readings.of_database(before, after, seconds)
        return readings.of_cache(before, after, seconds) if self.kind in CACHES else {}

    def hits(self) -> int:
        return self.pretence.hits

    def misses(self) -> int:
        return self.pretence.misses

    def queries(self) -> int:
        return self.pretence.queries

    def query(self, statement: str, parameters: Mapping[str, object]) -> tuple[object, ...]:
        """The version of the item that is asked for, whatever the statement."""
        (item,) = parameters.values()
        return (self.pretence.versions.get(int(str(item)), 1),)

    def item(self, key: str) -> tuple[str, float] | None:
        if key not in self.pretence.stored:
            return None
        value, until = self.pretence.stored[key]
        return value.decode(), -1 if until == math.inf else until - time.monotonic()

    def count(self) -> int:
        return len(self.pretence.stored)

    def flush(self) -> None:
        self.pretence.stored.clear()

    def close(self) -> None:
        """There is no connection."""


class FakeNursery:
    """Its workers are threads that send made-up batches: at the wanted rate, nine hits of ten,
    always as fast.
    """

    def __init__(self, pretence: Pretence) -> None:
        self.commits = Commits()
        self._pretence = pretence
        self._flown = 0

    def start(self, orders: AnyOrders) -> tuple[int, Connection]:
        ours, theirs = Pipe()
        threading.Thread(
            target=self._work, args=(orders, theirs), name="fake load", daemon=True
        ).start()
        return 0, ours

    def close(self) -> None:
        """There is nothing to end: a worker ends with its pipe."""

    def _work(self, orders: AnyOrders, pipe: Connection) -> None:
        told: object = orders
        with pipe:
            while isinstance(told, AnyOrders):
                try:
                    told = pipe.recv() if pipe.poll(BATCH_S) else told
                    if isinstance(told, AnyOrders):
                        pipe.send(self._batch(told))
                except (EOFError, OSError):
                    return

    def _batch(self, orders: AnyOrders) -> Batch:
        if isinstance(orders, FlightOrders):
            return self._flight(orders)
        done = max(1, round(float(orders.settings["rate_per_s"]) / orders.workers * BATCH_S))
        misses = -(-done // 10)
        hits = done - misses
        if isinstance(orders, BrowserOrders):
            pages = {
                "signed_in": [2_100] * hits,
                "signed_out": [2_100] * misses,
                "response": [2_100] * done,
            }
            return Batch(
                SITE,
                VISITORS,
                scheduled=done,
                done=done,
                times={kind: array("Q", several) for kind, several in pages.items()},
            )
        if isinstance(orders, NumberOrders):
            return Batch(
                ENGINE,
                NUMBERS,
                scheduled=done,
                done=done,
                times={"write": array("Q", [210] * done)},
            )
        if isinstance(orders, WriterOrders):
            return Batch(
                ENGINE,
                WRITERS,
                scheduled=done,
                done=done,
                times={kind: array("Q", [190] * done) for kind in ("write", "cache", "response")},
            )
        self._pretence.hits += hits
        self._pretence.misses += misses
        self._pretence.queries += misses
        times = {
            "hit": [190] * hits,
            "miss": [5_230] * misses,
            "read": [],
            "write": [],
            "cache": [160] * done,
            "database": [4_870] * misses,
            "response": [190] * done,
        }
        strategy = strategy_of(orders.lab, orders.wrong, orders.settings)
        return Batch(
            orders.engine,
            strategy.name,
            scheduled=done,
            done=done,
            times={kind: array("Q", several) for kind, several in times.items()},
        )

    def _flight(self, orders: FlightOrders) -> Batch:
        rate = (
            float(orders.settings["reads_per_s" if orders.reads else "writes_per_s"])
            / orders.workers
        )
        done, now = max(1, round(rate * BATCH_S)), time.monotonic()
        self._flown += 0 if orders.reads else done
        operations = [
            Operation(
                orders.reads,
                now - BATCH_S + index / rate,
                0.0002,
                READ if orders.reads else ACKNOWLEDGED,
                self._flown - done + 1 + index,
            )
            for index in range(done)
        ]
        return Batch(
            GROUP,
            RECORDER,
            scheduled=done,
            done=done,
            times={"read" if orders.reads else "write": array("Q", [200] * done)},
            operations=operations,
        )


class FakeLinks:
    """Links that are states and nothing else."""

    def lay(self, name: str, near: Address, target: Address) -> Address:
        return near

    def route(self, name: str) -> Route:
        return Route(NOBODY_LISTENS, NOBODY_LISTENS, "", 0)

    def gate(self, name: str, near: Address) -> None:
        """Nobody enters."""

    def line(
        self, name: str, target: Address, *, gate: str = "", caller: str = "", source: str = ""
    ) -> None:
        """Nothing travels."""

    def lead(self, gate: str, lines: Sequence[str]) -> None:
        """Nothing travels."""

    def slow(self, *names: str, delay_ms: float, directions: int = 3) -> None:
        """Nothing travels."""

    def cut(self, *names: str, directions: int = 3) -> None:
        """Nothing travels."""

    def set_fault(self, *names: str, cut: int, delay_ms: float) -> None:
        """Nothing travels."""

    def drop(self, *names: str) -> None:
        """Nothing is under way."""

    def restore(self, *names: str) -> None:
        """Nothing travels."""

    def close(self) -> None:
        """There is nothing to end."""
