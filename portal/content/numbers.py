"""Measured figures as a reader sees them: two or three significant digits and a no-break space
before the unit.
"""

from __future__ import annotations

import math
import re

NBSP = "\u00a0"
_UNITS = (
    ("_per_s", "/s"),
    ("_percent", "%"),
    ("_ms", "ms"),
    ("_s", "s"),
    ("_bytes", "B"),
    ("_times", "times"),
)

_BEFORE_A_UNIT = re.compile(r"(?<=\d) (?=(?:%|/s|ms|µs|s|min|kB|MB|GB)(?!\w))")


def keep_units(text: str) -> str:
    """The text with each number and its unit on one line."""
    return _BEFORE_A_UNIT.sub(NBSP, text)


def unit_of(name: str) -> str:
    """The unit that a measurement's name ends with; `queries_per_s_with_cache` is one, too."""
    for suffix, unit in _UNITS:
        if name.endswith(suffix):
            return unit
    return "/s" if "_per_s_" in name else ""


def show(name: str, value: float) -> str:
    """The value with its unit: very short times in microseconds, long ones in seconds."""
    unit = unit_of(name)
    if unit == "ms" and 0 < abs(value) < 0.1:
        value, unit = value * 1_000, "µs"
    elif unit == "ms" and abs(value) >= 10_000:
        value, unit = value / 1_000, "s"
    number = digits(value)
    return f"{number}{NBSP}{unit}" if unit else number


def digits(value: float, significant: int = 3) -> str:
    """The number with at most that many significant digits, its thousands separated."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "?"
    places = _places(value, significant)
    text = f"{round(value, places):,.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_shown(value: float) -> float:
    """The value that `show` shows."""
    return round(value, _places(value, 3)) if value and math.isfinite(value) else value


def _places(value: float, significant: int) -> int:
    return significant - 1 - math.floor(math.log10(abs(value)))
