"""The contract of a runtime. `tests/contract` holds every runtime to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from labs.runtime.disk import Cut, Disk
from labs.runtime.launch import Launch


class Running(Protocol):
    """A server that was started. It may be dead: see `poll`."""

    @property
    def pid(self) -> int:
        """The process id, for listings; 0 where there is no process."""

    def poll(self) -> int | None:
        """None while it runs, else its exit code (negative: the signal that ended it)."""

    def stop(self, deadline_s: float = 5.0) -> None:
        """Ask it to end, and kill it after the deadline. It is dead when this returns."""

    def kill(self) -> None:
        """Kill it, as a crash would. It is dead when this returns."""

    def cut_power(self, between_kill_and_cut: Callable[[], object] = lambda: None) -> list[Cut]:
        """Kill it and its children, if they run, and cut its files to what was synced. NotNow where
        that isn't known.
        """

    @property
    def disk(self) -> Disk | None:
        """The durable part of its files; None if its syncs are not traced."""

    def pause(self) -> None:
        """Freeze it and its children: it keeps its connections and answers nothing."""

    def resume(self) -> None:
        """Let it go on after `pause`."""

    def log_tail(self, lines: int = 40) -> list[str]:
        """The last lines that it wrote."""


class Runtime(Protocol):
    """Starts the servers of one sandbox."""

    name: str

    def host(self, index: int) -> str:
        """The loopback address that belongs to the index-th node of this sandbox."""

    def port(self, usual: int) -> int:
        """A port to listen on: the usual one where the loopback is the sandbox's own, else a free
        one below 32768.
        """

    def start(self, launch: Launch, log: Path) -> Running:
        """Start a server; returns before it is ready.

        Raises DidNotStart if it can't even be executed.
        """

    def close(self) -> None:
        """End everything that was started here."""
