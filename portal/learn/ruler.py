"""The drawing "One read, four places": measured medians on one logarithmic scale.

Draws only what was measured.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from portal.content.model import Course
from portal.content.numbers import digits

LAB = "database-relief"
PLACES = (
    ("memcached_get_p50_ms", "Memcached", "get, one key", "hit"),
    ("redis_get_p50_ms", "Redis", "GET, one key", "hit"),
    ("row_select_p50_ms", "Postgres", "one row by primary key", "read"),
    ("ranking_select_p50_ms", "Postgres", "a ranking over all reviews", "read"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the ruler: what was read, where its mark stands, the value as it is shown."""

    what: str
    about: str
    sense: str
    at: str
    value: str
    unit: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick of the axis; the strong ones have a label."""

    at: str
    label: str = ""
    anchor: str = "middle"
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Ruler:
    """The whole drawing, how many times slower its last line is than a read from Redis, and what
    Redis saves on its third.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    times: str
    row_gap: str
    versions: str
    measured_on: str


def draw(course: Course) -> Ruler | None:
    """The ruler of the course's measured figures; None as long as one of them is missing."""
    values = [course.figure(LAB, name) for name, *_ in PLACES]
    known = [value for value in values if value]
    if len(known) < len(PLACES):
        return None
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    high = max(high, low + 1)

    def place(value: float) -> str:
        return f"{(math.log10(value) - low) / (high - low):.1%}"

    bars = tuple(
        Bar(what, about, sense, place(value), *_shown(value))
        for (_, what, about, sense), value in zip(PLACES, known, strict=True)
    )
    ticks: list[Tick] = []
    for power in range(low, high + 1):
        anchor = "start" if power == low else "end" if power == high else "middle"
        minor = 0 < power - low < high - low and (power - low) % 2 == 1
        ticks.append(Tick(place(10.0**power), " ".join(_shown(10.0**power)), anchor, minor))
        if power < high:
            ticks.extend(Tick(place(step * 10.0**power)) for step in range(2, 10))
    measured = course.measured[LAB]
    return Ruler(
        bars,
        tuple(ticks),
        digits(known[3] / known[1]),
        "\u00a0".join(_shown(max(known[2] - known[1], 0.0001))),
        re.sub("postgres|redis|memcached", lambda found: found[0].title(), measured.versions),
        measured.measured_on,
    )


def _shown(ms: float) -> tuple[str, str]:
    if ms < 1:
        return digits(ms * 1_000), "µs"
    if ms >= 1_000:
        return digits(ms / 1_000), "s"
    return digits(ms), "ms"
