"""Every error as a page or a fragment: a sentence, a hint, a status, the request's id.

Never a traceback, never a detail.
"""

from __future__ import annotations

import logging
import secrets

from flask import Flask, Response, g, make_response, render_template, request
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError as PoolTimeout
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, SecurityError

from labs.errors import (
    BadInput,
    CommandRefused,
    DidNotStart,
    HostAway,
    LabsError,
    NotNow,
    OverBudget,
    RunsDiffer,
    SandboxTaken,
    ServerDown,
    TooSlow,
    UnknownLab,
    UnknownSandbox,
)
from portal.web.fragments import hide_refusal, is_htmx, tell_outcome, wants_fragment
from portal.web.services import has_room

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 256 * 1024

STATUS: dict[type[LabsError], int] = {
    LabsError: 500,
    RunsDiffer: 500,
    BadInput: 422,
    UnknownLab: 404,
    UnknownSandbox: 404,
    SandboxTaken: 409,
    NotNow: 409,
    CommandRefused: 422,
    ServerDown: 409,
    DidNotStart: 503,
    HostAway: 503,
    TooSlow: 504,
    OverBudget: 409,
}
RETRY_AFTER_S: dict[type[LabsError], int] = {HostAway: 2, DidNotStart: 5}
DATABASE_RETRY_S = 1
BUSY = (429, 503)
"""The statuses that say when to try again, in words and in a header."""
USUAL_RETRY_S = 5
WORDS = {
    400: ("The portal could not read this request.", "Reload the page and try again."),
    403: ("This may not be done from here.", "Reload the page and try again."),
    404: ("There is no such page.", "The course lists every lesson, and the labs every lab."),
    405: ("This address does not take that.", "Go back to the page and use its buttons."),
    413: ("That is too much for one request.", f"Keep it under {MAX_REQUEST_BYTES // 1024} KiB."),
    429: ("Many have begun from your address just now.", ""),
    500: ("Something went wrong on our side.", "Try again. What was saved before is safe."),
    503: (
        "The portal can't reach its database just now.",
        "Nothing was saved. Lessons can be read.",
    ),
}

FULL = (
    "The disk of this site is full, and its database can't save anything.",
    "Nothing was saved. Lessons can be read. The operator of the site has to make room.",
)
DISK_RETRY_S = 60
DISK_FULL = "53100"
"""Postgres' code for it."""


def status_of(error: type[LabsError]) -> int:
    """The HTTP status of an error: its own, or that of the error which it refines."""
    return next(STATUS[kind] for kind in error.__mro__ if kind in STATUS)


def install(app: Flask) -> None:
    """Answer every error that a view lets through."""
    app.before_request(_name_request)
    app.after_request(hide_refusal)  # the last of them: what is registered first runs last
    app.after_request(_send_name)
    app.register_error_handler(LabsError, _labs_error)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(PoolTimeout, _database_away)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)


def problem(
    status: int, message: str, hint: str = "", *, retry_after_s: int | None = None
) -> Response:
    """An error as an answer: a page for a document, for a script a fragment; htmx says it next to
    the control. It says when to try again where that is known and the hint doesn't.
    """
    if retry_after_s is not None and "again" not in hint:
        hint = f"{hint} {try_again(retry_after_s)}".strip()
    template = "errors/_problem.html" if wants_fragment() else "errors/problem.html"
    name = g.get("request_id", "")
    html = render_template(template, status=status, message=message, hint=hint, request_id=name)
    response = make_response(html, status)
    if is_htmx():
        response.headers["HX-Reswap"] = "none"
        tell_outcome(response, message, hint=hint, sense="error")
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    response.headers["Cache-Control"] = "no-store"
    return response


def is_database_away(error: Exception) -> bool:
    """True if Postgres can't be asked just now, and not if it was asked nonsense."""
    return isinstance(error, (OperationalError, PoolTimeout)) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def try_again(after_s: int) -> str:
    """The sentence that says when to try again."""
    return f"Try again in {'a second' if after_s == 1 else f'{after_s} seconds'}."


def why_not_saved(error: Exception) -> tuple[str, str, int]:
    """A sentence, a hint, and after how many seconds to try again, for a database that can't be
    asked: its disk is full, or it is away. On a full disk Postgres may be away, too.
    """
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    if code == DISK_FULL or not has_room():
        return *FULL, DISK_RETRY_S
    return *WORDS[503], DATABASE_RETRY_S


def _name_request() -> None:
    g.request_id = secrets.token_hex(6)


def _send_name(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if response.status_code in BUSY:
        response.headers.setdefault("Retry-After", str(USUAL_RETRY_S))
    return response


def _where() -> str:
    """The request's address for the log, without its values: one may be a recovery link's token."""
    return request.url_rule.rule if request.url_rule else "an address that there is not"


def _labs_error(error: LabsError) -> Response:
    status = status_of(type(error))
    if status >= 500:
        name, detail = g.get("request_id"), error.detail[:256]
        log.warning("%s %s: %s: %s %r", name, _where(), error.kind, error, detail)
    return problem(status, str(error), error.hint, retry_after_s=RETRY_AFTER_S.get(type(error)))


def _database_away(error: Exception) -> Response:
    why = str(error.__cause__ or error)[:256]
    message, hint, retry_after_s = why_not_saved(error)
    log.error("%s %s: %s %r", g.get("request_id"), _where(), message, why)
    return problem(503, message, hint, retry_after_s=retry_after_s)


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    if isinstance(error, SecurityError):
        return Response(
            "This host name is not served here. The operator of the site can add it to "
            "TRUSTED_HOSTS.\n",
            400,
            content_type="text/plain; charset=utf-8",
        )  # no address can be built for a page
    status = error.code or 500
    if 300 <= status < 400:
        return make_response(error.get_response())
    headers = Headers(error.get_headers())
    message, hint = WORDS.get(status, (f"{error.name}.", ""))
    if error.description and error.description != type(error).description:
        message, hint = error.description, ""
    retry_after_s = headers.get("Retry-After", USUAL_RETRY_S if status in BUSY else None, type=int)
    response = problem(status, message, hint, retry_after_s=retry_after_s)
    for name, value in headers:
        if name.lower() not in ("content-type", "content-length"):
            response.headers.setdefault(name, value)
    return response


def _unforeseen(error: Exception) -> Response:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _database_away(error)
    log.exception("%s %s %s", g.get("request_id"), request.method, _where())
    return problem(500, *WORDS[500])
