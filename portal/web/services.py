"""What an app is made of, made once: engine, Redis clients, lessons.

Handlers reach it through the functions here.

Connects to nothing until it is asked to. Nothing is kept outside the app, so that two of them can
live in one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flask import Flask, current_app, g
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from labs.client import LabsClient, disk_is_full
from portal.content.model import Course
from portal.db import make_engine
from portal.settings import Settings
from portal.web.caching import Cache

KEY = "cacheground"
MAX_CONNECTIONS = 600
"""To the portal Redis: one for each thread of a worker. With redis-py's own 100, a crowd of streams
that begin together was answered that the labs can't be reached.
"""


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one app."""

    engine: Engine
    sessions: sessionmaker[Session]
    course: Course
    client: LabsClient
    quick_client: LabsClient
    cache: Cache
    state: Path


def make_redis(url: str, *, timeout_s: float, connect_timeout_s: float) -> Redis:
    """A client of the portal Redis in text mode that never retries and never waits longer."""
    return Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=connect_timeout_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        protocol=2,
        health_check_interval=0,
        max_connections=MAX_CONNECTIONS,
    )


def install(app: Flask, settings: Settings, lessons: Course) -> None:
    """Give the app its services, and each request a database session that ends with it."""
    engine = make_engine(settings.database_url)
    quick = make_redis(settings.redis_url, timeout_s=0.2, connect_timeout_s=0.2)
    app.extensions[KEY] = Services(
        engine=engine,
        sessions=sessionmaker(engine, expire_on_commit=False),
        course=lessons,
        client=LabsClient(make_redis(settings.redis_url, timeout_s=5.0, connect_timeout_s=0.5)),
        quick_client=LabsClient(quick),
        cache=Cache(quick),
        state=settings.state,
    )
    app.teardown_appcontext(_close)


def _close(_: BaseException | None) -> None:
    session: Session | None = g.pop("db_session", None)
    if session is not None:
        session.close()


def _services() -> Services:
    services: Services = current_app.extensions[KEY]
    return services


def course() -> Course:
    """The lessons, as they were when the app started."""
    return _services().course


def db() -> Session:
    """The request's database session. The view that changes something commits, once, at its end."""
    if "db_session" not in g:
        g.db_session = _services().sessions()
    session: Session = g.db_session
    return session


def release_db() -> None:
    """Give the connection back before something slow; uncommitted changes are lost."""
    _close(None)


def client(*, quick: bool = False) -> LabsClient:
    """The client of the labs; a quick one gives up after 200 ms."""
    services = _services()
    return services.quick_client if quick else services.client


def has_room() -> bool:
    """False if nothing more can be counted on to be saved: the portal's disk is full."""
    return not disk_is_full(_services().state)


def cache() -> Cache:
    """The portal's cache-aside cache."""
    return _services().cache
