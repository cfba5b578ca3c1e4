"""The sentences under the drawing: what a learner reads while a request of the shop runs, and when
it is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from labs.events import CaptionChanged, Sense
from labs.sandbox.ledger import Request, Trip

DELETES = ("DEL", "UNLINK", "DELETE")
"""The commands of Redis and Memcached that delete a key."""

AFTER_COMMAND: dict[tuple[str, Sense], CaptionChanged] = {
    ("cache", "hit"): CaptionChanged(
        text="The cache had it. The database has no work to do.", strong="The cache had it."
    ),
    ("cache", "stale"): CaptionChanged(
        text="The cache had an old answer. The database holds a newer one.",
        strong="The cache had an old answer.",
    ),
    ("cache", "miss"): CaptionChanged(
        text="The cache had nothing. Now the database has to answer.",
        strong="The cache had nothing.",
    ),
    ("cache", "error"): CaptionChanged(
        text="The cache does not answer. A careful reader asks the database instead.",
        strong="The cache does not answer.",
    ),
    ("cache", "write"): CaptionChanged(text="The cache has been changed.", strong=""),
    ("database", "read"): CaptionChanged(
        text="The database has answered.", strong="The database has answered."
    ),
    ("database", "write"): CaptionChanged(
        text="The database has committed the new price. The cache is not changed yet.",
        strong="The cache is not changed yet.",
    ),
}
"""The sentence after a command of a stepped request, by server and meaning."""


def after_request(request: Request) -> CaptionChanged:
    """The sentence for a request that is over."""
    took = f"{request.took_ms:.2f} ms"
    match request.meaning:
        case "hit":
            strong = f"The cache had it, in {took}."
            text = f"{strong} The database did no work."
        case "miss":
            strong = "the database answered"
            text = (
                f"The cache had nothing, so {strong}: {took} for the first reader. The next one "
                "finds it stored."
            )
        case "stale":
            strong = "The cache had an old one"
            text = (
                f"{strong}: version {request.version}, while the database holds version "
                f"{request.committed}."
            )
        case "write":
            strong = "The database has the new price."
            text = f"{strong} {_what_became_of_the_copy(request.trips)}"
        case "read":
            strong = f"The database answered, in {took}."
            is_down = "The cache is down: slower, never wrong."
            text = f"{strong} {is_down if request.cache_down else 'The cache saved it no work.'}"
        case "error":
            strong = "No answer came"
            text = f"{strong} to this request."
        case _:
            strong = "neither the cache nor the database"
            text = f"The answer came from {strong}."
    return CaptionChanged(text=text, strong=strong)


def _what_became_of_the_copy(trips: Sequence[Trip]) -> str:
    """What a price change did to the cached copy."""
    changes = [
        trip.command.partition(" ")[0].upper()
        for trip in trips
        if trip.server == "cache" and trip.meaning == "write"
    ]
    if any(command in DELETES for command in changes):
        return "The app deleted the cached copy."
    return "The app changed the cache, too." if changes else "The cache was not changed."


def in_short(answer: object) -> str:
    """An answer of the shop in a few words."""
    if not isinstance(answer, dict):
        return str(answer)[:200]
    parts = [f"{name} {answer[name]}" for name in ("name", "price", "version") if name in answer]
    return ", ".join(parts)[:200] or f"{len(answer)} fields"
