"""What a learner has done, as pages show it: one summary of five queries, cache-aside over
Postgres.

A change of it is committed with `keep`. Without Postgres a page shows an empty history: lessons can
be read, benches run on.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from flask import g
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from labs.events import Value
from portal.models import FIGURES, Answer, Outcome, Prediction, Progress
from portal.web.caching import summary_name
from portal.web.errors import is_database_away
from portal.web.learner import current_learner
from portal.web.services import cache, db

TTL_S = 30
MOST_FIGURES = 300
"""Of a lab: no lab has as many; a sandbox that was taken over could name more, without end."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visited:
    """How far a lesson was read, and when last."""

    section: str = ""
    read: bool = False
    last_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer that counts for a question: a right one if there is one, else the newest."""

    answer: dict[str, Any]
    right: bool
    attempt_no: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class Predicted:
    """The newest prediction of a name; `measured` is None until it was."""

    value: Value
    confidence: str
    measured: Value | None
    held: bool | None


@dataclass(frozen=True, slots=True)
class History:
    """Lessons by slug, answers by lesson, question and wording (its content_hash), predictions by
    lab and name, met checks, and by lab and name what benches measured of the figures that lessons
    quote, the newest of each.
    """

    lessons: Mapping[str, Visited] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Mapping[str, Answered]]] = field(default_factory=dict)
    predictions: Mapping[str, Mapping[str, Predicted]] = field(default_factory=dict)
    met: Mapping[str, frozenset[str]] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def answer(self, lesson: str, question: str, content_hash: str) -> Answered | None:
        """The answer to this wording that counts."""
        return self.answers.get(lesson, {}).get(question, {}).get(content_hash)


@dataclass(frozen=True, slots=True)
class Proof:
    """The reading that met a check on an earlier bench: its sentence, its evidence, its time."""

    message: str
    evidence: Mapping[str, Value]
    at: datetime


def history() -> History:
    """Of the learner who asks, once a request; up to half a minute old."""
    if "history" not in g:
        g.history = _history(current_learner())
    found: History = g.history
    return found


def proofs(lab: str) -> Mapping[str, Proof]:
    """For each check of a lab that this learner has met, the newest bench's reading, by its name;
    asked once a request.

    It agrees with `history`: what is met there is met here.
    """
    known: dict[str, Mapping[str, Proof]] = g.setdefault("proofs", {})
    if lab not in known:
        learner, names = current_learner(), history().met.get(lab)
        known[lab] = _proofs(learner, lab, names) if learner and names else {}
    return known[lab]


def _proofs(learner: str, lab: str, names: frozenset[str]) -> Mapping[str, Proof]:
    newest = (
        select(Outcome.name, Outcome.data, Outcome.at)
        .where(Outcome.learner_id == learner, Outcome.lab == lab)
        .where(Outcome.kind == "check", Outcome.status == "met", Outcome.name.in_(names))
        .ext(distinct_on(Outcome.name))
        .order_by(Outcome.name, Outcome.at.desc())
    )
    try:
        rows = db().execute(newest).all()
    except SQLAlchemyError as exc:
        if not is_database_away(exc):
            raise
        return {}
    return {name: _proof(data, at) for name, data, at in rows}


def _proof(data: Mapping[str, Any], at: datetime) -> Proof:
    """A sandbox wrote this: what has no evidence in it is shown without."""
    evidence = data.get("evidence")
    values = evidence.items() if isinstance(evidence, dict) else ()
    return Proof(
        str(data.get("message", "")),
        {str(name): value for name, value in values if isinstance(value, (str, int, float))},
        at,
    )


def keep(learner: str) -> None:
    """Commit, and forget what was so before."""
    db().commit()
    cache().forget(summary_name(learner))
    g.pop("history", None)
    g.pop("proofs", None)


def _history(learner: str | None) -> History:
    if learner is None or g.get("is_new_learner"):
        return History()
    try:
        data = cache().get(summary_name(learner), lambda: _load(db(), learner), ttl_s=TTL_S)
    except SQLAlchemyError as exc:
        if not is_database_away(exc):
            raise
        log.warning("a learner's history can't be read: the database is away")
        return History()
    return History(
        {lesson: Visited(**visited) for lesson, visited in data["lessons"].items()},
        {
            lesson: {
                question: {wording: Answered(**answered) for wording, answered in each.items()}
                for question, each in several.items()
            }
            for lesson, several in data["answers"].items()
        },
        {
            lab: {name: Predicted(**predicted) for name, predicted in several.items()}
            for lab, several in data["predictions"].items()
        },
        {lab: frozenset(names) for lab, names in data["met"].items()},
        data.get("figures", {}),  # not in a summary that an older portal has cached
    )


def _load(session: Session, learner: str) -> dict[str, Any]:
    """The history as plain data."""
    read = session.execute(
        select(Progress.lesson, Progress.section, Progress.read_at, Progress.last_at).where(
            Progress.learner_id == learner
        )
    )
    answered = session.execute(
        select(
            Answer.lesson,
            Answer.question,
            Answer.answer,
            Answer.right,
            Answer.attempt_no,
            Answer.content_hash,
        )
        .where(Answer.learner_id == learner)
        .ext(distinct_on(Answer.lesson, Answer.question, Answer.content_hash))
        .order_by(
            Answer.lesson,
            Answer.question,
            Answer.content_hash,
            Answer.right.desc(),
            Answer.attempt_no.desc(),
        )
    )
    predicted = session.execute(
        select(
            Prediction.lab,
            Prediction.name,
            Prediction.value,
            Prediction.confidence,
            Prediction.measured,
            Prediction.held,
        )
        .where(Prediction.learner_id == learner)
        .ext(distinct_on(Prediction.lab, Prediction.name))
        .order_by(Prediction.lab, Prediction.name, Prediction.id.desc())
    )
    met = session.execute(
        select(Outcome.lab, Outcome.name)
        .distinct()
        .where(Outcome.learner_id == learner, Outcome.kind == "check", Outcome.status == "met")
    )
    noted = session.execute(
        select(Outcome.lab, Outcome.data)
        .where(Outcome.learner_id == learner, Outcome.kind == FIGURES)
        .order_by(Outcome.at.desc())
    )
    answers: dict[str, dict[str, Any]] = defaultdict(lambda: defaultdict(dict))
    predictions: dict[str, dict[str, Any]] = defaultdict(dict)
    checks: dict[str, list[str]] = defaultdict(list)
    figures: dict[str, dict[str, float]] = defaultdict(dict)
    for lesson, question, *rest in answered:
        answer = Answered(*rest)
        answers[lesson][question][answer.content_hash] = asdict(answer)
    for lab, name, value, confidence, measured, held in predicted:
        predictions[lab][name] = asdict(Predicted(value, confidence, measured, held))
    for lab, name in met:
        checks[lab].append(name)
    for lab, data in noted:
        if len(figures[lab]) < MOST_FIGURES:
            figures[lab] = _numbers(data) | figures[lab]
    return {
        "lessons": {
            lesson: asdict(Visited(section, read_at is not None, last_at.timestamp()))
            for lesson, section, read_at, last_at in read
        },
        "answers": answers,
        "predictions": predictions,
        "met": checks,
        "figures": figures,
    }


def _numbers(data: Mapping[str, Any]) -> dict[str, float]:
    """A sandbox wrote this: what is no number is left out."""
    return {
        name: value
        for name, value in data.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
