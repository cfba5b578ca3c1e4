"""Who asks: a random id in a signed cookie, and its row in Postgres.

Made at the first action that needs one, never by looking at a page.
"""

from __future__ import annotations

import re
from functools import lru_cache

from flask import Flask, Response, current_app, g, request
from itsdangerous import BadSignature, Signer
from sqlalchemy import exists, select
from werkzeug.exceptions import TooManyRequests

from portal.models import Learner
from portal.models.learner import new_id
from portal.web.rates import Rate
from portal.web.services import db

COOKIE = "learner"
YEAR_S = 365 * 24 * 3600
_FORGET = ""
KEY = "cacheground.beginners"
KNOWN_COOKIES = 4_096
BEGINNERS_AT_ONCE, BEGINNERS_PER_S = 400.0, 2.0
"""New learners of one address in one process: a school comes from one, all at nine o'clock."""


def install(app: Flask) -> None:
    """Let responses carry the cookie of a learner who became known, or unknown."""
    app.extensions[KEY] = Rate(per_s=BEGINNERS_PER_S, burst=BEGINNERS_AT_ONCE)
    app.after_request(_send_cookie)


def current_learner() -> str | None:
    """The id of the learner who asks, or None. Trusts the signature and asks no server."""
    if "learner" not in g:
        g.learner = _read_cookie()
    learner: str | None = g.learner
    return learner


def require_learner() -> str:
    """The id of the learner who asks, whose cookie's year starts again; a new learner is made, and
    committed, if there is none, or 429 where too many are.
    """
    learner = current_learner()
    if learner and db().scalar(select(exists().where(Learner.id == learner))):
        adopt(learner)
        return learner
    rate, address = current_app.extensions[KEY], request.remote_addr or ""
    if not rate.take(address):
        raise TooManyRequests(retry_after=max(1, rate.wait_s(address)))
    made = Learner(id=new_id())
    db().add(made)
    db().commit()
    adopt(made.id)
    return made.id


def adopt(learner: str) -> None:
    """Make this browser this learner, from this response on."""
    g.learner = learner
    g.learner_cookie = learner


def forget() -> None:
    """Take the learner from this browser, from this response on."""
    g.learner = None
    g.learner_cookie = _FORGET


def _signer(secret: str) -> Signer:
    return Signer(secret, salt="learner-cookie")


def _read_cookie() -> str | None:
    cookie = request.cookies.get(COOKIE)
    return _named_by(cookie, str(current_app.secret_key)) if cookie else None


@lru_cache(maxsize=KNOWN_COOKIES)
def _named_by(cookie: str, secret: str) -> str | None:
    """The learner whom a cookie names; None if its signature is not ours."""
    try:
        learner = _signer(secret).unsign(cookie).decode()
    except (BadSignature, UnicodeDecodeError):
        return None
    return learner if re.fullmatch(r"[0-9a-f]{32}", learner) else None


def _send_cookie(response: Response) -> Response:
    learner = g.pop("learner_cookie", None)
    if learner == _FORGET:
        response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=request.is_secure)
    elif learner is not None:
        value = _signer(str(current_app.secret_key)).sign(learner).decode()
        response.set_cookie(
            COOKIE, value, max_age=YEAR_S, httponly=True, samesite="Lax", secure=request.is_secure
        )
    if learner is not None or COOKIE in request.cookies:
        response.vary.add("Cookie")
    return response
