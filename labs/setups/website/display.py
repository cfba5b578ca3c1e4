"""What the page shows of a request: rows of its tables, the events of the drawing, a sentence.

No part of a response is ever markup: everything is data that the page draws.
"""

from __future__ import annotations

from collections.abc import Sequence

from labs.events import CaptionChanged, StepFinished, Value
from labs.setups.website.browsers import Visit

MOST_TEXT = 1_200


def browser_row(visit: Visit, login: Visit | None) -> dict[str, Value]:
    """What a browser shows: its last response, and the instance of its login."""
    return {
        "browser": visit.browser,
        "number": visit.number,
        "request": f"{visit.method} {visit.path}",
        "status": visit.status,
        "instance": visit.instance,
        "user": visit.user,
        "login_by": login.instance if login else "",
        "says": visit.message[:200],
        "cart": ", ".join(visit.cart)[:200],
        "cookie_sent": f"sid={visit.sid_sent}" if visit.sid_sent else "",
        "set_cookie": "\n".join(visit.cookies)[:MOST_TEXT],
        "headers": "\n".join(f"{name}: {value}" for name, value in visit.headers)[:MOST_TEXT],
        "body": visit.body[:MOST_TEXT],
        "took_ms": round(visit.took_ms, 2),
        "held": visit.held,
        "meaning": visit.meaning,
    }


def response_rows(visits: Sequence[Visit]) -> list[dict[str, Value]]:
    """The responses, newest first, each in one line."""
    return [
        {
            "number": visit.number,
            "browser": visit.browser,
            "request": f"{visit.method} {visit.path}",
            "instance": visit.instance or "none",
            "status": visit.status,
            "known": visit.user or "nobody",
            "id": _shortened(visit.sid_after) or "none",
            "took_ms": round(visit.took_ms, 2),
        }
        for visit in reversed(visits)
    ]


def finished(visit: Visit) -> StepFinished:
    """The event that ends a request on the timeline."""
    answer = f"{visit.status} from {visit.instance or 'the balancer'}: {visit.message}"
    return StepFinished(
        request=visit.number,
        meaning=visit.meaning,
        answer=answer[:200],
        took_ms=round(sum(trip.took_ms for trip in visit.trips), 4),
    )


def sentence(visit: Visit) -> CaptionChanged:
    """The sentence under the drawing when a response has come."""
    place = {"redis": "Redis", "memcached": "Memcached"}.get(visit.store, "its own memory")
    if not visit.answered:
        return CaptionChanged(
            text=f"{visit.message or 'Nobody answered.'} The cookie is still in the browser.",
            strong=visit.message,
        )
    if visit.path == "/logout":
        return CaptionChanged(
            text=f"{visit.instance} deleted the session in {place}. The id is worth nothing now.",
            strong=f"{visit.instance} deleted the session",
        )
    if visit.method == "POST":
        return CaptionChanged(
            text=f"{visit.instance} wrote the session to {place}. The browser holds an id and "
            "nothing else.",
            strong=f"{visit.instance} wrote the session to {place}.",
        )
    if visit.signed_in:
        return CaptionChanged(
            text=f"{visit.instance} looked in {place} and knows {visit.user}: signed in already.",
            strong=f"{visit.instance} looked in {place} and knows {visit.user}",
        )
    if not visit.sid_sent:
        return CaptionChanged(
            text=f"{visit.instance} got no cookie: nobody is signed in.",
            strong=f"{visit.instance} got no cookie",
        )
    if visit.meaning == "hit":
        return CaptionChanged(
            text=f"{visit.instance} looked in {place} and found a visitor’s cart: nobody is "
            "signed in.",
            strong="a visitor’s cart",
        )
    return CaptionChanged(
        text=f"{visit.instance} looked in {place} and found nothing under this id: signed out.",
        strong="signed out",
    )


def _shortened(sid: str) -> str:
    """Enough of an id to distinguish it from others, and too little to use it."""
    return f"{sid[:8]}…" if len(sid) > 12 else sid
