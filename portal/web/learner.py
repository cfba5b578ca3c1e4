"""Who asks: a random id in a signed cookie, and its row in Postgres.

Made at the first action that needs one, never by looking at a page; and not before the browser has
shown that it brings the cookie back. The answer to the first action is the cookie and the way to
the same address once more, which a browser goes by itself, with all that it sent. A browser that
comes back without it is refused before anything is made for a visitor who could never reach it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NoReturn
from urllib.parse import quote, urlencode

from flask import Flask, Response, abort, current_app, g, redirect, request
from itsdangerous import BadSignature, Signer
from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from werkzeug.exceptions import TooManyRequests

from portal.models import Learner
from portal.models.learner import new_id
from portal.web.errors import problem
from portal.web.rates import Rate
from portal.web.services import db

COOKIE = "learner"
YEAR_S = 365 * 24 * 3600
_FORGET = ""
_OFFERED = "new-"
"""Before an id whose learner has not been made: two first actions that bring it make one."""
CAME_BACK = "with-cookie"
REFUSED = (
    "Your browser did not bring back this site’s cookie.",
    "Without it nothing that you do here could be found again, so nothing was started or saved. "
    "Allow cookies for this site (in the browser’s settings, under privacy, or at the left of its "
    "address), then try again.",
)
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
        named = _read_cookie()
        g.is_offered = named is not None and named.startswith(_OFFERED)
        g.learner = named.removeprefix(_OFFERED) if named else None
    learner: str | None = g.learner
    return learner


def require_learner() -> str:
    """The id of the learner who asks, whose cookie's year starts again; a new learner is made, and
    committed, if there is none, or 429 where too many are. Ends the request where the browser has
    to show first that it keeps cookies, and with 403 where it doesn't.
    """
    learner = require_cookie()
    if g.is_offered:
        _make(learner)
    elif not db().scalar(select(exists().where(Learner.id == learner))):
        _send_round()  # a learner whose data was deleted does not come back
    adopt(learner)
    return learner


def _make(learner: str) -> None:
    rate, address = current_app.extensions[KEY], request.remote_addr or ""
    if not rate.take(address):
        raise TooManyRequests(retry_after=max(1, rate.wait_s(address)))
    # Another first action of the same browser may have made it already.
    made = insert(Learner).values(id=learner).on_conflict_do_nothing().returning(Learner.id)
    g.is_new_learner = db().scalar(made) is not None
    db().commit()


def require_cookie() -> str:
    """The id that the browser brought, of a learner or as it was offered; ends the request as
    `require_learner` does if it brought none.
    """
    if (learner := current_learner()) is None:
        _send_round()
    return learner


def _send_round() -> NoReturn:
    if CAME_BACK in request.args:
        abort(problem(403, *REFUSED))
    g.learner_cookie = _OFFERED + new_id()
    again = urlencode([*request.args.items(multi=True), (CAME_BACK, "yes")])
    abort(redirect(f"{quote(request.path)}?{again}", 307))


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
    """What a cookie says: a learner's id, or one that was offered; None if we did not sign it."""
    try:
        learner = _signer(secret).unsign(cookie).decode()
    except (BadSignature, UnicodeDecodeError):
        return None
    return learner if re.fullmatch(rf"({_OFFERED})?[0-9a-f]{{32}}", learner) else None


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
