"""Sandboxes that are ready before it is known for which lab."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from labs.errors import LabsError
from labs.host.process import SandboxProcess

log = logging.getLogger("labs.pool")

REST_S = 0.25
"""After the last opening; what is opened next should have the processors for itself."""


class Pool:
    """Keeps `size` sandboxes ready, in a thread of its own. `make` returns one, prepared.

    It is not refilled while sandboxes are opened: those that wait need the processors.
    """

    def __init__(self, size: int, make: Callable[[], SandboxProcess]) -> None:
        self._size = size
        self._make = make
        self._ready: list[SandboxProcess] = []
        self._lock = threading.Lock()
        self._opening, self._busy_until = 0, 0.0
        self._wanted, self._closed = threading.Event(), threading.Event()
        if size:
            self._wanted.set()
            threading.Thread(target=self._fill, name="pool", daemon=True).start()

    def take(self) -> SandboxProcess | None:
        """One that is ready, if there is one. An opening begins: call `opened` when it is over."""
        with self._lock:
            self._opening += 1
            while self._ready:
                process = self._ready.pop(0)
                self._wanted.set()
                if not process.gone:
                    return process
        return None

    def opened(self) -> None:
        """An opening is over."""
        with self._lock:
            self._opening -= 1
            self._busy_until = time.monotonic() + REST_S

    def drop(self, process: SandboxProcess) -> None:
        """This one has ended; harmless if it is not here."""
        with self._lock:
            if process in self._ready:
                self._ready.remove(process)
                self._wanted.set()

    def close(self) -> None:
        """Make no more."""
        self._closed.set()
        self._wanted.set()

    def _fill(self) -> None:
        while not self._closed.is_set():
            self._wanted.wait()
            self._wanted.clear()
            while not self._closed.is_set() and len(self._ready) < self._size:
                if self._opening or time.monotonic() < self._busy_until:
                    self._closed.wait(0.05)
                else:
                    self._make_one()

    def _make_one(self) -> None:
        try:
            process = self._make()
        except (LabsError, OSError) as exc:
            if not self._closed.is_set():
                detail = getattr(exc, "detail", "")
                log.warning("the pool could not be filled: %s", f"{exc} {detail}".strip())
                self._closed.wait(2.0)
            return
        with self._lock:
            if not process.gone:
                self._ready.append(process)
