"""Servers that are states and nothing else: start, pause, kill as the contract of runtimes asks,
without a process. Nothing listens on their addresses.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from labs.errors import NotNow
from labs.fake.state import NOBODY_LISTENS
from labs.runtime.disk import Cut
from labs.runtime.launch import Launch


class FakeRunning:
    """A server that only remembers what was done to it."""

    pid = 0
    disk = None

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._exit: int | None = None
        self._lines = ["<fake> server started"]

    def poll(self) -> int | None:
        return self._exit

    def stop(self, deadline_s: float = 5.0) -> None:
        self._end(0, "stopped")

    def kill(self) -> None:
        self._end(-int(signal.SIGKILL), "killed")

    def cut_power(self, between_kill_and_cut: Callable[[], object] = lambda: None) -> list[Cut]:
        raise NotNow(
            "Nothing real runs in this sandbox: it has no files that a loss of power could take."
        )

    def pause(self) -> None:
        self._lines.append("paused")

    def resume(self) -> None:
        self._lines.append("resumed")

    def log_tail(self, lines: int = 40) -> list[str]:
        return self._lines[-lines:]

    def _end(self, code: int, word: str) -> None:
        if self._exit is None:
            self._exit = code
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
