"""Which sentinels of a group are in TILT mode, since when and until when, by their own figures.

A sentinel that stood still for more than 2 s distrusts its clock: for half a minute it takes no
server for down and starts no failover. It still gives its vote to a sentinel that does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labs.engines.sentinel import FIT_FOR, TILT_S, Sentinel
from labs.errors import ServerDown
from labs.events import Event, TiltChanged

MESSAGES = ("+tilt", "-tilt")
LOOK_S = 1.0
"""TILT lasts for half a minute: a message of the sentinel says when it begins, this finds what no
message said.
"""
SAME_S = 1.5
"""The sentinel counts whole seconds: a smaller difference is the same TILT."""
MOST_TILTS = 100


@dataclass(slots=True)
class Tilt:
    """A sentinel's time in TILT mode, in monotonic seconds; `ended` is None while it lasts."""

    sentinel: str
    began: float
    until: float
    ended: float | None = None


class Tilts:
    """The TILT of each sentinel of a group. Any thread may call."""

    def __init__(
        self, sentinels_up: Callable[[], Mapping[str, Sentinel]], emit: Callable[[Event], None]
    ) -> None:
        self._sentinels_up = sentinels_up
        self._emit = emit
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self.seen: list[Tilt] = []
        """Every TILT, oldest first."""

    def clear(self) -> None:
        """Forget those that are over: a reset does not end the others."""
        with self._lock:
            self.seen = [tilt for tilt in self.seen if tilt.ended is None]

    def look_now_and_then(self) -> None:
        """Look if it is time."""
        if time.monotonic() - self._looked_at > LOOK_S:
            self.look()

    def look(self) -> None:
        """Ask every sentinel, and emit what is new."""
        self._looked_at = time.monotonic()
        up = self._sentinels_up()
        for name in {*up, *self.in_tilt()}:
            try:
                # One that is gone begins without TILT when it is started again.
                left_s = up[name].tilt_left_s() if name in up else 0.0
            except (ServerDown, ValueError):
                continue
            self.note(name, left_s)

    def note(self, sentinel: str, left_s: float) -> None:
        """Keep for how long a sentinel stays in TILT mode, by its own figure."""
        with self._lock:
            now, current = time.monotonic(), self._current(sentinel)
            if not left_s:
                if current is None:
                    return
                current.ended = now
            elif current is None:
                self.seen.append(Tilt(sentinel, now, now + left_s))
                del self.seen[:-MOST_TILTS]
            elif left_s < TILT_S and now + left_s > current.until + SAME_S:
                # It stood still again. All 30 s are no figure: Redis before 7.0 has none.
                current.until = now + left_s
            else:
                return
            self._emit(TiltChanged(sentinel=sentinel, left_s=left_s))

    def in_tilt(self) -> list[str]:
        """The sentinels in TILT mode now, by name."""
        return sorted(tilt.sentinel for tilt in list(self.seen) if tilt.ended is None)

    def left_s(self) -> float:
        """For how many seconds at least one sentinel stays in TILT mode; 0 if none is in it."""
        until = [tilt.until for tilt in list(self.seen) if tilt.ended is None]
        return max(0.1, max(until) - time.monotonic()) if until else 0.0

    def over(self, since: float) -> list[Tilt]:
        """Every TILT that was not over at this moment (monotonic seconds), oldest first."""
        return [tilt for tilt in list(self.seen) if tilt.ended is None or tilt.ended > since]

    def last_end(self) -> float:
        """When the last TILT ended, in monotonic seconds; now while one lasts, 0 if there was
        none.
        """
        now = time.monotonic()
        return max((now if t.ended is None else t.ended for t in list(self.seen)), default=0.0)

    def _current(self, sentinel: str) -> Tilt | None:
        return next((t for t in self.seen if t.sentinel == sentinel and t.ended is None), None)


def warning(tilts: Tilts, *, free: int, quorum: int, detection_ms: float, ends: bool) -> str:
    """What to expect when the primary fails now, with `free` sentinels up and not in TILT mode, as
    a sentence; empty if none is in it. `ends` is true of a primary that ends, and does not only
    fall silent.
    """
    names, left_s = tilts.in_tilt(), tilts.left_s()
    if not names:
        return ""
    *first, last = names
    who = f"{', '.join(first)} and {last} are" if first else f"{last} is"
    who += " in TILT mode"
    if free >= quorum:
        return f"{who}; the other sentinels are enough to start a failover."
    head = f"{who} for {left_s:.0f} s more, so no failover starts before that."
    if not ends or 1000 * left_s <= FIT_FOR * detection_ms:
        return head
    return (
        f"{head} After that Sentinel promotes no replica, since all of them have been without "
        f"their primary for longer than {FIT_FOR} times the detection time: bring the primary back."
    )


TOGETHER_S = 2.0


def marks_of(tilts: list[Tilt], since: float, until: float) -> list[tuple[float, str]]:
    """When sentinels went into TILT mode and left it, as marks of a recording of this time
    (monotonic seconds); what several did together is one mark.
    """
    came = [(max(tilt.began, since), tilt.sentinel) for tilt in tilts if tilt.began < until]
    went = [
        (tilt.ended, tilt.sentinel)
        for tilt in tilts
        if tilt.ended is not None and since < tilt.ended < until
    ]
    return sorted(_together(came, "in TILT mode") + _together(went, "out of TILT mode"))


def _together(moments: list[tuple[float, str]], words: str) -> list[tuple[float, str]]:
    groups: list[list[tuple[float, str]]] = []
    for at, name in sorted(moments):
        if groups and at - groups[-1][0][0] < TOGETHER_S:
            groups[-1].append((at, name))
        else:
            groups.append([(at, name)])
    return [
        (group[-1][0], f"{group[0][1] if len(group) == 1 else f'{len(group)} sentinels'} {words}")
        for group in groups
    ]


def tilted_s(tilts: list[Tilt], since: float, until: float) -> float:
    """For how much of this time (monotonic seconds) at least one sentinel was in TILT mode."""
    total_s, reached = 0.0, since
    for tilt in sorted(tilts, key=lambda tilt: tilt.began):
        began = max(tilt.began, reached)
        ended = min(until if tilt.ended is None else tilt.ended, until)
        total_s += max(0.0, ended - began)
        reached = max(reached, ended)
    return total_s
