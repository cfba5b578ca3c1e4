"""The workload of a sandbox: starts and stops worker processes, hands them new settings while they
run, and adds up what they saw.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Protocol

from labs.load.batches import KINDS, Batch
from labs.load.orders import AnyOrders
from labs.measure.latency import Latencies


class StartsWorkers(Protocol):
    """What a load needs of its nursery."""

    def start(self, orders: AnyOrders) -> tuple[int, Connection]:
        """A worker that has begun: its pid, and the pipe to it."""


@dataclass(slots=True)
class Tally:
    """Counts and durations over some time."""

    scheduled: int = 0
    dropped: int = 0
    done: int = 0
    errors: int = 0
    stale: int = 0
    unexplained: int = 0
    kinds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    latencies: dict[str, Latencies] = field(
        default_factory=lambda: {kind: Latencies() for kind in KINDS}
    )

    def add(self, batch: Batch) -> None:
        """Take a worker's batch into account."""
        for name in ("scheduled", "dropped", "done", "errors", "stale", "unexplained"):
            setattr(self, name, getattr(self, name) + getattr(batch, name))
        for kind, durations in batch.times.items():
            self.kinds[kind] += len(durations)
            self.latencies[kind].record(durations)

    def clear(self) -> None:
        """Count from zero again."""
        for name in ("scheduled", "dropped", "done", "errors", "stale", "unexplained"):
            setattr(self, name, 0)
        for kind in KINDS:
            self.kinds[kind] = 0
            self.latencies[kind].clear()


class Load:
    """At most one workload at a time.

    `totals[(engine, strategy)]` holds since the start or the last `forget`; `interval` since it was
    last taken.
    """

    def __init__(
        self,
        nursery: StartsWorkers,
        *,
        on_problem: Callable[[str], None] = lambda _: None,
        on_batch: Callable[[Batch], None] = lambda _: None,
        on_rest: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._nursery = nursery
        self._on_problem = on_problem
        self._on_batch = on_batch
        self._on_rest = on_rest
        self._problems: set[str] = set()
        self._rests = False
        self._lock = threading.RLock()
        self._workers: dict[Connection, int] = {}
        self._collector: threading.Thread | None = None
        self._interval, self._spare = Tally(), Tally()
        self._started = self._interval_began = time.monotonic()
        self.totals: dict[tuple[str, str], Tally] = defaultdict(Tally)

    @property
    def running(self) -> bool:
        """True while workers run."""
        return bool(self._workers)

    @property
    def running_for_s(self) -> float:
        """Seconds since the workload was started; 0 if none runs."""
        return time.monotonic() - self._started if self._workers else 0.0

    @property
    def workers(self) -> int:
        """How many workers run."""
        return len(self._workers)

    def start(self, workers: int, orders: Callable[[int], AnyOrders]) -> None:
        """Begin with so many workers; `orders(n)` is for the n-th of them."""
        self.stop()
        self._problems.clear()
        self._rests = False
        with self._lock:
            self._interval.clear()
            self._started = self._interval_began = time.monotonic()
            for number in range(workers):
                pid, pipe = self._nursery.start(orders(number))
                self._workers[pipe] = pid
            self._collector = threading.Thread(
                target=self._collect, name="load collector", daemon=True
            )
            self._collector.start()

    def change(self, orders: Callable[[int], AnyOrders]) -> None:
        """Hand new settings to the workers that run."""
        with self._lock:
            for number, pipe in enumerate(list(self._workers)):
                with contextlib.suppress(OSError):
                    pipe.send(orders(number))

    def stop(self) -> None:
        """End all workers and take in what they still have to say; harmless if none runs."""
        with self._lock:
            if not self._workers:
                return
            for pipe in self._workers:
                with contextlib.suppress(OSError):
                    pipe.send(None)
        if self._collector is not None:
            self._collector.join(timeout=5.0)
        with self._lock:
            for pipe in self._workers:
                pipe.close()
            self._workers.clear()

    def take_interval(self) -> tuple[float, Tally]:
        """Seconds and tally since this was last asked.

        The tally is the caller's until the next call.
        """
        with self._lock:
            now = time.monotonic()
            seconds, self._interval_began = now - self._interval_began, now
            self._spare.clear()
            self._interval, self._spare = self._spare, self._interval
            return seconds, self._spare

    def forget(self) -> None:
        """Start the totals anew, as when a phase of an experiment begins."""
        with self._lock:
            self.totals.clear()

    def _collect(self) -> None:
        open_pipes = set(self._workers)
        while open_pipes:
            for pipe in wait(list(open_pipes), timeout=1.0):
                assert isinstance(pipe, Connection)
                try:
                    batch = pipe.recv()
                except (EOFError, OSError):
                    open_pipes.discard(pipe)
                    continue
                with self._lock:
                    self._interval.add(batch)
                    self.totals[(batch.engine, batch.strategy)].add(batch)
                self._on_batch(batch)
                if batch.problem and batch.problem not in self._problems:
                    self._problems.add(batch.problem)
                    self._on_problem(batch.problem)
                if batch.rests and not self._rests:
                    self._rests = True
                    self._on_rest(batch.rests)
