"""Predictions, committed and measured: what the bench, the quizzes and the recorder share.

Commits nothing.
"""

from __future__ import annotations

import math
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from labs.client import find
from labs.errors import BadInput
from labs.events import Value
from portal.db import now
from portal.holding import hold
from portal.models import CONFIDENCES, Prediction


def predict(
    session: Session, *, learner: str, lab: str, name: str, raw: object, confidence: str
) -> Prediction:
    """Add a learner's prediction; BadInput if the value or the confidence is none, NotNow if the
    learner is gone.
    """
    asked = find(lab).find_prediction(name)
    if confidence not in CONFIDENCES:
        raise BadInput("Say how sure you are.", hint="Guessing, fairly, or certain.")
    hold(session, learner)
    prediction = Prediction(
        learner_id=learner, lab=lab, name=name, value=asked.parse(raw), confidence=confidence
    )
    session.add(prediction)
    return prediction


def settle(
    session: Session,
    *,
    learner: str,
    lab: str,
    name: str,
    measured: Value,
    at: datetime | None = None,
) -> Prediction | None:
    """Write what was measured (`at` a moment, else now) into the newest prediction made before;
    None if that one doesn't wait for it.

    Asking twice is harmless, so the page and the recorder may both settle the same measurement.
    The caller holds the learner.
    """
    newest = latest(session, learner=learner, lab=lab, name=name, made_before=at, locked=True)
    if (
        newest is None
        or newest.measured_at is not None
        or not (isinstance(measured, str) or math.isfinite(measured))
    ):
        return None
    newest.measured = measured
    newest.held = find(lab).find_prediction(name).holds(newest.value, measured)
    newest.measured_at = now()
    return newest


def latest(
    session: Session,
    *,
    learner: str,
    lab: str,
    name: str,
    made_before: datetime | None = None,
    locked: bool = False,
) -> Prediction | None:
    """The learner's newest prediction of this name, `locked` until the transaction ends."""
    mine = select(Prediction).where(
        Prediction.learner_id == learner, Prediction.lab == lab, Prediction.name == name
    )
    if made_before is not None:
        mine = mine.where(Prediction.at <= made_before)
    if locked:
        mine = mine.with_for_update()
    return session.scalars(mine.order_by(Prediction.id.desc()).limit(1)).first()
