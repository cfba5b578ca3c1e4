"""Keeps one zygote warm: another is started when one has ended or doesn't answer.

A zygote that ends takes its sandboxes along (parent-death signals). One that only doesn't answer
keeps the sandboxes that it has, and is ended with the last of them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from labs.errors import DidNotStart
from labs.host.spawn import READY_DEADLINE_S, Zygote

log = logging.getLogger("labs.zygotes")

FAILURES, FAILURES_WITHIN_S = 5, 120.0
PAUSES_S = (0.0, 0.5, 1.0, 2.0)
FIRST_S = 5.0
"""For the first process to be there, though not warm: a constructor leaves nothing half done."""
TRY_AGAIN = "Try again in a moment. If it goes on, the operator of this site finds out why."


@dataclass(slots=True)
class Failures:
    """When it failed lately, and what follows from it."""

    times: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES))

    def add(self, now: float) -> float | None:
        """Seconds until the next try; None when it has failed too often for another."""
        self.times.append(now)
        recent = sum(now - failed < FAILURES_WITHIN_S for failed in self.times)
        return PAUSES_S[recent - 1] if recent < FAILURES else None


class Zygotes:
    """`start` makes a zygote that is not warm yet. Any thread may call.

    `on_given_up` is called once, with the reason, when zygotes end again and again.
    """

    def __init__(
        self, start: Callable[[], Zygote], on_given_up: Callable[[str], object] = lambda _: None
    ) -> None:
        self._start = start
        self._on_given_up = on_given_up
        self._changed = threading.Condition()
        self._current: Zygote | None = None
        self._hung: list[Zygote] = []
        self._problem: DidNotStart | None = None
        self._failures = Failures()
        self._closed = False
        # The kernel ends a zygote with the *thread* that started it: one thread starts them all,
        # and lasts.
        threading.Thread(target=self._keep, name="zygotes", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: self._current, FIRST_S)

    def warm(self, deadline_s: float = READY_DEADLINE_S) -> Zygote:
        """A zygote to have sandboxes started by. Raises DidNotStart if there is none in time."""
        end = time.monotonic() + deadline_s
        with self._changed:
            self._changed.wait_for(lambda: self._current or self._problem, deadline_s)
            zygote, problem = self._current, self._problem
        if zygote is None:
            raise problem or DidNotStart("The labs can't start servers just now.", hint=TRY_AGAIN)
        try:
            zygote.wait_ready(max(0.0, end - time.monotonic()))
        except DidNotStart:
            if zygote.is_overdue:
                self.silent(zygote)
                self.unused(zygote)
            raise
        return zygote

    @property
    def is_warm(self) -> bool:
        """True if a sandbox could be started at once."""
        zygote = self._current
        return zygote is not None and zygote.is_ready

    def ended(self, zygote: Zygote, *, lost: int) -> None:
        """This one's stream has ended, and with it `lost` sandboxes: start another."""
        if not self._closed:
            log.error("the zygote %d ended, and %d sandboxes with it", zygote.pid, lost)
        self._replace(zygote, keep=False)

    def silent(self, zygote: Zygote) -> None:
        """This one doesn't answer: start another, and keep it for the sandboxes that it has."""
        log.error("the zygote %d does not answer", zygote.pid)
        self._replace(zygote, keep=True)

    def unused(self, zygote: Zygote) -> None:
        """This one has no sandbox any more: end it if it was replaced."""
        with self._changed:
            if zygote not in self._hung:
                return
            self._hung.remove(zygote)
        zygote.kill()

    def close(self) -> None:
        """End them all, and their sandboxes with them."""
        with self._changed:
            self._closed = True
            zygotes = [*self._hung, *([self._current] if self._current else [])]
            self._hung.clear()
            self._current = None
            self._problem = DidNotStart("The labs were stopped.")
            self._changed.notify_all()
        for zygote in zygotes:
            zygote.close()

    def _replace(self, zygote: Zygote, *, keep: bool) -> None:
        with self._changed:
            if zygote in self._hung and not keep:
                self._hung.remove(zygote)
            if zygote is not self._current or self._closed:
                return
            self._current = None
            if keep:
                self._hung.append(zygote)
            self._changed.notify_all()

    def _is_closed(self) -> bool:
        return self._closed

    def _keep(self) -> None:
        pause_s: float | None = 0.0
        while pause_s is not None:
            with self._changed:
                if self._changed.wait_for(self._is_closed, pause_s):
                    return
                try:
                    self._current = self._start()
                except OSError as exc:
                    log.error("no zygote could be started: %s", exc)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._current is None)
                if self._is_closed():
                    return
            pause_s = self._failures.add(time.monotonic())
            if pause_s is not None:
                log.warning("another zygote is started in %g s", pause_s)
        why = f"{FAILURES} zygotes ended within {FAILURES_WITHIN_S / 60:g} minutes"
        with self._changed:
            self._problem = DidNotStart("The labs can't start servers.", hint=TRY_AGAIN)
            self._changed.notify_all()
        log.error("%s: no other is started", why)
        self._on_given_up(why)
