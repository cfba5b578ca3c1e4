"""The recorder: takes outcomes from the labs hosts and writes each to Postgres once, then says so.

A process of its own.

Postgres or the portal Redis may go away at any time: it waits and goes on. Nothing is acknowledged
before its commit, and the hosts send again what wasn't, so neither a crash here nor an emptied
Redis loses an outcome.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Delete, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from labs.client import LabsClient, catalogue
from labs.errors import LabsError
from labs.lab import Check, Prediction
from portal.db import make_engine
from portal.heartbeat import RECORDS, RECORDS_S
from portal.models import FIGURES, Learner, Outcome
from portal.predictions import settle
from portal.settings import Settings
from portal.web.caching import Cache, summary_name
from portal.web.services import make_redis

log = logging.getLogger(__name__)

PAUSE_S = 1.0
LARGEST_WHOLE = 2**53
BLOCK_MS = 1_000
KEPT = 50
"""Outcomes of a learner of each name: older ones are deleted."""

Batch = list[tuple[str, dict[str, Any]]]


class Recorder:
    """One loop over the stream of outcomes: `run` repeats `record`."""

    def __init__(self, sessions: sessionmaker[Session], redis: Redis, cache: Cache) -> None:
        self.sessions = sessions
        self.client = LabsClient(redis)
        self.cache = cache
        self.after = "0"

    def run(self, stop: threading.Event) -> None:
        """Record until `stop` is set; what is away is asked again every second."""
        while not stop.is_set():
            try:
                self.client.redis.set(RECORDS, "yes", ex=RECORDS_S)
                self.record()
            except (RedisError, SQLAlchemyError) as exc:
                log.warning("recording waits: %s", type(exc).__name__)
                self.after = "0"
                stop.wait(PAUSE_S)

    def record(self, block_ms: int = BLOCK_MS) -> int:
        """Record what has come, and say how many outcomes that was."""
        batch: Batch = list(self.client.outcomes(after=self.after, block_ms=block_ms))
        if not batch:
            return 0
        rows = {str(outcome.get("id")): row for _, outcome in batch if (row := _row(outcome))}
        try:
            learners = self._write(list(rows.values()))
        except DataError:
            learners = set().union(*(self._write_alone(row) for row in rows.values()))
        self.cache.forget(*(summary_name(learner) for learner in sorted(learners)))
        by_host: dict[str, list[str]] = defaultdict(list)
        for _, outcome in batch:
            by_host[str(outcome.get("host", ""))].append(str(outcome.get("id", "")))
        for host, ids in by_host.items():
            self.client.acknowledge(host, ids)
        self.after = batch[-1][0]
        return len(batch)

    def _write_alone(self, row: dict[str, Any]) -> set[str]:
        """One outcome by itself, for there is one among its neighbours that Postgres can't hold (a
        NaN, a zero character).
        """
        try:
            return self._write([row])
        except DataError as exc:
            why = type(exc.orig).__name__
            log.error("outcome %s can't be stored and was left out: %s", row["id"], why)
            return set()

    def _write(self, rows: list[dict[str, Any]]) -> set[str]:
        """One transaction. A learner who is gone, or goes meanwhile, takes their outcomes along."""
        if not rows:
            return set()
        with self.sessions.begin() as session:
            wanted = {row["learner_id"] for row in rows}
            known = select(Learner.id).where(Learner.id.in_(wanted))
            there = set(session.scalars(known.with_for_update(read=True, key_share=True)))
            kept = [row for row in rows if row["learner_id"] in there]
            if not kept:
                return set()
            added = insert(Outcome).values(kept).on_conflict_do_nothing()
            fresh = set(session.scalars(added.returning(Outcome.id)))
            for row in kept:
                if row["id"] in fresh and row["kind"] == "prediction":
                    _settle(session, row)
            session.execute(_older(there))
        return there


def _older(learners: set[str]) -> Delete:
    """Delete all but the newest KEPT outcomes of these learners of each name."""
    same = (Outcome.learner_id, Outcome.lab, Outcome.kind, Outcome.name)
    number = func.row_number().over(partition_by=same, order_by=Outcome.at.desc())
    numbered = select(Outcome.id, number.label("number")).where(Outcome.learner_id.in_(learners))
    old = numbered.subquery()
    return delete(Outcome).where(Outcome.id.in_(select(old.c.id).where(old.c.number > KEPT)))


def _row(outcome: dict[str, Any]) -> dict[str, Any] | None:
    """The outcome as a row; None, and a line in the log, for what is none."""
    try:
        row = {
            "id": _text(outcome, "id", 80),
            "learner_id": _text(outcome, "owner", 32),
            "lab": _text(outcome, "lab", 80),
            "kind": _text(outcome, "kind", 40),
            "name": _text(outcome, "name", 80),
            "status": _text(outcome, "status", 40),
            "data": dict(outcome.get("data") or {}),
            "at": datetime.fromtimestamp(float(outcome["at"]), UTC),
        }
        if row["name"] not in _names(str(row["lab"]), str(row["kind"])):
            raise ValueError("its lab has no such check or prediction")
        return row
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        name = str(outcome.get("id"))[:80]
        log.error("an outcome is not one and was left out: %r: %s", name, exc)
        return None


def _names(lab_id: str, kind: str) -> set[str]:
    """What a sandbox may tell of: a hostile one tells of more, without end."""
    lab = catalogue().get(lab_id)
    if lab is None:
        return set()
    if kind == FIGURES:
        return {FIGURES}
    named: dict[str, tuple[Check | Prediction, ...]] = {
        "check": lab.checks,
        "prediction": lab.predictions,
    }
    return {each.name for each in named.get(kind, ())}


def _text(outcome: dict[str, Any], field: str, longest: int) -> str:
    value = outcome[field]
    if not isinstance(value, str) or not value or len(value) > longest or "\0" in value:
        raise ValueError(f"its {field} is no name")  # it may name the learner: not into the log
    return value


def _settle(session: Session, row: dict[str, Any]) -> None:
    measured = row["data"].get("value")
    # Said by a sandbox: what is no measurement must not stop the outcomes of all others.
    if not isinstance(measured, (str, int, float)) or (
        isinstance(measured, int) and abs(measured) > LARGEST_WHOLE
    ):
        return
    learner, lab, name, at = row["learner_id"], row["lab"], row["name"], row["at"]
    try:
        settle(session, learner=learner, lab=lab, name=name, measured=measured, at=at)
    except (LabsError, ValueError) as exc:
        log.warning("the prediction of outcome %s can't be settled: %s", row["id"], exc)


def run(settings: Settings) -> None:
    """Record until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = make_engine(settings.database_url)
    redis = make_redis(settings.redis_url, timeout_s=5.0, connect_timeout_s=0.5)
    cache = Cache(make_redis(settings.redis_url, timeout_s=0.2, connect_timeout_s=0.2))
    Recorder(sessionmaker(engine), redis, cache).run(stop)
    engine.dispose()
