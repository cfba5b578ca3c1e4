"""Whether the portal is up, and whether it can reach what it needs."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from labs.errors import LabsError
from portal.web.services import client, db

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 while the process answers; with ?deep=1 503 unless all that it needs is up too.

    `labs` is degraded while benches that are open work and none can be opened.
    """
    parts = {"web": "up"}
    if request.args.get("deep"):
        parts |= {"database": _database(), "redis": _redis(), "labs": _labs()}
    return jsonify(parts), 200 if set(parts.values()) == {"up"} else 503


def _database() -> str:
    try:
        db().execute(text("SELECT 1"))
    except SQLAlchemyError:
        return "away"
    return "up"


def _redis() -> str:
    try:
        client(quick=True).redis.ping()
    except RedisError:
        return "away"
    return "up"


def _labs() -> str:
    try:
        hosts = client(quick=True).hosts()
    except LabsError:
        return "away"
    if not hosts:
        return "away"
    return "up" if any(host.ready for host in hosts) else "degraded"
