"""The popular exam notes that the course checks, line by line: what each line says, whether it
holds, and what an exam expects.

Reads nothing itself: the loader hands it what `lessons/notes.toml` holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_WORDS = 45
Words = Annotated[str, Field(min_length=1)]
Day = Annotated[str, Field(pattern=r"^(\d{4}-(0[1-9]|1[0-2])(-\d{2})?)?$")]
Report = Callable[[str, str], None]


class Verdict(StrEnum):
    """What became of a line when it was checked."""

    RIGHT = "right"
    INCOMPLETE = "incomplete"
    OUTDATED = "outdated"
    WRONG = "wrong"

    @property
    def words(self) -> str:
        """The verdict as the page says it."""
        return "right but incomplete" if self is Verdict.INCOMPLETE else self.value


class SourceSpec(BaseModel):
    """A page that says what holds, as authors write it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: Words
    url: Annotated[str, Field(pattern=r"^https://\S+$")]


class LineSpec(BaseModel):
    """A line of the notes as authors write it; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fact: Annotated[str, Field(pattern=r"^A[0-9]{1,2}$")]
    says: Words
    verdict: Verdict
    holds: Words
    since: Day = ""
    checked: Day = ""
    answer: str = ""
    lesson: Words
    sources: Annotated[list[SourceSpec], Field(min_length=1)]


class GroupSpec(BaseModel):
    """Lines that stand together, as authors write them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Words
    line: Annotated[list[LineSpec], Field(min_length=1)]


class NotesSpec(BaseModel):
    """The file as authors write it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: list[GroupSpec] = []


@dataclass(frozen=True, slots=True)
class Source:
    """A page that says what holds."""

    page: str
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the notes, checked.

    `says` is the line as it stands in the notes, `holds` what is true today. `since` is when that
    changed, `checked` when this project looked. `answer` is what an exam expects where it differs.
    """

    fact: str
    says: str
    verdict: Verdict
    holds: str
    lesson: str
    sources: tuple[Source, ...]
    since: str = ""
    checked: str = ""
    answer: str = ""

    @property
    def anchor(self) -> str:
        """The line's place on the page."""
        return self.fact.lower()


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that stand together in the notes."""

    title: str
    lines: tuple[Line, ...]

    @property
    def anchor(self) -> str:
        """The group's place on the page."""
        return f"from-{self.lines[0].anchor}"


@dataclass(frozen=True)
class Notes:
    """All groups, in the order of the notes."""

    groups: tuple[Group, ...] = ()

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All lines, in the order of the notes."""
        return tuple(line for group in self.groups for line in group.lines)

    @cached_property
    def counts(self) -> Mapping[Verdict, int]:
        """How many lines have each verdict, the best verdict first."""
        found = Counter(line.verdict for line in self.lines)
        return {verdict: found[verdict] for verdict in Verdict}


def notes_of(spec: NotesSpec, lessons: Collection[str], report: Report) -> Notes:
    """The notes of this file; `report(fact, text)` takes what is wrong with a line."""
    groups: list[Group] = []
    seen: set[str] = set()
    for group in spec.group:
        lines: list[Line] = []
        for line in group.line:
            if line.fact in seen:
                report(line.fact, "it is there twice")
                continue
            seen.add(line.fact)
            for problem in _problems(line, lessons):
                report(line.fact, problem)
            lines.append(_line_of(line))
        if lines:
            groups.append(Group(group.title, tuple(lines)))
    return Notes(tuple(groups))


def _problems(line: LineSpec, lessons: Collection[str]) -> Iterator[str]:
    if line.lesson not in lessons:
        yield f"there is no lesson {line.lesson}"
    if not line.since and not line.checked:
        yield "it has neither `since` (when it changed) nor `checked` (when we looked)"
    if (count := len(line.holds.split())) > MOST_WORDS:
        yield f"`holds` has {count} words, more than {MOST_WORDS}"


def _line_of(spec: LineSpec) -> Line:
    return Line(
        spec.fact,
        spec.says,
        spec.verdict,
        spec.holds,
        spec.lesson,
        tuple(Source(source.page, source.url) for source in spec.sources),
        spec.since,
        spec.checked,
        spec.answer,
    )
