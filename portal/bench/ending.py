"""The card at the end of a lab: what the learner has proved, with their own numbers, and what comes
next.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import url_for

from labs.events import Value
from labs.lab import ExamSentence, Lab, Places, Proved
from portal.bench.view import Bench
from portal.content.model import Course, Lesson
from portal.web.history import History
from portal.web.progress import labs_of, right_answers

ONE_SITTING_S = 6 * 3600
"""Checks that are further apart than this were not met in one sitting."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A check that was met: its number, empty if its reading has none, and the reading in words."""

    value: str
    unit: str
    words: str


@dataclass(frozen=True, slots=True)
class Guess:
    """A prediction that was measured."""

    question: str
    said: str
    measured: str
    held: bool


@dataclass(frozen=True, slots=True)
class Next:
    """Where to go from here: its name, and the words of the button that leads there."""

    title: str
    words: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Everything that the card shows. `lesson` is None if no written lesson has the lab."""

    lab: Lab
    tiles: tuple[Tile, ...]
    took: str
    guesses: tuple[Guess, ...]
    exam: ExamSentence | None
    places: Places | None
    lesson: Lesson | None
    following: Next


def end_of(bench: Bench, history: History, course: Course) -> End | None:
    """The card of this bench's lab; None until each of its checks is met."""
    checks = bench.checks
    if not checks or any(check["status"] != "met" for check in checks):
        return None
    lab, lesson = bench.lab, course.lesson_of(bench.lab.id)
    written = lesson if lesson and lesson.written else None
    return End(
        lab=lab,
        tiles=tuple(
            _tile(lab.ending.proved.get(check["name"]), check["evidence"], check["message"])
            for check in checks
        ),
        took=took([float(check["met_at"]) for check in checks], bench.opened),
        guesses=tuple(_guesses(lab, history)),
        exam=lab.ending.exam,
        places=lab.ending.places,
        lesson=written,
        following=_following(lab, written, history, course),
    )


def took(met_at: Iterable[float], opened: datetime | None) -> str:
    """How long the lab took: from the opening of the bench if every check was met on it, else from
    the first check to the last. `met_at` are Unix seconds.
    """
    times = sorted(met_at)
    begin = opened.timestamp() if opened else math.inf
    first, last = times[0], times[-1]
    if begin <= first:
        return _minutes(last - begin)
    if last - first < ONE_SITTING_S:
        return f"{_minutes(last - first)} from the first check to the last"
    try:
        days = [datetime.fromtimestamp(at, UTC) for at in (first, last)]
    except (ValueError, OverflowError):
        return ""  # a hostile sandbox
    return f"from {days[0].day} {days[0]:%B} to {days[1].day} {days[1]:%B}"


def brief(value: Value) -> str:
    """A value of a check's evidence in large figures: three digits are enough there."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if not math.isfinite(value):  # a hostile sandbox
        return "–"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _minutes(seconds: float) -> str:
    minutes = max(1, math.ceil(seconds / 60))
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _tile(proved: Proved | None, evidence: Mapping[str, Value], words: str) -> Tile:
    """An older reading may lack a value that the card names: then it has no number."""
    if proved is None or any(name not in evidence for name in proved.names):
        return Tile("", "", words)
    shown = {name: brief(evidence[name]) for name in proved.names}
    return Tile(re.sub(r"\{(\w+)\}", lambda name: shown[name[1]], proved.value), proved.unit, words)


def _guesses(lab: Lab, history: History) -> Iterable[Guess]:
    made = history.predictions.get(lab.id, {})
    for asked in lab.predictions:
        row = made.get(asked.name)
        if row is not None and row.measured is not None:
            said = asked.show(row.value, typed=True)
            yield Guess(asked.question, said, asked.show(row.measured), bool(row.held))


def _following(lab: Lab, lesson: Lesson | None, history: History, course: Course) -> Next:
    """The next lab of the lesson that isn't complete, else its questions, else the next lesson."""
    if lesson is None:
        return Next("The list of labs", "To the labs", url_for("bench.labs"))
    for other in labs_of(lesson, history):
        if other.lab.id != lab.id and not other.complete:
            title = f"Lab: {other.lab.title}, {other.lab.minutes} min"
            url = url_for("bench.lab", lab_id=other.lab.id)
            return Next(title, f"Go on: {other.lab.title}", url)
    left = len(lesson.questions) - right_answers(lesson, history)
    if left:
        title = f"{left} question{'' if left == 1 else 's'} of lesson {lesson.number}"
        return Next(title, "Go on: the questions", url_for("quizzes.quiz", slug=lesson.slug))
    if after := course.after(lesson):
        title = f"Lesson {after.number}: {after.title}, {after.reading_minutes} min to read"
        return Next(
            title, f"Go on: lesson {after.number}", url_for("learn.lesson", slug=after.slug)
        )
    return Next("The course", "To the course", "/")
