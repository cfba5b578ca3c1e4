"""Which calls of a sandbox run at the same time: a reset or a measurement alone, changes to
servers, links, settings and the load one after the other, everything else together.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from labs.errors import LabsError, NotNow, has_ended
from labs.lab.predictions import MEASURING_S, QUEUE_S, TURN_S

RESET = "reset"
CHANGES = frozenset({"set", "set_up", "server", "link", "load"})
AT_ANY_TIME = frozenset({"log", "record", "complete", "warn"})
MOST_WAITING = 3
"""Measurements that wait: a page's other calls need a thread, too."""
_TRY_AGAIN = "Wait until that is done, then try again."


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is measured, and how long that takes at most. It has the sandbox to itself."""

    name: str
    limit_s: float = MEASURING_S


class Turns:
    """The calls of one sandbox. Any thread may call."""

    def __init__(
        self, on_measuring: Callable[[str, list[str]], object] = lambda running, waiting: None
    ) -> None:
        """`on_measuring` is called with the name of the measurement that runs, or an empty string,
        and with those that wait, whenever that changes.
        """
        self._changed = threading.Condition()
        self._running: list[str] = []
        self._is_reset = self._closing = False
        self._on_measuring = on_measuring
        self._measuring: Measurement | None = None
        self._began = 0.0
        self._queue: list[Measurement] = []

    @contextlib.contextmanager
    def turn(self, call: str, measurement: Measurement | None = None) -> Iterator[None]:
        """Wait until this call may run, and run it; one with a `measurement` runs alone. NotNow if
        that takes too long, or during a reset.
        """
        if call in AT_ANY_TIME:
            yield
            return
        with self._changed:
            self._refuse_if_taken()
            if measurement is not None:
                self._begin_measuring(measurement)
            else:
                self._begin(call)
            self._running.append(call)
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(call)
                self._is_reset = self._is_reset and call != RESET
                if measurement is not None:
                    self._measuring = None
                    self._say_what_is_measured()
                self._changed.notify_all()

    def close(self, wait_s: float) -> None:
        """Let no other call begin, and wait for those that run, but not for long."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running, wait_s)

    @property
    def closing(self) -> bool:
        """True when `close` was called: what fails now fails for that reason."""
        return self._closing

    def _begin(self, call: str) -> None:
        if call == RESET:
            self._is_reset = True
            try:
                self._wait_while(lambda: bool(self._running))
            except LabsError:
                self._is_reset = False
                raise
            return
        self._wait_while(lambda: not self._is_reset and self._holds_up(call))
        self._refuse_if_taken()

    def _holds_up(self, call: str) -> bool:
        """True while something runs that this call must not run next to."""
        return self._measuring is not None or (
            call in CHANGES and not CHANGES.isdisjoint(self._running)
        )

    def _begin_measuring(self, measurement: Measurement) -> None:
        """Wait in line until nothing else runs."""
        if len(self._queue) >= MOST_WAITING:
            raise _still_measuring()
        self._queue.append(measurement)
        try:
            if self._running or len(self._queue) > 1:
                self._say_what_is_measured()
            in_time = self._changed.wait_for(
                lambda: (
                    self._closing
                    or self._is_reset
                    or (not self._running and self._queue[0] is measurement)
                ),
                QUEUE_S,
            )
            if not in_time:
                raise _still_measuring()
            self._refuse_if_taken()
        except LabsError:
            self._queue.remove(measurement)
            self._say_what_is_measured()
            self._changed.notify_all()
            raise
        self._queue.remove(measurement)
        self._measuring, self._began = measurement, time.monotonic()
        self._say_what_is_measured()

    def _say_what_is_measured(self) -> None:
        running = self._measuring.name if self._measuring else ""
        self._on_measuring(running, [one.name for one in self._queue])

    def _refuse_if_taken(self) -> None:
        if self._closing:
            raise has_ended()
        if self._is_reset:
            raise NotNow("Your sandbox is being reset.", hint=_TRY_AGAIN)

    def _wait_while(self, busy: Callable[[], bool]) -> None:
        if not self._changed.wait_for(lambda: self._closing or not busy(), TURN_S):
            raise self._busy()
        if self._closing:
            raise has_ended()

    def _busy(self) -> NotNow:
        """Why a call could not begin in time, and when to try again."""
        if self._measuring is None:
            return NotNow("Your sandbox is still busy with another request.", hint=_TRY_AGAIN)
        left_s = self._measuring.limit_s - (time.monotonic() - self._began)
        return NotNow(
            "A measurement is running on your servers, and this would falsify it.",
            hint=f"Try again in {max(1, round(left_s))} s.",
        )


def _still_measuring() -> NotNow:
    return NotNow(
        "Your sandbox is still busy with another measurement.", hint="Measure when it is done."
    )
