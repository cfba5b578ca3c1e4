"""The commands of a stepped request, as long as they took, on an axis with round numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """One command on the scale of its request; places are percent of the scale."""

    sense: str
    server: str
    start: float
    width: float
    share: int


@dataclass(frozen=True, slots=True)
class Scale:
    """The commands of one request, as long as they took, and the marks of the axis below."""

    bars: tuple[Bar, ...]
    ticks: tuple[str, ...]


def scale_of(exchange: list[dict[str, Any]]) -> Scale:
    """Commands laid end to end on an axis with round numbers."""
    total = sum(float(command["took_ms"]) for command in exchange)
    if not total:
        return Scale((), ())
    step = _round_step(total / 5)
    length = step * math.ceil(total / step)
    bars, at = [], 0.0
    for command in exchange:
        took = float(command["took_ms"])
        start, width = 100 * at / length, max(100 * took / length, 0.4)
        share = round(100 * took / total)
        bars.append(Bar(command["meaning"], command["server"], start, width, share))
        at += took
    count = round(length / step)
    return Scale(tuple(bars), (*(f"{index * step:g}" for index in range(count)), f"{length:g} ms"))


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(factor for factor in (1, 2, 5, 10) if rough <= factor * power * 1.0001)
