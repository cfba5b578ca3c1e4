"""What a labs host saw happen in a learner's sandbox: a check that was met, a prediction that was
measured.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base

FIGURES = "figures"
"""The kind and the name of an outcome that has what a bench measured of the lessons' figures."""


class Outcome(Base):
    """One outcome, written once: its id comes from the labs host."""

    __tablename__ = "outcome"
    __table_args__ = (Index("ix_outcome_learner_id_lab", "learner_id", "lab"),)

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    learner_id: Mapped[str] = mapped_column(ForeignKey("learner.id", ondelete="CASCADE"))
    lab: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(40))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]
