"""Shared records as rows. Commits nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, undefer

from labs.errors import BadInput, NotNow
from portal.bench.flight import LARGEST, read_flight
from portal.holding import hold
from portal.models import SharedRecord

MOST_OF_A_LEARNER = 50
ADDRESS = re.compile(r"[A-Za-z0-9_-]{22}")


def share(session: Session, learner: str, document: object) -> SharedRecord:
    """Check a document and share it; the same one again is the one that is shared already.

    BadInput if it isn't a flight, NotNow if the learner is gone or shares as many as one may: none
    is deleted for another, since someone may have its link.
    """
    flight = read_flight(document)
    text = json.dumps(
        flight.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    if len(text.encode()) > LARGEST:
        raise BadInput(
            "This record is too long to be shared.", hint="It may have 1 MiB. Save it as a file."
        )
    digest = hashlib.sha256(text.encode()).hexdigest()
    hold(session, learner)
    own = shared_by(session, learner)
    if same := next((record for record in own if record.digest == digest), None):
        return same
    if len(own) >= MOST_OF_A_LEARNER:
        raise NotNow(
            f"You share {MOST_OF_A_LEARNER} flights, which is the most that a learner may share.",
            hint="Delete one of them on the page Flights, then share this one.",
        )
    record = SharedRecord(
        learner_id=learner,
        lab=flight.lab,
        kind=flight.kind,
        title=flight.title,
        head=flight.head().model_dump(mode="json"),
        document=text,
        digest=digest,
    )
    session.add(record)
    session.flush()
    return record


def shared(session: Session, address: str, *, whole: bool = False) -> SharedRecord | None:
    """The shared record of this address, `whole` with its document; None if there is none."""
    if not ADDRESS.fullmatch(address):
        return None
    wanted = select(SharedRecord).where(SharedRecord.id == address)
    return session.scalar(wanted.options(undefer(SharedRecord.document)) if whole else wanted)


def shared_by(session: Session, learner: str) -> Sequence[SharedRecord]:
    """What a learner shares, newest first."""
    return session.scalars(
        select(SharedRecord)
        .where(SharedRecord.learner_id == learner)
        .order_by(SharedRecord.created_at.desc())
    ).all()


def unshare(session: Session, learner: str, address: str) -> bool:
    """Delete one of the learner's own; False if there is no such one of theirs."""
    if not ADDRESS.fullmatch(address):
        return False
    own = (SharedRecord.id == address, SharedRecord.learner_id == learner)
    return session.scalar(delete(SharedRecord).where(*own).returning(SharedRecord.id)) is not None
