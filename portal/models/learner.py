"""Who is a learner: a random id, and links that carry it to another browser.

No names, no addresses.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, now


def new_id() -> str:
    """A fresh id of 128 random bits."""
    return secrets.token_hex(16)


class Learner(Base):
    """A learner who did something worth keeping."""

    __tablename__ = "learner"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    made_at: Mapped[datetime] = mapped_column(default=now)


class Recovery(Base):
    """A link that makes another browser this learner, once. Only the hash of its token is kept."""

    __tablename__ = "recovery"

    id: Mapped[int] = mapped_column(primary_key=True)
    learner_id: Mapped[str] = mapped_column(
        ForeignKey("learner.id", ondelete="CASCADE"), index=True
    )
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
