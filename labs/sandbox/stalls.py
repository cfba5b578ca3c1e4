"""Notices that nothing of the sandbox ran for a while: the machine was stopped, asleep or far too
busy. What was measured across such a stall says nothing of a server.

One thread that ticks; a tick that is late is a stall, as in Sentinel's TILT.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from labs.events import Event, MachineStalled

TICK_S = 0.1
LEAST_S = 1.0
"""A shorter stall is none: the sentinels' shortest detection time is about as long."""
AFTER_S = 0.5
"""What a client timed across a stall arrives up to this much later."""
MOST_STALLS = 100


@dataclass(frozen=True, slots=True)
class Stall:
    """A stall that ended at `ended` (monotonic seconds) and took `seconds`, with the time that the
    machine slept.
    """

    ended: float
    seconds: float


class StallWatch:
    """Every stall, and a clock without them. Any thread may ask."""

    def __init__(
        self,
        emit: Callable[[Event], None],
        *,
        awake: Callable[[], float] = time.monotonic,
        passed: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        """`passed` counts the time that the machine sleeps, `awake` does not."""
        self._emit = emit
        self._awake, self._passed = awake, passed
        self._lock = threading.Lock()
        self._ticked_at = awake(), passed()
        self._total_s = self._made_good_at = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stalls", daemon=True)
        self.seen: deque[Stall] = deque(maxlen=MOST_STALLS)

    def start(self) -> None:
        """Begin to tick."""
        self._tick()
        self._thread.start()

    def stop(self) -> None:
        """Tick no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=3.0)

    def clock(self) -> float:
        """Seconds of a clock that stands still while the machine stalls: for deadlines."""
        self._look()
        with self._lock:
            return self._awake() - self._total_s

    def touches(self, began: float, ended: float) -> bool:
        """True if what was timed in this interval (monotonic seconds) may have a stall in it."""
        self._look()
        return any(
            stall.ended - stall.seconds < ended and began < stall.ended + AFTER_S
            for stall in list(self.seen)
        )

    def since(self, moment: float) -> list[Stall]:
        """The stalls that ended after this moment (monotonic seconds)."""
        self._look()
        return [stall for stall in list(self.seen) if stall.ended > moment]

    def made_good(self) -> None:
        """What the stalls until now have disturbed was done again."""
        self._made_good_at = self._awake()

    def disturbed(self, since: float) -> str:
        """A clause about the stalls since this moment (monotonic seconds) whose harm was not made
        good; empty if there is none.
        """
        stalls = self.since(max(since, self._made_good_at))
        if not stalls:
            return ""
        return f"The machine stalled for {sum(stall.seconds for stall in stalls):.1f} s"

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            self._tick()

    def _look(self) -> None:
        """Another thread may run before ours after a stall."""
        if self._thread.is_alive() and self._passed() - self._ticked_at[1] > LEAST_S + TICK_S:
            self._tick()

    def _tick(self) -> None:
        with self._lock:
            before, now = self._ticked_at, (self._awake(), self._passed())
            self._ticked_at = now
            seconds = now[1] - before[1] - TICK_S
            if seconds < LEAST_S or not self._thread.is_alive():
                return
            self._total_s += max(0.0, now[0] - before[0] - TICK_S)
            self.seen.append(Stall(now[0], seconds))
        self._emit(MachineStalled(seconds=round(seconds, 2)))
