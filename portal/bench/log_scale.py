"""Where a number sits on its fader, and back; the page's script looks it up in `stops`."""

from __future__ import annotations

import math
from functools import cache

from labs.lab import Number

POSITIONS = 1_000


def position_of(control: Number, value: float) -> int:
    """The place of a value on a logarithmic fader, from 0 to POSITIONS."""
    low, high, shift = _ends(control)
    return round(POSITIONS * math.log((value + shift) / low) / math.log(high / low))


def value_at(control: Number, position: float) -> float:
    """The value at a place of a logarithmic fader, in two figures or steps of the control."""
    low, high, shift = _ends(control)
    raw: float = low * (high / low) ** (min(max(position, 0), POSITIONS) / POSITIONS) - shift
    step = max(control.step, 10 ** (math.floor(math.log10(raw)) - 1)) if raw > 0 else control.step
    return min(max(round(round(raw / step) * step, 9), control.minimum), control.maximum)


@cache
def stops(control: Number) -> list[tuple[int, float]]:
    """Every value of a logarithmic fader, with the first place at which it is shown."""
    found: list[tuple[int, float]] = []
    for position in range(POSITIONS + 1):
        value = value_at(control, position)
        if not found or value != found[-1][1]:
            found.append((position, value))
    return found


def _ends(control: Number) -> tuple[float, float, float]:
    shift = 0.0 if control.minimum > 0 else control.step or 1.0
    return control.minimum + shift, control.maximum + shift, shift
