"""Who gets a sandbox of this machine, who waits, and how much a sandbox may be asked."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from labs.catalogue import find
from labs.errors import NotNow, SandboxTaken, no_such_sandbox
from labs.host.record import CALLS_IN_A_ROW, CALLS_PER_S, Limits, SandboxRecord

CALLS_AT_ONCE = 6
STARTS = 4
"""How many sandboxes are started at once: more would only share the same processors."""


class Admission:
    """The records of all sandboxes and the queue. Any thread may call.

    `start` is called with each record that gets in, and must not block.
    """

    def __init__(self, limits: Limits, start: Callable[[SandboxRecord], object]) -> None:
        self.limits = limits
        self.records: dict[str, SandboxRecord] = {}
        self.lock = threading.RLock()
        self._start = start
        self._waiting: list[str] = []

    def ask(
        self, lab: str, owner: str, settings: dict[str, Any], met: tuple[str, ...] = ()
    ) -> SandboxRecord:
        """The owner's sandbox of this lab: the one there is, or a new one at the end of the queue.

        Raises SandboxTaken if the owner has one of another lab.
        """
        with self.lock:
            theirs = (record for record in self.records.values() if record.owner == owner)
            found = next((record for record in theirs if record.status != "closed"), None)
            if found is not None and found.lab != lab:
                raise SandboxTaken(
                    f"Your sandbox for {find(found.lab).title} is open.",
                    hint="Close it first: checks and answers stay.",
                )
            if found is None:
                if len(self._waiting) >= self.limits.queue:
                    raise NotNow(
                        "This machine is full, and its queue is too.",
                        hint="Try again in a few minutes.",
                    )
                found = SandboxRecord(secrets.token_hex(16), owner, lab, settings, met)
                self.records[found.id] = found
                self._waiting.append(found.id)
        self.admit()
        return found

    def admit(self) -> None:
        """Start as many of those that wait as there is room for, first come first.

        Not more than STARTS at a time: the others keep their place in the queue, which their page
        shows. Call it again when a start is over.
        """
        with self.lock:
            while self._waiting and self._has_room():
                record = self.records[self._waiting.pop(0)]
                record.status = "opening"
                self._start(record)

    def find(self, sandbox: str) -> SandboxRecord:
        """The record of a sandbox, open or not. Raises UnknownSandbox."""
        record = self.records.get(sandbox)
        if record is None:
            raise no_such_sandbox()
        return record

    def all(self) -> list[SandboxRecord]:
        """All records, also of sandboxes that closed a while ago."""
        with self.lock:
            return list(self.records.values())

    def leave_queue(self, record: SandboxRecord) -> None:
        """Take it out of the queue; harmless if it is not in it."""
        with self.lock:
            if record.id in self._waiting:
                self._waiting.remove(record.id)

    def position(self, record: SandboxRecord) -> int:
        """Its place in the queue, from 1; 0 if it does not wait."""
        with self.lock:
            return self._waiting.index(record.id) + 1 if record.id in self._waiting else 0

    @property
    def open(self) -> int:
        """How many sandboxes are open or being opened."""
        with self.lock:
            return sum(record.status in ("opening", "open") for record in self.records.values())

    def _has_room(self) -> bool:
        opening = sum(record.status == "opening" for record in self.records.values())
        return self.open < self.limits.sandboxes and opening < STARTS

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @contextlib.contextmanager
    def turn(self, record: SandboxRecord) -> Iterator[None]:
        """A call's place among those of its sandbox; NotNow if there are too many, at once or in a
        second.
        """
        with self.lock:
            now = time.monotonic()
            record.allowance = min(
                CALLS_IN_A_ROW, record.allowance + (now - record.allowed_at) * CALLS_PER_S
            )
            record.allowed_at = now
            if record.calls >= CALLS_AT_ONCE or record.allowance < 1:
                raise NotNow(
                    "That is more than your sandbox does at once.",
                    hint="Wait until it has answered, then try again.",
                )
            record.calls += 1
            record.allowance -= 1
        try:
            yield
        finally:
            with self.lock:
                record.calls -= 1
