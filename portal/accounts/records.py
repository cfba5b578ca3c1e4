"""Learners and their recovery links as rows. Commits nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from labs.errors import NotNow
from portal.db import now
from portal.holding import hold
from portal.models import Answer, Learner, Prediction, Progress, Recovery, SharedRecord

MOST_LINKS = 5
KEPT_LINKS = 50
"""Of a learner, with those that no longer work: older ones are deleted."""
OPEN = (Recovery.used_at.is_(None), Recovery.revoked_at.is_(None))


@dataclass(frozen=True, slots=True)
class Known:
    """Since when a learner is known, and how much of some things is kept."""

    since: datetime
    lessons: int
    answers: int
    shared: int


def known_of(session: Session, learner: str) -> Known | None:
    """What is kept of this learner; None if there is no such learner any more."""

    def count(model: type[Progress | Answer | SharedRecord]) -> int:
        counted = select(func.count()).select_from(model)
        return session.scalars(counted.where(model.learner_id == learner)).one()

    row = session.get(Learner, learner)
    if row is None:
        return None
    return Known(row.made_at, count(Progress), count(Answer), count(SharedRecord))


def measured_predictions(session: Session, learner: str) -> list[Prediction]:
    """The learner's predictions that were measured, in the order of their measurements."""
    mine = select(Prediction).where(
        Prediction.learner_id == learner, Prediction.measured_at.is_not(None)
    )
    return list(session.scalars(mine.order_by(Prediction.measured_at, Prediction.id)))


def make_link(session: Session, learner: str, *, key: str, secret: str) -> str:
    """The token of the recovery link of this key: a new one, or the same again if there is one.
    Only its hash is kept; it follows from the key, the learner and the site's secret.

    NotNow if the learner is gone, has as many links as one may, or the link no longer works.
    """
    hold(session, learner)
    token = _token(f"recovery/{learner}/{key}", secret)
    made = session.scalar(select(Recovery).where(Recovery.token_sha256 == _hash(token)))
    if made is not None and (made.used_at or made.revoked_at):
        raise NotNow("This link no longer works.", hint="Make a new one.")
    if made is not None:
        return token
    if len(open_links(session, learner)) >= MOST_LINKS:
        raise NotNow(
            f"You have {MOST_LINKS} links that still work, and there may not be more.",
            hint="End one of them, then make a new one.",
        )
    session.add(Recovery(learner_id=learner, token_sha256=_hash(token)))
    session.flush()
    mine = select(Recovery.id).where(Recovery.learner_id == learner).order_by(Recovery.id.desc())
    session.execute(
        delete(Recovery).where(
            Recovery.id.in_(mine.offset(KEPT_LINKS)),
            or_(Recovery.used_at.is_not(None), Recovery.revoked_at.is_not(None)),
        )
    )
    return token


def open_links(session: Session, learner: str) -> list[Recovery]:
    """The learner's links that still work, newest first."""
    mine = select(Recovery).where(Recovery.learner_id == learner, *OPEN)
    return list(session.scalars(mine.order_by(Recovery.id.desc())))


def owner_of(session: Session, token: str) -> str | None:
    """Whose link this is, if it still works."""
    this = Recovery.token_sha256 == _hash(token)
    return session.scalar(select(Recovery.learner_id).where(this, *OPEN))


def use_link(session: Session, token: str) -> str | None:
    """Use the link up, once, and return whose it was; None if it does not work."""
    use = update(Recovery).where(Recovery.token_sha256 == _hash(token), *OPEN).values(used_at=now())
    return session.scalar(use.returning(Recovery.learner_id))


def revoke(session: Session, learner: str, link: int) -> bool:
    """End one of the learner's own links; False if there is no such open link of theirs."""
    mine = update(Recovery).where(Recovery.id == link, Recovery.learner_id == learner, *OPEN)
    return session.scalar(mine.values(revoked_at=now()).returning(Recovery.id)) is not None


def forget_learner(session: Session, learner: str) -> None:
    """Delete the learner and everything that is kept of them."""
    session.execute(delete(Learner).where(Learner.id == learner))


def _token(text: str, secret: str) -> str:
    mac = hmac.digest(secret.encode(), text.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
