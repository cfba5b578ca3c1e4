"""What the page shows of a request: rows of its tables, and a sentence.

No part of a response is ever markup: everything is data that the page draws.
"""

from __future__ import annotations

from collections.abc import Sequence

from labs.events import CaptionChanged, Value
from labs.setups.website.browsers import Browser, Visit

MOST_TEXT = 1_200


def browser_rows(browsers: Sequence[Browser]) -> list[dict[str, Value]]:
    """What each browser shows: its last response, and the instance of its login."""
    return [
        {
            "browser": visit.browser,
            "number": visit.number,
            "request": f"{visit.method} {visit.path}",
            "status": visit.status,
            "instance": visit.instance,
            "user": visit.user,
            "login_by": browser.login.instance if browser.login else "",
            "message": visit.message[:200],
            "cart": ", ".join(visit.cart)[:200],
            "cookie_sent": f"sid={visit.sid_sent}" if visit.sid_sent else "",
            "set_cookie": "\n".join(visit.cookies)[:MOST_TEXT],
            "headers": "\n".join(f"{name}: {value}" for name, value in visit.headers)[:MOST_TEXT],
            "body": visit.body[:MOST_TEXT],
            "took_ms": round(visit.took_ms, 2),
            "held": visit.held,
            "meaning": visit.meaning,
        }
        for browser in browsers
        if (visit := browser.last)
    ]


def response_rows(visits: Sequence[Visit]) -> list[dict[str, Value]]:
    """The responses, newest first, each in one line."""
    return [
        {
            "number": visit.number,
            "browser": visit.browser,
            "request": f"{visit.method} {visit.path}",
            "instance": visit.instance or "none",
            "status": visit.status,
            "known": visit.user or "no user",
            "id": _shortened(visit.sid_after) or "none",
            "took_ms": round(visit.took_ms, 2),
        }
        for visit in reversed(visits)
    ]


def sentence(visit: Visit) -> CaptionChanged:
    """The sentence under the drawing when a response has come."""
    place = {"redis": "Redis", "memcached": "Memcached"}.get(visit.store, "its own memory")
    looked = f"{visit.instance} looked in {place} and"
    if not visit.answered:
        strong = visit.message
        text = f"{strong or 'No answer came.'} The cookie is still in the browser."
    elif visit.path == "/logout":
        strong = f"{visit.instance} deleted the session"
        text = f"{strong} in {place}. The id has no session now."
    elif visit.method == "POST":
        strong = f"{visit.instance} wrote the session to {place}."
        text = f"{strong} The browser has an id and nothing else."
    elif visit.logged_in:
        strong = f"{looked} found {visit.user}"
        text = f"{strong}: logged in already."
    elif not visit.sid_sent:
        strong = f"{visit.instance} got no cookie"
        text = f"{strong}: no user is logged in."
    elif visit.meaning == "hit":
        strong = "a visitor’s cart"
        text = f"{looked} found {strong}: no user is logged in."
    else:
        strong = "logged out"
        text = f"{looked} found nothing under this id: {strong}."
    return CaptionChanged(text=text, strong=strong)


def _shortened(sid: str) -> str:
    """Enough of an id to distinguish it from others, and too little to use it."""
    return f"{sid[:8]}…" if len(sid) > 12 else sid
