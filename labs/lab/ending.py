"""What stays of a lab: the sentence for the exam, what is the engine's and what the service's, the
number that stands for each check, and which figures of the lessons a learner measures, too. It is
kept in the lab's folder.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

FILE = "end.toml"


@dataclass(frozen=True, slots=True)
class ExamSentence:
    """What an exam expects, in our words; `today` is what differs since, empty if nothing does."""

    sentence: str
    today: str
    exams: tuple[str, ...]
    source: str
    """The address of the page that it rests on."""
    checked: date
    """When that page was read."""


@dataclass(frozen=True, slots=True)
class Places:
    """Here and on AWS: what the engine does wherever it runs, what the service adds, and what
    ElastiCache does not have or the lab imitates.
    """

    engine: str
    service: str
    missing: str


@dataclass(frozen=True, slots=True)
class Proved:
    """The number that stands for a check: `value` has the names of its evidence in braces."""

    value: str
    unit: str

    @property
    def names(self) -> list[str]:
        """The values of the evidence that it shows."""
        return [name for _, name, _, _ in string.Formatter().parse(self.value) if name]


@dataclass(frozen=True, slots=True)
class Ending:
    """All of it. A lab elsewhere may have none."""

    exam: ExamSentence | None = None
    places: Places | None = None
    proved: Mapping[str, Proved] = field(default_factory=dict)
    """For each check, by its name, the number that stands for it."""
    quoted: Mapping[str, str] = field(default_factory=dict)
    """For a figure of the lessons the same quantity of the learner's own: `check.value`, or the
    name of a prediction.
    """


def of(folder: Path) -> Ending:
    """The lab's end, empty if its folder has no such file.

    `[exam]` has `sentence`, `exams`, `source`, `checked` and may have `today`. `[places]` has
    `engine`, `service` and `missing`. Each line of `[proved]` is `check = [value, unit]`, each of
    `[quoted]` `figure = "check.value"` or `figure = "prediction"`.
    """
    try:
        data = tomllib.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return Ending()
    proved = {name: Proved(value, unit) for name, (value, unit) in data.get("proved", {}).items()}
    exam = _exam(data["exam"]) if "exam" in data else None
    places = Places(**data["places"]) if "places" in data else None
    return Ending(exam, places, proved, data.get("quoted", {}))


def _exam(data: Mapping[str, Any]) -> ExamSentence:
    return ExamSentence(
        data["sentence"],
        data.get("today", ""),
        tuple(data["exams"]),
        data["source"],
        data["checked"],
    )
