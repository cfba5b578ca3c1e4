"""What a learner has of a lab and of a lesson's questions, in numbers. The course, the list of labs
and the page "You" show the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.client import catalogue
from labs.lab import Lab
from portal.content.model import Lesson
from portal.web.history import History


@dataclass(frozen=True, slots=True)
class LabProgress:
    """A lab, and how many of its checks the learner has met on any bench."""

    lab: Lab
    met: int

    @property
    def checks(self) -> int:
        """How many checks it has."""
        return len(self.lab.checks)

    @property
    def complete(self) -> bool:
        """True if it has checks and all are met."""
        return 0 < self.checks <= self.met


def progress_of(lab: Lab, history: History) -> LabProgress:
    """The learner's progress in a lab; a check that the lab no longer has does not count."""
    met = history.met.get(lab.id, frozenset())
    return LabProgress(lab, sum(check.name in met for check in lab.checks))


def labs_of(lesson: Lesson, history: History) -> tuple[LabProgress, ...]:
    """The labs of a lesson that are built, with the learner's progress."""
    known = catalogue()
    return tuple(progress_of(known[lab], history) for lab in lesson.labs if lab in known)


def right_answers(lesson: Lesson, history: History) -> int:
    """How many questions of a lesson were answered rightly; an answer to another wording does not
    count.
    """
    answers = (
        history.answer(lesson.slug, question.id, question.content_hash)
        for question in lesson.questions
    )
    return sum(answer is not None and answer.right for answer in answers)
