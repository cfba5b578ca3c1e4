"""What a learner has done in each lesson: read, answered, met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from labs.client import catalogue
from portal.content.model import Course, Lesson
from portal.db import now
from portal.holding import hold
from portal.models import Progress
from portal.web.history import History, Visited


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
    """One row of the course page: the lesson, and its state in numbers."""

    lesson: Lesson
    memory: LessonMemory
    checks: int

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
        return max(1, round(self.lesson.minutes * (1 - self.lesson.fraction(self.memory.section))))

    @property
    def goes_on_at(self) -> str:
        """The anchor to go on from."""
        return f"#{self.memory.section}" if self.memory.section and not self.memory.read else ""


def rows(course: Course, memories: Mapping[str, LessonMemory]) -> dict[str, Row]:
    """Every lesson with what is remembered of it, by slug."""
    labs = catalogue()
    return {
        slug: Row(
            lesson,
            memories.get(slug, LessonMemory()),
            sum(len(labs[lab].checks) for lab in lesson.labs if lab in labs),
        )
        for slug, lesson in course.lessons.items()
    }


def where_stopped(all_rows: Mapping[str, Row]) -> Row | None:
    """The lesson that was last worked on; None if there is none or it is learned."""
    begun = [row for row in all_rows.values() if row.memory.last_at and row.lesson.written]
    newest = max(begun, key=lambda row: row.memory.last_at, default=None)
    return newest if newest and not newest.learned else None


def memories(course: Course, history: History) -> dict[str, LessonMemory]:
    """What the learner has done, by lesson; nothing for a lesson that was not begun."""
    found = {slug: memory_of(lesson, history) for slug, lesson in course.lessons.items()}
    return {slug: memory for slug, memory in found.items() if memory != LessonMemory()}


def memory_of(lesson: Lesson, history: History) -> LessonMemory:
    """What the learner has done in one lesson; an answer to another wording does not count."""
    visited = history.lessons.get(lesson.slug, Visited())
    answers = (
        history.answer(lesson.slug, question.id, question.content_hash)
        for question in lesson.questions
    )
    right = sum(answer is not None and answer.right for answer in answers)
    return LessonMemory(
        visited.section,
        visited.read,
        visited.last_at,
        right,
        sum(len(history.met.get(lab, ())) for lab in lesson.labs),
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
