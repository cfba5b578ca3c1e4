"""How far a learner has read in a lesson."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, now


class Progress(Base):
    """One learner in one lesson: when, how far, and whether it was read to the end."""

    __tablename__ = "progress"

    learner_id: Mapped[str] = mapped_column(
        ForeignKey("learner.id", ondelete="CASCADE"), primary_key=True
    )
    lesson: Mapped[str] = mapped_column(String(80), primary_key=True)
    first_at: Mapped[datetime] = mapped_column(default=now)
    last_at: Mapped[datetime] = mapped_column(default=now)
    section: Mapped[str] = mapped_column(String(120), default="")
    read_at: Mapped[datetime | None]
