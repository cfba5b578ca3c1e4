"""Talking with htmx 4: who asked, and what to do with the answer.

Error bodies are swapped too, so they say where to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask import Response, request

TOASTS = "[data-toasts]"


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


def trigger(response: Response, event: str, detail: Mapping[str, object] | None = None) -> Response:
    """Have the element that asked dispatch a DOM event when the answer has arrived."""
    response.headers["HX-Trigger"] = json.dumps({event: dict(detail or {})})
    return response


def retarget(response: Response, selector: str, *, swap: str = "innerHTML") -> Response:
    """Have htmx put the answer somewhere else than it meant to."""
    response.headers["HX-Retarget"] = selector
    response.headers["HX-Reswap"] = swap
    return response
