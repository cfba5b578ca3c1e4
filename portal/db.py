"""The portal's own Postgres: the base of all models and an engine with deadlines.

Holds no session and commits nothing.
"""

from __future__ import annotations

import select
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import DateTime, Dialect, Engine, MetaData, create_engine, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_MS = 5_000


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: stored with its time zone, always UTC in Python. A naive datetime is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all models: names of constraints are fixed, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: JSONB()}


def now() -> datetime:
    """This moment, aware."""
    return datetime.now(UTC)


def make_engine(url: str) -> Engine:
    """An engine that connects when it is used and never waits long for a Postgres that is away."""
    engine = create_engine(
        url,
        pool_size=10,
        max_overflow=20,
        pool_timeout=2,
        pool_recycle=1_800,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout=3000 -c "
            "idle_in_transaction_session_timeout=30000",
        },
    )
    event.listen(engine, "checkout", _refuse_ended)
    event.listen(engine, "handle_error", _leave_out_values)
    return engine


def _leave_out_values(context: ExceptionContext) -> None:
    """Keep Postgres' sentence and leave out its detail: that quotes the row, and with it the
    learner, and errors end in the log.
    """
    error, wrapped = context.original_exception, context.sqlalchemy_exception
    if isinstance(error, psycopg.Error) and (said := error.diag.message_primary):
        error.args = (said,)
        if wrapped is not None:
            wrapped.args = (f"({type(error).__name__}) {said}",)


def _refuse_ended(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
    """Have the pool make another connection where Postgres has ended this one: it sends to an idle
    one nothing but that. Costs no round trip, as a ping would.
    """
    idle = select.poll()
    try:
        idle.register(connection.fileno(), select.POLLIN)
        ended = bool(idle.poll(0))
    except OSError as exc:
        raise DisconnectionError from exc
    if ended:
        raise DisconnectionError
