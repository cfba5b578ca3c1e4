"""Where a number sits on its fader, and back.

The page's script does the same arithmetic (static/js/controls.js).
"""

from __future__ import annotations

import math

from labs.lab import Number

POSITIONS = 1_000


def position_of(control: Number, value: float) -> int:
    """The place of a value on a logarithmic fader, from 0 to POSITIONS."""
    low, high, shift = _ends(control)
    return round(POSITIONS * math.log((value + shift) / low) / math.log(high / low))


def value_at(control: Number, position: float) -> float:
    """The value at a place of a logarithmic fader, rounded to two figures or the control's step,
    whichever is coarser.
    """
    low, high, shift = _ends(control)
    raw: float = low * (high / low) ** (min(max(position, 0), POSITIONS) / POSITIONS) - shift
    step = max(control.step, 10 ** (math.floor(math.log10(raw)) - 1)) if raw > 0 else control.step
    return min(max(round(round(raw / step) * step, 9), control.minimum), control.maximum)


def _ends(control: Number) -> tuple[float, float, float]:
    shift = 0.0 if control.minimum > 0 else control.step or 1.0
    return control.minimum + shift, control.maximum + shift, shift
