"""What a course is made of once it is read: parts, lessons, blocks, questions.

Frozen; the HTML in it is ours or sanitised.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

from markupsafe import Markup

from portal.content.glossary import Glossary
from portal.content.notes import Notes

Kind = Literal["one", "several", "number", "measure", "order", "match", "fill", "trace"]


@dataclass(frozen=True, slots=True)
class Html:
    """Text of the lesson."""

    html: Markup
    template: ClassVar[str] = "learn/_html.html"


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing of the lesson with its caption and its text alternative."""

    name: str
    svg: Markup
    alt: str
    caption: Markup
    template: ClassVar[str] = "learn/_figure.html"


@dataclass(frozen=True, slots=True)
class LabLink:
    """An experiment to do on the bench: the lab, the settings that it starts with, what to do."""

    lab: str
    gear: str
    settings: Mapping[str, str]
    html: Markup
    template: ClassVar[str] = "learn/_lab.html"


@dataclass(frozen=True, slots=True)
class Predict:
    """A prediction of a lab, asked in the text."""

    lab: str
    name: str


@dataclass(frozen=True, slots=True)
class CheckQuestion:
    """One question of the lesson's quiz, asked in the text."""

    question: str


@dataclass(frozen=True, slots=True)
class RunSnippet:
    """One console command that runs on a click in the learner's sandbox."""

    lab: str
    server: str
    command: str
    template: ClassVar[str] = "learn/_run.html"


@dataclass(frozen=True, slots=True)
class Instructor:
    """A note for instructors; learners don't see it."""

    html: Markup


PLAIN = (Html, Figure, LabLink, RunSnippet)
"""The blocks that look the same for every learner."""

WORDS_PER_MINUTE = 180
"""Of a reader with English as a second language."""
MINUTES_TO_DO: Mapping[type, float] = {
    LabLink: 4.0,
    Predict: 1.5,
    CheckQuestion: 1.0,
    RunSnippet: 0.5,
}
"""An estimate: no learner was timed."""

Block = Html | Figure | LabLink | Predict | CheckQuestion | RunSnippet | Instructor


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a lesson: the anchor that progress is counted in."""

    anchor: str
    title: str


@dataclass(frozen=True, slots=True)
class Option:
    """A possible answer, with why it is right or wrong; its `key` does not tell which."""

    key: str
    text: Markup
    right: bool
    why: Markup


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen for a row of an order or a match: a place, or a right side."""

    key: str
    text: Markup

    @property
    def plain(self) -> str:
        """The text for the inside of a select, which shows no markup."""
        return self.text.striptags()


@dataclass(frozen=True, slots=True)
class Row:
    """A step of an order, or a left side of a match; `belongs` is the key of its right choice."""

    key: str
    text: Markup
    belongs: str


@dataclass(frozen=True)
class Question:
    """One question of a quiz. Its kind says which of the fields it has."""

    id: str
    kind: Kind
    text: Markup
    facts: tuple[str, ...]
    lab: str = ""
    options: tuple[Option, ...] = ()
    answer: float = 0.0
    tolerance: float = 0.0
    unit: str = ""
    prediction: str = ""
    rows: tuple[Row, ...] = ()
    choices: tuple[Choice, ...] = ()
    accepts: tuple[str, ...] = ()
    server: str = ""
    commands: tuple[str, ...] = ()
    exam: str = ""
    why: Markup = field(default_factory=Markup)
    see: str = ""
    """The anchor of the section that shows the answer, where the text itself does not say it."""

    @cached_property
    def content_hash(self) -> str:
        """A name for what is asked: an answer to another wording does not count for it. The exam is
        a label, and not in it.
        """
        options = [[option.text, option.right] for option in self.options]
        number = self.answer, self.tolerance, self.unit
        parts: list[object] = [self.kind, self.text, options, *number, self.lab, self.prediction]
        rows = [[row.text, row.belongs] for row in self.rows]
        choices = [[choice.key, choice.text] for choice in self.choices]
        newer = [rows, choices, self.accepts, self.server, self.commands]
        if any(newer):  # else the hash is what it was before there were these fields
            parts.append(newer)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Lesson:
    """One lesson, written or still to come (then it has no blocks)."""

    slug: str
    number: int
    title: str
    line: str
    labs: tuple[str, ...]
    part: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()
    questions: tuple[Question, ...] = ()
    words: int = 0
    """Words that a learner reads, without notes, code and passages for the curious."""

    @property
    def written(self) -> bool:
        """True if there is something to read."""
        return bool(self.blocks)

    @property
    def reading_minutes(self) -> int:
        """About how long the text takes to read."""
        return max(1, round(self.words / WORDS_PER_MINUTE))

    @cached_property
    def minutes(self) -> int:
        """About how long the lesson takes with all that there is to do in it."""
        doing = sum(MINUTES_TO_DO.get(type(block), 0.0) for block in self.blocks)
        return max(1, round(self.words / WORDS_PER_MINUTE + doing))

    @cached_property
    def anchors(self) -> tuple[str, ...]:
        """The sections' anchors in reading order."""
        return tuple(section.anchor for section in self.sections)

    def question(self, question_id: str) -> Question | None:
        """The question of this id, if the lesson has it."""
        return next((q for q in self.questions if q.id == question_id), None)

    def shown_in(self, question: Question) -> Section | None:
        """The section that shows the answer: the one that the question names, else the one in which
        it, or its measurement, is asked.
        """
        anchor = question.see or self._asked_in.get(question.id, "")
        if not anchor and question.prediction:
            anchor = self._asked_in.get(f"{question.lab} {question.prediction}", "")
        return next((section for section in self.sections if section.anchor == anchor), None)

    @cached_property
    def _asked_in(self) -> Mapping[str, str]:
        """The section of each question of the text by its id, and of each prediction by its lab and
        name.
        """
        found: dict[str, str] = {}
        anchor = ""
        for block in self.blocks:
            match block:
                case Html(html=html):
                    anchor = (re.findall(r'<h2 id="([^"]+)"', html) or [anchor])[-1]
                case CheckQuestion(question=question):
                    found.setdefault(question, anchor)
                case Predict(lab=lab, name=name):
                    found.setdefault(f"{lab} {name}", anchor)
        return found

    def fraction(self, anchor: str) -> float:
        """How much of the lesson lies before the end of this section, from 0 to 1."""
        if anchor not in self.anchors:
            return 0.0
        return (self.anchors.index(anchor) + 1) / (len(self.anchors) + 1)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the course."""

    title: str
    lessons: tuple[Lesson, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures that a run of a lab gave, with what it ran on and when."""

    values: Mapping[str, float]
    versions: str = ""
    measured_on: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a problem is: a file below the lessons, and a line or a key in it."""

    file: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the lessons that has to be put right."""

    place: Place
    text: str

    def __str__(self) -> str:
        where = f" ({self.place.where})" if self.place.where else ""
        return f"{self.place.file}{where}: {self.text}"


@dataclass(frozen=True)
class Course:
    """The whole course, and everything that is wrong with it."""

    title: str
    parts: tuple[Part, ...]
    measured: Mapping[str, Measured] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    glossary: Glossary = field(default_factory=Glossary)
    notes: Notes = field(default_factory=Notes)

    @cached_property
    def lessons(self) -> Mapping[str, Lesson]:
        """All lessons by slug, in reading order."""
        return {lesson.slug: lesson for part in self.parts for lesson in part.lessons}

    def lesson(self, slug: str) -> Lesson | None:
        """The written lesson of this slug."""
        lesson = self.lessons.get(slug)
        return lesson if lesson and lesson.written else None

    @cached_property
    def written(self) -> tuple[Lesson, ...]:
        """The lessons that can be read, in reading order."""
        return tuple(lesson for lesson in self.lessons.values() if lesson.written)

    @cached_property
    def coming(self) -> tuple[Lesson, ...]:
        """The lessons that are not written yet, in reading order."""
        return tuple(lesson for lesson in self.lessons.values() if not lesson.written)

    def lesson_of(self, lab: str) -> Lesson | None:
        """The first lesson that this lab belongs to, written or still to come."""
        return next((lesson for lesson in self.lessons.values() if lab in lesson.labs), None)

    def coming_labs(self, built: Container[str]) -> int:
        """How many labs of the lessons are not built yet."""
        named = {lab for lesson in self.lessons.values() for lab in lesson.labs}
        return sum(lab not in built for lab in named)

    def after(self, lesson: Lesson) -> Lesson | None:
        """The next written lesson."""
        later = (other for other in self.lessons.values() if other.number > lesson.number)
        return next((other for other in later if other.written), None)

    def figure(self, lab: str, name: str) -> float | None:
        """A measured figure, or None if it has not been measured yet."""
        return self.measured[lab].values.get(name) if lab in self.measured else None
