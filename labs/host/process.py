"""A sandbox as its host sees it: its processes from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from labs.host.connection import Connection
from labs.host.spawn import Zygote

END_DEADLINE_S = 3.0


@dataclass(slots=True)
class SandboxProcess:
    """One sandbox. Its monitor is the topmost of its processes; when the monitor has ended by
    itself, nothing of the sandbox is left.
    """

    id: str
    slot: int
    directory: Path
    connection: Connection
    zygote: Zygote | None = None
    """The process that it was forked from; None where it has no processes."""
    on_gone: Callable[[str], None] = lambda _: None
    monitor: int = 0
    started: threading.Event = field(default_factory=threading.Event)
    """Set when the monitor's pid is known, or when there is none to wait for."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when the monitor has ended."""
    all_ended: bool = False
    """True if the monitor ended by itself, which it does when its last descendant is reaped."""
    gone: bool = False
    why: str = ""

    def signal(self, number: int) -> None:
        """Send the monitor a signal; harmless if it has ended."""
        if self.monitor and not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.monitor, number)

    def end(self) -> None:
        """Have the monitor end its descendants, reap them and end."""
        self.started.wait(END_DEADLINE_S)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.ended.is_set():
                self.signal(number)
                self.ended.wait(END_DEADLINE_S)

    def family(self) -> list[psutil.Process]:
        """Every process of the sandbox, its monitor first; empty if it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            monitor = psutil.Process(self.monitor)
            return [monitor, *monitor.children(recursive=True)]
        return []
