"""Reads a folder of lessons into a course.

Collects every problem, with its file and place, and goes on with what is right.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from labs.client import catalogue
from portal.content import schema
from portal.content.dialect.surroundings import Surroundings
from portal.content.dialect.text import Rendered, render
from portal.content.glossary import Glossary, GlossarySpec, glossary_of
from portal.content.model import (
    Course,
    Kind,
    Lesson,
    Measured,
    Part,
    Place,
    Problem,
    Question,
)
from portal.content.notes import Notes, NotesSpec, notes_of
from portal.content.prose import passages
from portal.content.questions import read_questions

_Spec = TypeVar("_Spec", bound=BaseModel)
NAMES = ("id", "slug", "term", "fact")
"""Keys of a table whose value is what its author calls it."""


def load(folder: Path) -> Course:
    """The course in this folder. What cannot be read is left out and listed in `problems`."""
    return _Reader(folder).course()


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.labs = catalogue()
        self.measured: dict[str, Measured] = {}
        self.numbers: dict[str, tuple[int, bool]] = {}
        """Each lesson's number, and whether it is written, by its slug."""
        self.glossary = Glossary()

    def course(self) -> Course:
        self.measured = self._measured()
        spec = self._read("course.toml", schema.CourseSpec)
        if spec is None:
            return Course("Course", (), self.measured, tuple(self.problems))
        for slug in (entry.slug for part in spec.part for entry in part.lesson):
            self.numbers.setdefault(slug, (len(self.numbers) + 1, self._text_of(slug).is_file()))
        self.glossary = self._glossary(set(self.numbers))
        notes = self._notes(set(self.numbers))
        parts: list[Part] = []
        seen: set[str] = set()
        for part in spec.part:
            lessons: list[Lesson] = []
            for entry in part.lesson:
                if entry.slug in seen:
                    self._problem("course.toml", entry.slug, "the slug is there twice")
                    continue
                seen.add(entry.slug)
                lessons.append(self._lesson(entry, part.title))
            parts.append(Part(part.title, tuple(lessons)))
        for path in sorted(self.folder.glob("*/lesson.md")):
            if path.parent.name not in seen:
                self._problem(
                    f"{path.parent.name}/lesson.md", "", "course.toml does not name this lesson"
                )
        return Course(
            spec.title,
            tuple(parts),
            self.measured,
            tuple(self.problems),
            self.glossary,
            notes,
        )

    def _text_of(self, slug: str) -> Path:
        return self.folder / slug / "lesson.md"

    def _lesson(self, entry: schema.LessonSpec, part: str) -> Lesson:
        number, is_written = self.numbers[entry.slug]
        plain = Lesson(entry.slug, number, entry.title, entry.line, tuple(entry.labs), part)
        if not is_written:
            return plain
        path = self._text_of(entry.slug)
        questions = self._quiz(entry.slug)
        asked = frozenset(question.id for question in questions)
        rendered, words = self._text(entry.slug, path, asked)
        anchors = {section.anchor for section in rendered.sections}
        for question in questions:
            if question.see and question.see not in anchors:
                self._problem(
                    f"{entry.slug}/quiz.toml", question.id, f"there is no section {question.see}"
                )
        return replace(
            plain,
            blocks=rendered.blocks,
            sections=rendered.sections,
            questions=questions,
            words=words,
        )

    def _text(self, slug: str, path: Path, questions: frozenset[str]) -> tuple[Rendered, int]:
        """A lesson's blocks and sections, and how many words a learner reads in it."""
        file = f"{slug}/lesson.md"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            self._problem(file, "", "it cannot be read as UTF-8")
            return Rendered((), ()), 0
        read = sum(passage.words for passage in passages(text))
        return render(text, self._around(file, "", questions)), read

    def _quiz(self, slug: str) -> tuple[Question, ...]:
        file = f"{slug}/quiz.toml"
        if not (self.folder / file).is_file():
            self._problem(file, "", "a lesson has a quiz")
            return ()
        spec = self._read(file, schema.QuizSpec)
        if spec is None:
            return ()
        return read_questions(spec, lambda name: self._around(file, name, frozenset()))

    def _glossary(self, lessons: set[str]) -> Glossary:
        file = "glossary.toml"
        spec = self._read(file, GlossarySpec) if (self.folder / file).is_file() else None
        return glossary_of(
            spec or GlossarySpec(),
            lessons,
            lambda term, text: self._problem(file, term, text),
        )

    def _notes(self, lessons: set[str]) -> Notes:
        file = "notes.toml"
        spec = self._read(file, NotesSpec) if (self.folder / file).is_file() else None
        return notes_of(
            spec or NotesSpec(),
            lessons,
            lambda fact, text: self._problem(file, fact, text),
        )

    def _measured(self) -> dict[str, Measured]:
        file = "measured.toml"
        if not (self.folder / file).is_file():
            return {}
        measured: dict[str, Measured] = {}
        for lab, table in (self._toml(file) or {}).items():
            values: dict[str, float] = {}
            if not isinstance(table, dict):
                self._problem(file, lab, "it is a table: measurement = number")
                continue
            for name, value in table.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    values[name] = float(value)
                elif name not in ("versions", "measured_on"):
                    self._problem(file, f"{lab}.{name}", "it is not a number")
            measured[lab] = Measured(
                values, _words(table.get("versions", "")), str(table.get("measured_on", ""))
            )
        return measured

    def _around(self, file: str, key: str, questions: frozenset[str]) -> Surroundings:
        return Surroundings(
            report=lambda where, text: self._problem(file, where or key, text),
            figures=(self.folder / file).parent / "figures",
            questions=questions,
            labs=self.labs,
            lessons=self.numbers,
            measured=lambda lab, name: (
                self.measured[lab].values.get(name) if lab in self.measured else None
            ),
            glossary=self.glossary,
        )

    def _read(self, file: str, kind: type[_Spec]) -> _Spec | None:
        data = self._toml(file)
        if data is None:
            return None
        try:
            return kind.model_validate(data)
        except ValidationError as exc:
            for error in exc.errors(include_url=False):
                self._problem(file, _key(data, error["loc"]), error["msg"])
            return None

    def _toml(self, file: str) -> dict[str, Any] | None:
        try:
            return tomllib.loads((self.folder / file).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            self._problem(file, "", "it cannot be read")
        except tomllib.TOMLDecodeError as exc:
            self._problem(file, "", f"it is not TOML: {exc}")
        return None

    def _problem(self, file: str, where: str, text: str) -> None:
        self.problems.append(Problem(Place(file, where), text))


def _key(data: Any, path: tuple[int | str, ...]) -> str:
    """The place of a schema's complaint, with ids instead of positions where there are some."""
    words: list[str] = []
    for step in path:
        if isinstance(data, dict) and step not in data and step in get_args(Kind):
            continue
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            data = None
        name = (
            next((data[key] for key in NAMES if data.get(key)), None)
            if isinstance(data, dict) and isinstance(step, int)
            else None
        )
        words.append(str(name or step))
    return ".".join(words)


def _words(versions: object) -> str:
    if isinstance(versions, dict):
        return ", ".join(f"{name} {version}" for name, version in versions.items())
    return str(versions)
