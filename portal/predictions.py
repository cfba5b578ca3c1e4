"""Predictions, committed and measured: what the bench, the quizzes and the recorder share.

Commits nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from labs.client import find
from labs.errors import BadInput
from labs.events import Value
from portal.db import now
from portal.holding import hold
from portal.models import CONFIDENCES, Prediction

KEPT = 20
"""Predictions of a learner of each name: older ones are deleted."""


@dataclass(frozen=True, slots=True)
class Predicting:
    """What a learner predicts, read from a form."""

    lab: str
    name: str
    value: Value
    confidence: str


def read_prediction(lab: str, name: str, *, raw: object, confidence: str) -> Predicting:
    """The prediction that a form holds; BadInput if the value or the confidence is none."""
    value = find(lab).find_prediction(name).parse(raw)
    if confidence not in CONFIDENCES:
        raise BadInput("Say how sure you are.", hint="Guessing, fairly, or certain.")
    return Predicting(lab, name, value, confidence)


def predict(session: Session, learner: str, wanted: Predicting, *, key: str) -> Prediction:
    """The row of a prediction: a new one, or the one that its key made before, or the one of that
    name that still waits for its measurement, which says this from now on. The newest KEPT stay.

    NotNow if the learner is gone.
    """
    lab, name = wanted.lab, wanted.name
    hold(session, learner)
    made = session.scalar(
        select(Prediction).where(Prediction.learner_id == learner, Prediction.key == key)
    )
    if made is not None:
        return made
    mine = (Prediction.learner_id == learner, Prediction.lab == lab, Prediction.name == name)
    waits = select(Prediction).where(*mine, Prediction.measured_at.is_(None)).with_for_update()
    prediction = session.scalar(waits)
    if prediction is None:
        prediction = Prediction(learner_id=learner, lab=lab, name=name)
        session.add(prediction)
    prediction.value, prediction.confidence = wanted.value, wanted.confidence
    prediction.key, prediction.at = key, now()
    session.flush()
    old = select(Prediction.id).where(*mine).order_by(Prediction.id.desc()).offset(KEPT)
    session.execute(delete(Prediction).where(Prediction.id.in_(old)))
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
