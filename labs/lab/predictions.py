"""Predictions: questions that are answered before they are measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labs.errors import BadInput
from labs.events import Value
from labs.lab.numbers import number_from

LARGEST = 1e12
MEASURING_S = 20.0
"""How long an experiment takes at most."""
TURN_S = 8.0
"""How long any other call waits for its turn: shorter than a page waits for an answer."""
QUEUE_S = MEASURING_S + 5.0
"""How long a measurement waits for its turn: as long as the one before it may take, and a bit."""
MEASURED_WITHIN_S = QUEUE_S + 30.0
"""How long a page waits for a measurement: one during a stall is made again."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A question that the learner answers before it is measured; `measure` runs the experiment in
    the learner's own sandbox.

    With `options` the answer is one of them, else a number in `unit`. A number within `tolerance`
    times the measured value (from repeated runs, see labs.lab.tolerances) or within `slack` of it
    counts as right; the wider of the two.
    """

    name: str
    question: str
    measure: Callable[[Any], Value]
    unit: str = ""
    unit_of_one: str = ""
    options: tuple[tuple[str, str], ...] = ()
    tolerance: float = 0.0
    slack: float = 0.0
    decimals: int = 0
    why: str = ""

    def parse(self, raw: object) -> Value:
        """The learner's answer as a value; BadInput says what would be one."""
        if self.options:
            if isinstance(raw, str) and raw in dict(self.options):
                return raw
            raise BadInput("Choose one of the answers.")
        return number_from(
            raw,
            what="Your prediction",
            units=(self.unit, self.unit_of_one),
            minimum=0.0,  # what is counted or timed is never less
            maximum=LARGEST,
        )

    def show(self, value: Value, *, typed: bool = False) -> str:
        """The value as a reader sees it, with its unit. What was `typed` keeps all its digits."""
        if self.options:
            return dict(self.options).get(str(value), str(value))
        number = f"{float(value):.{self.decimals}f}"
        if typed and float(number) != float(value):
            number = f"{float(value):.15g}"
        unit = self.unit_of_one if self.unit_of_one and number == "1" else self.unit
        return number + (f" {unit}" if unit else "")

    def holds(self, predicted: Value, measured: Value) -> bool:
        """True if the prediction is as good as the measurement's own spread allows."""
        if self.options or isinstance(measured, str) or isinstance(predicted, str):
            return str(predicted) == str(measured)
        return abs(float(predicted) - float(measured)) <= self._band(float(measured))

    def verdict(self, predicted: Value, measured: Value) -> str:
        """Why the prediction counts as right or not, with the numbers that did: "103 to 125
        counted" or "50 against 114: off by 64; 103 to 125 counted as right". Empty for a choice.
        """
        if self.options or isinstance(measured, str) or isinstance(predicted, str):
            return ""
        guess, found = float(predicted), float(measured)
        counted = self._counted(found)
        if self.holds(guess, found):
            return f"{counted} counted"
        return (
            f"{self._bare(guess, typed=True)} against {self._bare(found)}: off by "
            f"{self._near(abs(guess - found))}; {counted} counted as right"
        )

    def _counted(self, found: float) -> str:
        """The numbers that count as right, with the decimals that are shown."""
        band, steps = self._band(found), 10**self.decimals
        low = math.ceil(round(max(0.0, found - band) * steps, 6)) / steps
        high = math.floor(round((found + band) * steps, 6)) / steps
        if low >= high:
            return f"only {self._bare(found)}"
        return f"{self._bare(low)} to {self._bare(high)}"

    def _band(self, measured: float) -> float:
        """How far from the measured value a number may be."""
        return max(self.slack, abs(measured) * self.tolerance)

    def _near(self, distance: float) -> str:
        """A distance in the number's own decimals, in more where it would be zero."""
        decimals = self.decimals
        while decimals < 6 and float(f"{distance:.{decimals}f}") == 0:
            decimals += 1
        number = f"{distance:.{decimals}f}"
        if "." in number:
            number = number.rstrip("0").rstrip(".")
        return number if self.unit != "%" else f"{number} point{'' if number == '1' else 's'}"

    def _bare(self, value: float, *, typed: bool = False) -> str:
        """The number as `show` has it, without a unit but for a percentage."""
        words = self.show(value, typed=typed)
        return words if self.unit == "%" else words.split(" ")[0]
