"""Writes for a learner, who may be deleted at the same moment: they come one after the other, and
none for a learner who is gone. Commits nothing.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from labs.errors import NotNow
from portal.models import Learner


def hold(session: Session, learner: str) -> None:
    """Lock the learner's row until the transaction ends; NotNow if there is no such learner.

    Every write for a learner begins with it, before it locks any other row: then no two of them
    wait for each other, and a deletion comes before or after, never in between. The row's key is
    not locked: the recorder shares that while it settles the same prediction.
    """
    locked = select(Learner.id).where(Learner.id == learner).with_for_update(key_share=True)
    if session.scalar(locked) is None:
        raise NotNow(
            "Your data was deleted a moment ago, so this was not kept.",
            hint="Reload the page to begin again.",
        )
