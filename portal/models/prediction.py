"""What a learner said would happen, before it was measured; and what was measured."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from labs.events import Value
from portal.db import Base, now

Confidence = Literal["guessing", "fairly", "certain"]
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)


class Prediction(Base):
    """A value with the confidence in it; `measured` and `held` are empty until it was run.

    One of each name may wait for its measurement. `key` makes a double click one prediction; what
    was made before there were keys has none.
    """

    __tablename__ = "prediction"
    __table_args__ = (
        Index("ix_prediction_learner_id_lab_name", "learner_id", "lab", "name"),
        Index(
            "uq_prediction_waiting",
            "learner_id",
            "lab",
            "name",
            unique=True,
            postgresql_where=text("measured_at IS NULL"),
        ),
        UniqueConstraint("learner_id", "key", name="uq_prediction_key"),
        CheckConstraint("confidence IN ('guessing', 'fairly', 'certain')", name="confidence"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    learner_id: Mapped[str] = mapped_column(ForeignKey("learner.id", ondelete="CASCADE"))
    lab: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(80))
    value: Mapped[Value] = mapped_column(JSONB)
    confidence: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(default=now)
    measured: Mapped[Value | None] = mapped_column(JSONB(none_as_null=True))
    held: Mapped[bool | None]
    measured_at: Mapped[datetime | None]
    key: Mapped[str | None] = mapped_column(String(64))
