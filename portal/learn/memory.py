"""What a learner has done in each lesson: read, answered, met. One summary, made of four queries, kept for a short while."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from labs import catalogue
from portal.content import Course, Lesson
from portal.db import now
from portal.models import Answer, Outcome, Progress
from portal.web.caching import Cache, summary_name

SUMMARY_TTL_S = 30


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
    known_labs: tuple[str, ...]

    @property
    def learned(self) -> bool:
        """True when it was read, every question answered rightly and every check met."""
        return self.memory.read and self.memory.right >= len(self.lesson.questions) and self.memory.checks >= self.checks

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
        slug: Row(lesson, memories.get(slug, LessonMemory()), sum(len(labs[lab].checks) for lab in lesson.labs if lab in labs), tuple(lab for lab in lesson.labs if lab in labs))
        for slug, lesson in course.lessons.items()
    }


def where_stopped(all_rows: Mapping[str, Row]) -> Row | None:
    """The lesson that was last worked on; None if there is none or it is learned."""
    begun = [row for row in all_rows.values() if row.memory.last_at and row.lesson.written]
    newest = max(begun, key=lambda row: row.memory.last_at, default=None)
    return newest if newest and not newest.learned else None


@dataclass(frozen=True, slots=True)
class Memories:
    """What the learner has done, by lesson, and a stamp that is another one as soon as anything of it changes."""

    stamp: str = ""
    lessons: Mapping[str, LessonMemory] = field(default_factory=dict)


def recall(cache: Cache, session: Callable[[], Session], course: Course, learner: str) -> Memories:
    """What the learner has done: from the cache for up to half a minute, else from Postgres."""
    data = cache.get(summary_name(learner), lambda: {"stamp": secrets.token_hex(8), "lessons": _summary(session(), course, learner)}, ttl_s=SUMMARY_TTL_S)
    return Memories(data["stamp"], {slug: LessonMemory(**memory) for slug, memory in data["lessons"].items()})


def _summary(session: Session, course: Course, learner: str) -> dict[str, dict[str, Any]]:
    progress = {row.lesson: row for row in session.scalars(select(Progress).where(Progress.learner_id == learner))}
    newest = (
        select(Answer.lesson, Answer.question, Answer.right, Answer.content_hash)
        .where(Answer.learner_id == learner).ext(distinct_on(Answer.lesson, Answer.question)).order_by(Answer.lesson, Answer.question, Answer.attempt_no.desc())
    )
    hashes = {(lesson.slug, question.id): question.content_hash for lesson in course.lessons.values() for question in lesson.questions}
    right: dict[str, int] = {}
    for answer in session.execute(newest):
        if answer.right and hashes.get((answer.lesson, answer.question)) == answer.content_hash:
            right[answer.lesson] = right.get(answer.lesson, 0) + 1
    met = select(Outcome.lab, func.count(Outcome.name.distinct())).where(Outcome.learner_id == learner, Outcome.kind == "check", Outcome.status == "met").group_by(Outcome.lab)
    checks: dict[str, int] = {met_row[0]: met_row[1] for met_row in session.execute(met)}
    memories = {}
    for slug, lesson in course.lessons.items():
        read_so_far = progress.get(slug)
        memory = LessonMemory(
            section=read_so_far.section if read_so_far else "", read=bool(read_so_far and read_so_far.read_at),
            last_at=read_so_far.last_at.timestamp() if read_so_far else 0.0,
            right=right.get(slug, 0), checks=sum(checks.get(lab, 0) for lab in lesson.labs),
        )
        if memory != LessonMemory():
            memories[slug] = asdict(memory)
    return memories


def keep_section(session: Session, learner: str, lesson: Lesson, anchor: str) -> None:
    """Note that the learner has come to this section; the furthest one stays."""
    known = session.get(Progress, (learner, lesson.slug))
    further = known is None or lesson.fraction(anchor) >= lesson.fraction(known.section)
    values = {"last_at": now()} | ({"section": anchor} if further else {})
    _write(session, learner, lesson, values)


def keep_read(session: Session, learner: str, lesson: Lesson) -> None:
    """Note that the learner has read the lesson to its end."""
    _write(session, learner, lesson, {"last_at": now(), "read_at": now(), "section": lesson.anchors[-1] if lesson.anchors else ""})


def _write(session: Session, learner: str, lesson: Lesson, values: dict[str, Any]) -> None:
    statement = insert(Progress).values(learner_id=learner, lesson=lesson.slug, first_at=now(), **({"section": ""} | values))
    session.execute(statement.on_conflict_do_update(index_elements=["learner_id", "lesson"], set_=values))
