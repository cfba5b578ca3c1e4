"""The workload of a sandbox: starts and stops client processes, hands them new settings while they
run, and adds up what they report.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from multiprocessing.connection import Connection, wait

from labs.errors import LabsError
from labs.load.batches import Batch, Counts
from labs.load.failures import Failing, Failures
from labs.load.forkserver import ForkServer
from labs.load.program import WorkloadSpec
from labs.measure.latency import Latencies

_COUNTS = [count.name for count in fields(Counts)]


@dataclass(slots=True)
class Tally(Counts):
    """Counts and durations over some time."""

    kinds: Counter[str] = field(default_factory=Counter)
    """How many durations of each kind there were."""
    latencies: defaultdict[str, Latencies] = field(default_factory=lambda: defaultdict(Latencies))
    flows: Counter[str] = field(default_factory=Counter)

    def add(self, batch: Batch) -> None:
        """Take a client's batch into account."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(batch, name))
        for kind, durations in batch.times.items():
            self.kinds[kind] += len(durations)
            self.latencies[kind].record(durations)
        self.flows.update(batch.flows)

    def clear(self) -> None:
        """Count from zero again."""
        for name in _COUNTS:
            setattr(self, name, 0)
        self.kinds.clear()
        self.flows.clear()
        for latencies in list(self.latencies.values()):
            latencies.clear()


class LoadController:
    """At most one workload at a time.

    `totals[(engine, strategy)]` holds since the start or the last `clear`; `interval` since it was
    last taken.
    """

    def __init__(
        self,
        forkserver: ForkServer,
        *,
        on_problem: Callable[[str], None] = lambda _: None,
        on_batch: Callable[[Batch], None] = lambda _: None,
        on_idle: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._forkserver = forkserver
        self._on_problem = on_problem
        self._on_batch = on_batch
        self._on_idle = on_idle
        self._problems: set[str] = set()
        self._idle = False
        self._changing = threading.RLock()
        """Of one start or stop at a time. The collector never takes it: a stop waits for it."""
        self._stopping = False
        self._lock = threading.RLock()
        self._clients: dict[Connection, int] = {}
        self._collector: threading.Thread | None = None
        self._interval, self._spare = Tally(), Tally()
        self._started = self._interval_began = time.monotonic()
        self._failures = Failures()
        self._wanted_per_s = 0.0
        self.totals: dict[tuple[str, str], Tally] = defaultdict(Tally)

    @property
    def running(self) -> bool:
        """True while clients run."""
        return bool(self._clients)

    @property
    def running_for_s(self) -> float:
        """Seconds since the workload was started; 0 if none runs."""
        return time.monotonic() - self._started if self._clients else 0.0

    @property
    def clients(self) -> int:
        """How many clients run."""
        return len(self._clients)

    @property
    def wanted_per_s(self) -> float:
        """How many requests a second all clients together should make."""
        return self._wanted_per_s

    def failing(self) -> Failing | None:
        """How requests fail now; None if none does, or if no client runs."""
        with self._lock:
            return self._failures.look(time.monotonic()) if self._clients else None

    def start(self, clients: int, spec: Callable[[int], WorkloadSpec]) -> None:
        """Begin with this many clients; `spec(n)` is for client number n. Raises DidNotStart, and
        then none runs.
        """
        with self._changing:
            self.stop()
            self._start(clients, spec)

    def _start(self, clients: int, spec: Callable[[int], WorkloadSpec]) -> None:
        self._problems.clear()
        self._idle = self._stopping = False
        with self._lock:
            self._interval.clear()
            self._failures = Failures()
            self._started = self._interval_began = time.monotonic()
            try:
                specs = [spec(number) for number in range(clients)]
                for one in specs:
                    pid, pipe = self._forkserver.start(one)
                    self._clients[pipe] = pid
            except LabsError:
                self._stop()  # the first of them, whose batches would never be read
                raise
            self._wanted_per_s = sum(one.client_rate_per_s for one in specs)
            self._collector = threading.Thread(target=self._collect, daemon=True)
            self._collector.start()

    def change(self, spec: Callable[[int], WorkloadSpec]) -> None:
        """Hand new settings to the clients that run."""
        with self._lock:
            specs = [spec(number) for number in range(len(self._clients))]
            self._wanted_per_s = sum(one.client_rate_per_s for one in specs)
            for pipe, one in zip(list(self._clients), specs, strict=True):
                with contextlib.suppress(OSError):
                    pipe.send(one)

    def stop(self) -> None:
        """End all clients and add up their last batches; harmless if none runs."""
        with self._changing:
            self._stop()

    def _stop(self) -> None:
        with self._lock:
            if not self._clients:
                return
            self._stopping = True
            for pipe in self._clients:
                with contextlib.suppress(OSError):
                    pipe.send(None)
        if self._collector is not None:
            self._collector.join(timeout=5.0)
        with self._lock:
            for pipe in self._clients:
                pipe.close()
            self._clients.clear()

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

    def clear(self) -> None:
        """Start the totals again, as when a phase of an experiment begins."""
        with self._lock:
            self.totals.clear()

    def _collect(self) -> None:
        open_pipes = set(self._clients)
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
                    self._failures.add(batch, time.monotonic())
                    self.totals[(batch.engine, batch.strategy)].add(batch)
                self._on_batch(batch)
                if batch.problem and batch.problem not in self._problems:
                    self._problems.add(batch.problem)
                    self._on_problem(batch.problem)
                if batch.idle_because and not self._idle:
                    self._idle = True
                    self._on_idle(batch.idle_because)
        with self._lock:
            if self._stopping or self._idle:
                return
        self._on_idle("its clients ended")
