"""Servers that are states and nothing else: start, pause, kill as the contract asks, without a process. Ships, for the web tests.

Nothing answers on a fake server's address: readings are absent, requests are refused, and a load can't run.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from labs.engines.address import Address
from labs.engines.launch import Launch
from labs.engines.readings import Counters
from labs.errors import NotNow
from labs.load.browsers import AnyOrders
from labs.load.commits import Commits
from labs.network.links import Route

NOBODY_LISTENS = Address("127.0.0.1", 1)


class FakeRunning:
    """A server that only remembers what was done to it."""

    pid = 0

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._exit: int | None = None
        self.paused = False
        self._lines = ["fake server started"]

    def poll(self) -> int | None:
        return self._exit

    def stop(self, deadline_s: float = 5.0) -> None:
        self._end(0, "stopped")

    def kill(self) -> None:
        self._end(-int(signal.SIGKILL), "killed")

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


class FakeRuntime:
    """A place where nothing runs."""

    name = "fake"

    def __init__(self) -> None:
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
class FakeEngine:
    """An engine that is ready at once and counts nothing."""

    name: str
    kind: str
    address: Address = NOBODY_LISTENS

    def launch(self) -> Launch:
        return Launch(argv=("fake",), ready=lambda _: "fake")

    def ready(self, timeout_s: float) -> str:
        return "fake"

    def counters(self) -> dict[str, float]:
        return {}

    def readings(self, before: Counters, after: Counters, seconds: float) -> dict[str, float]:
        return {}

    def close(self) -> None:
        """There is no connection."""


class FakeNursery:
    """Starts no worker."""

    def __init__(self) -> None:
        self.commits = Commits()

    def start(self, orders: AnyOrders) -> tuple[int, Connection]:
        raise NotNow("Nothing real runs in this sandbox, so it can carry no load.")

    def close(self) -> None:
        """There is nothing to end."""


class FakeLinks:
    """Links that are states and nothing else."""

    def lay(self, name: str, near: Address, target: Address) -> Address:
        return near

    def route(self, name: str) -> Route:
        return Route(NOBODY_LISTENS, NOBODY_LISTENS, "", 0)

    def slow(self, name: str, delay_ms: float) -> None:
        """Nothing travels."""

    def cut(self, name: str) -> None:
        """Nothing travels."""

    def restore(self, name: str) -> None:
        """Nothing travels."""

    def close(self) -> None:
        """There is nothing to end."""
