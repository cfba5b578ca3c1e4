"""What a learner has read, proved and answered, lesson by lesson and in all."""

from __future__ import annotations

from dataclasses import dataclass

from labs.client import catalogue
from portal.content.model import Course, Lesson
from portal.web.history import History, Visited
from portal.web.progress import LabProgress, labs_of, progress_of, right_answers


@dataclass(frozen=True, slots=True)
class LearnedLesson:
    """One lesson: whether it was read, its labs, and how many of its questions were right."""

    lesson: Lesson
    read: bool
    labs: tuple[LabProgress, ...]
    right: int


@dataclass(frozen=True, slots=True)
class Learned:
    """All written lessons, and the labs that belong to none of them."""

    lessons: tuple[LearnedLesson, ...]
    others: tuple[LabProgress, ...]

    @property
    def read(self) -> int:
        """How many lessons were read."""
        return sum(row.read for row in self.lessons)

    @property
    def met(self) -> int:
        """How many checks were met."""
        return sum(lab.met for lab in self._labs)

    @property
    def checks(self) -> int:
        """How many checks there are."""
        return sum(lab.checks for lab in self._labs)

    @property
    def right(self) -> int:
        """How many questions were answered rightly."""
        return sum(row.right for row in self.lessons)

    @property
    def questions(self) -> int:
        """How many questions there are."""
        return sum(len(row.lesson.questions) for row in self.lessons)

    @property
    def _labs(self) -> list[LabProgress]:
        several = [lab for row in self.lessons for lab in row.labs] + list(self.others)
        return list({progress.lab.id: progress for progress in several}.values())


def learned(course: Course, history: History) -> Learned:
    """What this learner has of the course."""
    rows = tuple(
        LearnedLesson(
            lesson,
            history.lessons.get(lesson.slug, Visited()).read,
            labs_of(lesson, history),
            right_answers(lesson, history),
        )
        for lesson in course.written
    )
    taught = {lab for lesson in course.written for lab in lesson.labs}
    others = (progress_of(lab, history) for id, lab in catalogue().items() if id not in taught)
    return Learned(rows, tuple(others))
