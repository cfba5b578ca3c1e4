"""A record that a learner shares: everyone who has its address may see it.

Nothing in it names the learner.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, now


def new_address() -> str:
    """What a shared record is found by: 128 random bits, which can't be guessed."""
    return secrets.token_urlsafe(16)


class SharedRecord(Base):
    """One shared record: `head` is what its page says, `document` the whole of it as the JSON text
    that is sent. Never changed, only deleted.
    """

    __tablename__ = "shared_record"
    __table_args__ = (
        UniqueConstraint("learner_id", "digest"),
        CheckConstraint("octet_length(document) <= 1048576", name="document"),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True, default=new_address)
    learner_id: Mapped[str] = mapped_column(ForeignKey("learner.id", ondelete="CASCADE"))
    lab: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    head: Mapped[dict[str, Any]]
    document: Mapped[str] = mapped_column(Text, deferred=True)
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
