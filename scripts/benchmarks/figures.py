"""Percentiles, medians and the rows that they end up in. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


class CannotMeasure(Exception):
    """Something kept a measurement from being made; the text says what."""


class NotInstalled(CannotMeasure):
    """The measurement needs a program that is no part of the site; the text says which."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `bound` in words; `holds` is None where there is no bound."""

    name: str
    value: float
    unit: str
    bound: str = ""
    holds: bool | None = None
    note: str = ""

    @property
    def measured(self) -> str:
        """The value with its unit, in three digits."""
        return f"{digits(self.value)} {self.unit}".rstrip()


def plain(name: str, value: float, unit: str, note: str = "") -> Row:
    """A row that only informs."""
    return Row(name, value, unit, note=note)


def at_most(name: str, value: float, unit: str, limit: float | None, note: str = "") -> Row:
    """A row whose value must not be over the limit; one that only informs without a limit."""
    if limit is None:
        return plain(name, value, unit, note)
    return Row(name, value, unit, f"at most {limit:g} {unit}".rstrip(), value <= limit, note)


def at_least(name: str, value: float, unit: str, limit: float, note: str = "") -> Row:
    """A row whose value must not be under the limit."""
    return Row(name, value, unit, f"at least {limit:g} {unit}".rstrip(), value >= limit, note)


def under(name: str, value: float, unit: str, limit: float | None, note: str = "") -> Row:
    """A row whose value must be under the limit; one that only informs without a limit."""
    if limit is None:
        return plain(name, value, unit, note)
    return Row(name, value, unit, f"under {limit:g} {unit}".rstrip(), value < limit, note)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that `percent` of them do not exceed.

    Raises CannotMeasure without values.
    """
    if not values:
        raise CannotMeasure("Nothing was measured, so there is no percentile.")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle of the values; of an even number the mean of the two in the middle.

    Raises CannotMeasure without values.
    """
    if not values:
        raise CannotMeasure("Nothing was measured, so there is no median.")
    return statistics.median(values)


def digits(value: float) -> str:
    """A number in three significant digits, without an exponent."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"
