"""Predictions: questions that are answered before they are measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labs.errors import BadInput
from labs.events import Value
from labs.lab.numbers import number_from

LARGEST = 1e12


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
            minimum=-LARGEST,
            maximum=LARGEST,
        )

    def show(self, value: Value, *, typed: bool = False) -> str:
        """The value as a reader sees it, with its unit. What was `typed` keeps all its digits."""
        if self.options:
            return dict(self.options).get(str(value), str(value))
        number = f"{float(value):.{self.decimals}f}"
        if typed and float(number) != float(value):
            number = f"{float(value):.15g}"
        unit = self.unit_of_one if self.unit_of_one and float(number) == 1 else self.unit
        return number + (f" {unit}" if unit else "")

    def holds(self, predicted: Value, measured: Value) -> bool:
        """True if the prediction is as good as the measurement's own spread allows."""
        if self.options or isinstance(measured, str) or isinstance(predicted, str):
            return str(predicted) == str(measured)
        return abs(float(predicted) - float(measured)) <= max(
            self.slack, abs(float(measured)) * self.tolerance
        )
