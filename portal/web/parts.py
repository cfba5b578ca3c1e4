"""What an app is made of, made once: settings, engine, Redis clients, lessons.

Handlers reach it through the functions here.

Connects to nothing until it is asked to. Nothing is kept outside the app, so that two of them can
live in one process.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, g
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from labs import Desk
from portal.content import Course
from portal.db import make_engine
from portal.settings import Settings
from portal.web.caching import PREFIX, Cache, Shelf
from portal.web.near import Near

KEY = "cacheground"
STRANGERS_SEE_S = 2.0
MAX_CONNECTIONS = 600
"""To the portal Redis: one for each thread of a worker. With redis-py's own 100, a crowd of streams
that begin together was answered that the labs can't be reached.
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one app."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    course: Course
    desk: Desk
    quick_desk: Desk
    cache: Cache
    shelf: Shelf


def make_redis(url: str, *, timeout_s: float, connect_timeout_s: float, protocol: int = 2) -> Redis:
    """A client of the portal Redis in text mode that never retries by itself and never waits longer
    than it is told here.
    """
    return Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=connect_timeout_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        protocol=protocol,
        health_check_interval=0,
        max_connections=MAX_CONNECTIONS,
    )


def install(app: Flask, settings: Settings, lessons: Course) -> None:
    """Give the app its parts, and each request a database session that ends with it."""
    engine = make_engine(settings.database_url)
    quick = make_redis(settings.redis_url, timeout_s=0.2, connect_timeout_s=0.2)
    app.extensions[KEY] = Parts(
        settings=settings,
        engine=engine,
        sessions=sessionmaker(engine, expire_on_commit=False),
        course=lessons,
        desk=Desk(make_redis(settings.redis_url, timeout_s=5.0, connect_timeout_s=0.5)),
        quick_desk=Desk(quick),
        cache=Cache(
            quick,
            near=Near(
                make_redis(settings.redis_url, timeout_s=0.2, connect_timeout_s=0.2, protocol=3),
                PREFIX,
            ),
        ),
        shelf=Shelf(ttl_s=STRANGERS_SEE_S),
    )
    app.teardown_appcontext(_close)


def _close(_: BaseException | None) -> None:
    session: Session | None = g.pop("db_session", None)
    if session is not None:
        session.close()


def _parts() -> Parts:
    parts: Parts = current_app.extensions[KEY]
    return parts


def settings() -> Settings:
    """The settings of this app."""
    return _parts().settings


def course() -> Course:
    """The lessons, as they were when the app started."""
    return _parts().course


def db() -> Session:
    """The request's database session. The view that changes something commits, once, at its end."""
    if "db_session" not in g:
        g.db_session = _parts().sessions()
    session: Session = g.db_session
    return session


def release_db() -> None:
    """Give the connection back before something slow; the next `db()` takes a new one.

    Uncommitted changes are lost.
    """
    _close(None)


def desk() -> Desk:
    """The front desk of the labs, for requests that a learner waits for."""
    return _parts().desk


def quick_desk() -> Desk:
    """The front desk for pages that can do without an answer: gives up after 200 ms."""
    return _parts().quick_desk


def cache() -> Cache:
    """The portal's cache-aside cache."""
    return _parts().cache


def shelf() -> Shelf:
    """The pages that strangers see."""
    return _parts().shelf
