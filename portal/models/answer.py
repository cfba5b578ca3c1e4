"""An answer to a question of a quiz, as it was given."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, now


class Answer(Base):
    """One attempt at one wording (`content_hash`); `key` makes a double click one attempt."""

    __tablename__ = "answer"
    __table_args__ = (
        UniqueConstraint(
            "learner_id", "lesson", "question", "attempt_no", name="uq_answer_attempt"
        ),
        UniqueConstraint("learner_id", "key", name="uq_answer_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    learner_id: Mapped[str] = mapped_column(ForeignKey("learner.id", ondelete="CASCADE"))
    lesson: Mapped[str] = mapped_column(String(80))
    question: Mapped[str] = mapped_column(String(80))
    attempt_no: Mapped[int]
    answer: Mapped[dict[str, Any]]
    right: Mapped[bool]
    content_hash: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(default=now)
