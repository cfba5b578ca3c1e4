"""Talking with htmx 4 and our own scripts: who asked, and what to do with the answer.

Error bodies are swapped too, so they say where to. Why a refusal is answered with 200 where a
script of ours asked is in docs/decisions/refusals.md.
"""

from __future__ import annotations

import json

from flask import Response, request

OUTCOME = "Outcome"
"""What became of an action, as JSON: static/js/outcome.js says it next to the control."""
ASKED, REFUSED = "Refusals", "Refused"
"""The header with which a script of ours asks for refusals in a header, and that header."""


def is_htmx() -> bool:
    """True if htmx asks for a part of a page; false for a document, boosted or not."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-Request-Type") != "full"
    )


def wants_fragment() -> bool:
    """True if a script will read the answer: htmx, or a plain fetch."""
    return is_htmx() or request.headers.get("Sec-Fetch-Dest") == "empty"


def trigger(response: Response, event: str) -> Response:
    """Have the element that asked dispatch a DOM event when the answer has arrived."""
    response.headers["HX-Trigger"] = json.dumps({event: {}})
    return response


def tell_outcome(response: Response, text: str, *, hint: str = "", sense: str = "none") -> Response:
    """Have the page say what became of an action, next to the control that was pressed."""
    response.headers[OUTCOME] = json.dumps({"text": text, "hint": hint, "sense": sense})
    return response


def hide_refusal(response: Response) -> Response:
    """Answer a refusal (4xx) with 200 and its status in a header, if a script of ours asked so:
    Chrome reports each 4xx as an error of the page. Without that request header the status stays.
    """
    if 400 <= response.status_code < 500 and request.headers.get(ASKED) == "in-header":
        response.headers[REFUSED] = str(response.status_code)
        response.headers["Cache-Control"] = "no-store"
        response.status_code = 200
    return response
