"""Which calls of a sandbox run at the same time: a reset alone, changes to servers, links, settings
and the load one after the other, everything else together.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from labs.errors import LabsError, NotNow, has_ended

RESET = "reset"
CHANGES = frozenset({"set", "server", "link", "load"})
AT_ANY_TIME = frozenset({"log", "record", "complete", "warn"})
WAIT_S = 8.0
"""For those before it: shorter than a page waits for an answer."""
_TRY_AGAIN = "Wait until that is done, then try again."


class Turns:
    """The calls of one sandbox. Any thread may call."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: list[str] = []
        self._is_reset = self._closing = False

    @contextlib.contextmanager
    def turn(self, call: str) -> Iterator[None]:
        """Wait until this call may run, and run it. NotNow if that takes too long, or during a
        reset.
        """
        if call in AT_ANY_TIME:
            yield
            return
        with self._changed:
            self._begin(call)
            self._running.append(call)
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(call)
                self._is_reset = self._is_reset and call != RESET
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
        self._refuse_if_taken()
        if call == RESET:
            self._is_reset = True
            try:
                self._wait_while(lambda: bool(self._running))
            except LabsError:
                self._is_reset = False
                raise
        elif call in CHANGES:
            self._wait_while(lambda: not self._is_reset and not CHANGES.isdisjoint(self._running))
            self._refuse_if_taken()

    def _refuse_if_taken(self) -> None:
        if self._closing:
            raise has_ended()
        if self._is_reset:
            raise NotNow("Your sandbox is being reset.", hint=_TRY_AGAIN)

    def _wait_while(self, busy: Callable[[], bool]) -> None:
        if not self._changed.wait_for(lambda: self._closing or not busy(), WAIT_S):
            raise NotNow("Your sandbox is still busy with another request.", hint=_TRY_AGAIN)
        if self._closing:
            raise has_ended()
