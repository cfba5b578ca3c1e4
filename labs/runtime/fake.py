"""Servers that are states and nothing else: start, pause, kill as the contract asks, without a process. Ships, for the web tests.

Nothing answers on a fake server's address, and whoever asks is told so.
"""

from __future__ import annotations

import signal
from pathlib import Path

from labs.engines.launch import Launch


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
        return f"192.0.2.{index + 1}"

    def port(self, usual: int) -> int:
        return usual

    def start(self, launch: Launch, log: Path) -> FakeRunning:
        running = FakeRunning(launch)
        self._started.append(running)
        return running

    def close(self) -> None:
        for running in self._started:
            running.kill()
        self._started.clear()
