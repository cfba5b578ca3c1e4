"""What a learner has done in each lesson: read, answered, met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.content.model import Course, Lesson
from portal.db import now
from portal.holding import hold
from portal.models import Progress
from portal.web.history import History, Visited
from portal.web.progress import LabProgress, labs_of, right_answers


@dataclass(frozen=True, slots=True)
class LessonMemory:
    """One lesson as one learner left it."""

    section: str = ""
    read: bool = False
    last_at: float = 0.0
    right: int = 0
    checks: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the course page: the lesson, its labs, and its state in numbers."""

    lesson: Lesson
    memory: LessonMemory
    labs: tuple[LabProgress, ...]

    @property
    def checks(self) -> int:
        """How many checks its labs have."""
        return sum(lab.checks for lab in self.labs)

    @property
    def learned(self) -> bool:
        """True when it was read, every question answered rightly and every check met."""
        return (
            self.memory.read
            and self.memory.right >= len(self.lesson.questions)
            and self.memory.checks >= self.checks
        )

    @property
    def begun(self) -> bool:
        """True as soon as anything of it was done."""
        return self.memory != LessonMemory()

    @property
    def minutes_left(self) -> int:
        """About how long the rest takes to read."""
        left = 1 - self.lesson.fraction(self.memory.section)
        return max(1, round(self.lesson.reading_minutes * left))

    @property
    def goes_on_at(self) -> str:
        """The anchor to go on from."""
        return f"#{self.memory.section}" if self.memory.section and not self.memory.read else ""


def rows(course: Course, history: History) -> dict[str, Row]:
    """Every written lesson with what is remembered of it, by slug."""
    return {
        lesson.slug: Row(lesson, memory_of(lesson, history), labs_of(lesson, history))
        for lesson in course.written
    }


def where_to_go_on(all_rows: Mapping[str, Row]) -> Row | None:
    """The lesson that was last worked on; once it is learned, the next one that is not. None before
    the first. If every lesson is learned, the last one.
    """
    begun = [row for row in all_rows.values() if row.memory.last_at]
    newest = max(begun, key=lambda row: row.memory.last_at, default=None)
    if newest is None or not newest.learned:
        return newest
    others = sorted(
        (row for row in all_rows.values() if not row.learned),
        key=lambda row: (row.lesson.number < newest.lesson.number, row.lesson.number),
    )
    return others[0] if others else newest


def memory_of(lesson: Lesson, history: History) -> LessonMemory:
    """What the learner has done in one lesson."""
    visited = history.lessons.get(lesson.slug, Visited())
    return LessonMemory(
        visited.section,
        visited.read,
        visited.last_at,
        right_answers(lesson, history),
        sum(lab.met for lab in labs_of(lesson, history)),
    )


def keep_section(session: Session, learner: str, lesson: Lesson, anchor: str) -> None:
    """Note that the learner has come to this section; the furthest one stays. NotNow if the
    learner is gone.
    """
    hold(session, learner)
    known = session.get(Progress, (learner, lesson.slug))
    further = known is None or lesson.fraction(anchor) >= lesson.fraction(known.section)
    values = {"last_at": now()} | ({"section": anchor} if further else {})
    _write(session, learner, lesson, values)


def keep_read(session: Session, learner: str, lesson: Lesson) -> None:
    """Note that the learner has read the lesson to its end. NotNow if the learner is gone."""
    hold(session, learner)
    end = lesson.anchors[-1] if lesson.anchors else ""
    _write(session, learner, lesson, {"last_at": now(), "read_at": now(), "section": end})


def _write(session: Session, learner: str, lesson: Lesson, values: dict[str, Any]) -> None:
    statement = insert(Progress).values(
        learner_id=learner, lesson=lesson.slug, first_at=now(), **({"section": ""} | values)
    )
    session.execute(
        statement.on_conflict_do_update(index_elements=["learner_id", "lesson"], set_=values)
    )
