"""Answers as rows: a new attempt, once. Commits nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal.content.model import Lesson, Question
from portal.holding import hold
from portal.models import Answer

KEPT = 50
"""Attempts of a learner at a question: older ones are deleted."""


def by_key(session: Session, learner: str, key: str) -> Answer | None:
    """The attempt that this key made before."""
    return session.scalars(
        select(Answer).where(Answer.learner_id == learner, Answer.key == key)
    ).first()


def add_attempt(
    session: Session,
    *,
    learner: str,
    lesson: Lesson,
    question: Question,
    answer: dict[str, Any],
    right: bool,
    key: str,
) -> Answer:
    """One more attempt, of which the newest KEPT stay, and the first right one of this wording; if
    its key made one before, that one. NotNow if the learner is gone.
    """
    hold(session, learner)
    before = by_key(session, learner, key)
    if before is not None:
        return before
    same = (
        Answer.learner_id == learner,
        Answer.lesson == lesson.slug,
        Answer.question == question.id,
    )
    count = session.scalar(select(func.coalesce(func.max(Answer.attempt_no), 0)).where(*same))
    attempt = Answer(
        learner_id=learner,
        lesson=lesson.slug,
        question=question.id,
        attempt_no=(count or 0) + 1,
        answer=answer,
        right=right,
        content_hash=question.content_hash,
        key=key,
    )
    session.add(attempt)
    session.flush()
    first_right = session.scalar(
        select(func.min(Answer.attempt_no)).where(
            *same, Answer.right, Answer.content_hash == question.content_hash
        )
    )
    session.execute(
        delete(Answer).where(
            *same,
            Answer.attempt_no <= attempt.attempt_no - KEPT,
            Answer.attempt_no != (first_right or 0),
        )
    )
    return attempt
