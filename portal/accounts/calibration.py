"""How far off a learner's guesses were, and how often they were right when they felt certain: the
places of the marks in the chart, and the words beside them.

Numbers are compared as a ratio on a logarithmic axis, since twice too high and twice too low are
equally far off. Where one of the two is 0 or less there is no ratio, and the guess gets no mark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from labs.client import catalogue
from labs.events import Value
from labs.lab import Lab, Prediction as AskedPrediction
from portal.models import CONFIDENCES, Prediction

MOST_DECADES = 3
"""A guess that is further off stands at the edge of the chart."""
NEAR = 2.0
"""How many times too high or too low still lies in the band of the chart."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One prediction that was measured, in words; `ratio` is the guess to what was measured."""

    lab: Lab
    question: str
    predicted: str
    measured: str
    confidence: str
    held: bool
    is_number: bool
    ratio: float | None

    @property
    def factor(self) -> float | None:
        """How many times too high or too low it was, from 1."""
        return None if self.ratio is None else max(self.ratio, 1 / self.ratio)

    @property
    def off(self) -> str:
        """How far off it was, in words; empty where that can't be said."""
        if self.ratio is None or self.factor is None:
            return ""
        if self.factor < 1.05:
            return "as measured"
        times = f"{self.factor:.1f}" if self.factor < 10 else f"{self.factor:,.0f}"
        return f"{times} times too {'high' if self.ratio > 1 else 'low'}"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a guess stands in the chart, in percent of its width and height."""

    x: str
    y: str
    guess: Guess


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the predictions of one confidence were right."""

    confidence: str
    right: int
    of: int

    @property
    def width(self) -> str:
        """The share as the width of a bar."""
        return f"{self.right / self.of:.0%}" if self.of else "0%"


@dataclass(frozen=True, slots=True)
class Calibration:
    """All predictions of a learner that were measured, first to last."""

    guesses: tuple[Guess, ...]

    @property
    def right(self) -> int:
        """How many of them were right."""
        return sum(guess.held for guess in self.guesses)

    @property
    def drawn(self) -> tuple[Guess, ...]:
        """The guesses of a number that have a mark in the chart."""
        return tuple(guess for guess in self.guesses if guess.ratio is not None)

    @property
    def without_ratio(self) -> int:
        """How many guesses of a number have no mark."""
        return sum(guess.is_number and guess.ratio is None for guess in self.guesses)

    @property
    def near(self) -> int:
        """How many marks lie in the band."""
        return sum((guess.factor or math.inf) <= NEAR for guess in self.drawn)

    @property
    def middle(self) -> float:
        """How many times off the middle one of the marks is."""
        return median(guess.factor or 1.0 for guess in self.drawn)

    @property
    def decades(self) -> int:
        """How many powers of ten the axis has above and below the middle."""
        furthest = max((math.log10(guess.factor or 1.0) for guess in self.drawn), default=0.0)
        return min(MOST_DECADES, max(1, math.ceil(furthest)))

    @property
    def edge(self) -> str:
        """The number at the upper and lower end of the axis."""
        return f"{10**self.decades:,}"

    @property
    def band(self) -> tuple[str, str]:
        """Where the band begins, and how high it is."""
        half = math.log10(NEAR) / self.decades * 50
        return f"{50 - half:.1f}%", f"{2 * half:.1f}%"

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks, first to last."""
        drawn = self.drawn
        return tuple(
            Mark(f"{(place + 0.5) / len(drawn):.1%}", self._height(guess), guess)
            for place, guess in enumerate(drawn)
        )

    @property
    def lines(self) -> list[tuple[Mark, Mark]]:
        """The line from each mark to the next."""
        return list(pairwise(self.marks))

    @property
    def shares(self) -> list[Share]:
        """For each confidence how many predictions were right, the least confident first."""
        found = []
        for confidence in CONFIDENCES:
            held = [guess.held for guess in self.guesses if guess.confidence == confidence]
            found.append(Share(confidence, sum(held), len(held)))
        return found

    def _height(self, guess: Guess) -> str:
        """The place on the axis: too high is above the middle."""
        off = math.log10(guess.ratio or 1.0) / self.decades
        return f"{50 - 50 * max(-1.0, min(1.0, off)):.1f}%"


def calibration_of(predictions: Iterable[Prediction]) -> Calibration:
    """The measured predictions of a learner; those that no lab asks for any more are left out."""
    return Calibration(tuple(filter(None, map(_guess, predictions))))


def _guess(row: Prediction) -> Guess | None:
    lab = catalogue().get(row.lab)
    asked = next((one for one in lab.predictions if one.name == row.name), None) if lab else None
    if lab is None or asked is None or row.measured is None:
        return None
    return Guess(
        lab=lab,
        question=asked.question,
        predicted=asked.show(row.value, typed=True),
        measured=asked.show(row.measured),
        confidence=row.confidence,
        held=bool(row.held),
        is_number=not asked.options,
        ratio=_ratio(asked, row.value, row.measured),
    )


def _ratio(asked: AskedPrediction, predicted: Value, measured: Value) -> float | None:
    if asked.options or isinstance(predicted, str) or isinstance(measured, str):
        return None
    return predicted / measured if predicted > 0 and measured > 0 else None
