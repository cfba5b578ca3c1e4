"""The contract of a runtime. `tests/contract` holds every runtime to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from labs.runtime.disk import Cut, Disk
from labs.runtime.launch import Launch


class Running(Protocol):
    """A server that was started. It may be dead; `poll` tells."""

    @property
    def pid(self) -> int:
        """The process id, for listings; 0 where there is no process."""

    def poll(self) -> int | None:
        """None while it lives, else its exit code (negative: the signal that ended it)."""

    def stop(self, deadline_s: float = 5.0) -> None:
        """Ask it to end, and end it after the deadline. Dead when this returns."""

    def kill(self) -> None:
        """End it at once, as a crash would. Dead when this returns."""

    def cut_power(self, look: Callable[[], object] = lambda: None) -> list[Cut]:
        """End it and its children at once, if they live, and take from its files what was not
        synced; `look` is called between the two. NotNow where that isn't known.
        """

    @property
    def disk(self) -> Disk | None:
        """What of its files is durable; None if that is not noted."""

    def pause(self) -> None:
        """Freeze it, its children too: it keeps its connections and answers nothing."""

    def resume(self) -> None:
        """Let it go on."""

    def log_tail(self, lines: int = 40) -> list[str]:
        """The last lines that it wrote."""


class Runtime(Protocol):
    """A place where servers live."""

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
