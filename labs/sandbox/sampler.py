"""Takes readings: the servers' counters and what the load's clients timed, several times a second
while a load runs.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from labs.engines.base import CacheEngine
from labs.errors import ServerDown
from labs.events import Event, LoadFailing, ReadingTaken, Value
from labs.lab import Lab
from labs.load.controller import LoadController, Tally
from labs.load.failures import Failing
from labs.sandbox.checker import Checker
from labs.sandbox.server import Server
from labs.sandbox.stalls import StallWatch

log = logging.getLogger("labs.sampler")
BUSY_S, IDLE_S = 0.25, 2.0
"""Seconds between readings while a load runs, and while none does. When the learner has done
something, the next reading comes sooner, but never within BUSY_S of the last: a rate of a shorter
interval would say little.
"""
LOAD_LIMIT_S = 600.0
"""A load is stopped after this time: others share the machine."""
HISTORY = 400
REPORT_S = 1.0
"""How often failures of the load are reported while it fails."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Readings of one interval with the settings that were in force all through it; `at` is when it
    ended (monotonic seconds).
    """

    at: float
    seconds: float
    loaded: bool
    settings: dict[str, Value]
    values: dict[str, float]


class ReadingSource(Protocol):
    """What the sampler asks of a part."""

    def reads_counters_of(self, server: str) -> bool:
        """False if this server's counters must not become readings."""

    def readings(self, seconds: float) -> Mapping[str, float]:
        """Readings of the last interval, by metric name."""

    def load_readings(self, seconds: float, tally: Tally) -> Mapping[str, float]:
        """Readings of what the load's clients did in the last interval, by metric name."""

    def flows(self, seconds: float, tally: Tally) -> Mapping[str, float]:
        """Operations a second on links, besides those that the load's clients count."""


class Sampled(Protocol):
    """What the sampler asks of the sandbox."""

    lab: Lab
    settings: dict[str, Value]
    servers: dict[str, Server]
    load: LoadController
    checker: Checker
    stalls: StallWatch

    @property
    def parts(self) -> Sequence[ReadingSource]:
        """The sandbox's parts, in order."""

    def emit(self, event: Event) -> None:
        """Send an event to everyone who follows the sandbox."""

    def stop_load(self, why: str = "") -> str:
        """End the workload."""

    def look_at_consoles(self) -> None:
        """Notice what a server has ended in a console."""


class Sampler:
    """One thread. Emits a reading whenever something moved; keeps the last ones for the checks."""

    def __init__(self, sandbox: Sampled) -> None:
        self._sandbox = sandbox
        self._before: dict[str, dict[str, float]] = {}
        self._taken_at = time.monotonic()
        self._settings: dict[str, Value] = {}
        self._emitted: ReadingTaken | None = None
        self._failing: Failing | None = None
        self._reported_at = 0.0
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self.history: deque[Reading] = deque(maxlen=HISTORY)

    def start(self) -> None:
        """Begin to take readings."""
        self._thread.start()

    def wake(self) -> None:
        """Take the next reading soon: something was done that the servers counted."""
        self._wake.set()

    def forget_counters(self, server: str) -> None:
        """Start a server's counters again: it was replaced."""
        with self._lock:
            self._before.pop(server, None)

    def clear(self) -> None:
        """Forget all that was read, as when an experiment begins."""
        with self._lock:
            self._before.clear()
            self.history.clear()

    def stop(self) -> None:
        """Take no more readings."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(BUSY_S if self._sandbox.load.running else IDLE_S)
            self._stopped.wait(self._taken_at + BUSY_S - time.monotonic())
            self._wake.clear()
            if self._stopped.is_set():
                return
            for server in list(self._sandbox.servers.values()):
                server.watch()
            self._sandbox.look_at_consoles()
            try:
                self._take()
            except RuntimeError:
                # Something that is read was changed meanwhile by another thread: the next reading
                # is soon.
                log.exception("a reading could not be taken")
            self._report_failures()
            if self._sandbox.load.running_for_s > LOAD_LIMIT_S:
                self._sandbox.stop_load(f"it ran for {LOAD_LIMIT_S / 60:g} minutes")

    def _take(self) -> None:
        now = time.monotonic()
        loaded = self._sandbox.load.running
        keys = self._keys()
        values: dict[str, float] = {}
        flows: dict[str, float] = {}
        with self._lock:
            since, self._taken_at = self._taken_at, now
            seconds = now - since
            for name, server in list(self._sandbox.servers.items()):
                if server.state != "up" or not all(
                    part.reads_counters_of(name) for part in self._sandbox.parts
                ):
                    self._before.pop(name, None)
                    continue
                with contextlib.suppress(ServerDown):
                    counters = server.engine.counters()
                    if name in self._before:
                        values |= server.engine.readings(self._before[name], counters, seconds)
                    self._before[name] = counters
            for part in self._sandbox.parts:
                values |= part.readings(seconds)
            if loaded:
                load_seconds, tally = self._sandbox.load.take_interval()
                values |= _of_load(load_seconds, tally)
                flows |= {
                    name: many / max(load_seconds, 0.001) for name, many in tally.flows.items()
                }
                for part in self._sandbox.parts:
                    values |= part.load_readings(load_seconds, tally)
                    flows |= part.flows(max(load_seconds, 0.001), tally)
            if self._sandbox.lab.on_readings is not None:
                with contextlib.suppress(ServerDown):
                    values |= self._sandbox.lab.on_readings(self._sandbox, values)
            before, self._settings = self._settings, dict(self._sandbox.settings)
            if self._sandbox.stalls.touches(since, time.monotonic()):
                self.wake()
                return  # it would say of the servers what the machine did
            if values and before == self._settings:
                self.history.append(Reading(now, seconds, loaded, dict(self._settings), values))
        taken = ReadingTaken(
            readings={name: round(value, 4) for name, value in values.items()},
            flows={name: round(value, 2) for name, value in flows.items() if value > 0},
            keys=keys,
        )
        if taken != self._emitted:
            self._emitted = taken
            self._sandbox.emit(taken)
            self._sandbox.checker.wake()

    def _report_failures(self) -> None:
        """Say that requests of the load fail, once a second; and once that none does any more."""
        load, now = self._sandbox.load, time.monotonic()
        if not load.running:
            self._failing = None  # that the load has stopped says it all
            return
        failing, before = load.failing(), self._failing
        is_news = (failing is None) != (before is None)
        if not is_news and (failing == before or now - self._reported_at < REPORT_S):
            return
        self._failing, self._reported_at = failing, now
        found = failing or Failing(0, 0, "")
        self._sandbox.emit(
            LoadFailing(
                failed=found.failed,
                ended=found.ended,
                wanted_per_s=round(load.wanted_per_s, 1),
                why=found.why,
                news=is_news,
            )
        )

    def _keys(self) -> dict[str, int]:
        """How many keys each cache holds that answers."""
        found: dict[str, int] = {}
        for name, server in list(self._sandbox.servers.items()):
            if server.state == "up" and isinstance(server.engine, CacheEngine):
                with contextlib.suppress(ServerDown):
                    found[name] = server.engine.count()
        return found


def _of_load(seconds: float, tally: Tally) -> dict[str, float]:
    """Readings from what the clients saw in one interval.

    A percentile without a sample is absent, not zero.
    """
    seconds = max(seconds, 0.001)
    values = {
        "scheduled_per_s": tally.scheduled / seconds,
        "done_per_s": tally.done / seconds,
        "errors_per_s": tally.errors / seconds,
        "stale_reads_per_s": tally.stale / seconds,
        "writes_per_s": (tally.kinds["write"] + tally.kinds["behind"]) / seconds,
    }
    for kind in ("hit", "miss", "write", "staleness", "cache", "database"):
        if tally.kinds[kind]:
            values[f"{kind}_p50_ms"] = tally.latencies[kind].percentile_ms(50)
            values[f"{kind}_p99_ms"] = tally.latencies[kind].percentile_ms(99)
    return values
