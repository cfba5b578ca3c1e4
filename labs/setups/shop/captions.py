"""The sentences under the drawing: what a learner reads while a request of the shop runs, and when
it is over.
"""

from __future__ import annotations

from labs.events import CaptionChanged, Sense
from labs.sandbox.ledger import Request

_AFTER_COMMAND: dict[tuple[str, Sense], CaptionChanged] = {
    ("cache", "hit"): CaptionChanged(
        text="The cache had it. The database will hear nothing.", strong="The cache had it."
    ),
    ("cache", "miss"): CaptionChanged(
        text="The cache had nothing. Now the database has to answer.",
        strong="The cache had nothing.",
    ),
    ("cache", "error"): CaptionChanged(
        text="The cache does not answer. A careful reader asks the database instead.",
        strong="The cache does not answer.",
    ),
    ("cache", "write"): CaptionChanged(text="The cache has been told.", strong=""),
    ("database", "read"): CaptionChanged(
        text="The database has answered.", strong="The database has answered."
    ),
    ("database", "write"): CaptionChanged(
        text="The database has committed the new price. The cache has not heard of it yet.",
        strong="The cache has not heard of it yet.",
    ),
}


def after_command(server: str, meaning: Sense) -> CaptionChanged | None:
    """The sentence for a command of a stepped request; None where there is nothing to say."""
    return _AFTER_COMMAND.get((server, meaning))


def after_request(request: Request) -> CaptionChanged:
    """The sentence for a request that is over."""
    took = f"{request.took_ms:.2f} ms"
    match request.meaning:
        case "hit":
            return CaptionChanged(
                text=f"The cache had it, in {took}. The database heard nothing.",
                strong=f"The cache had it, in {took}.",
            )
        case "miss":
            return CaptionChanged(
                text=f"The cache had nothing, so the database answered: {took} for the first "
                "reader. The next one finds it stored.",
                strong="the database answered",
            )
        case "stale":
            return CaptionChanged(
                text=f"The cache had an old one: version {request.version}, while the database "
                f"holds version {request.committed}.",
                strong="The cache had an old one",
            )
        case "write":
            cache_written = any(
                trip.server == "cache" and trip.meaning == "write" for trip in request.trips
            )
            told = "The cache was told as well." if cache_written else "Nobody has told the cache."
            return CaptionChanged(
                text=f"The database has the new price. {told}",
                strong="The database has the new price.",
            )
        case "read":
            tail = (
                "The cache is down: slower, never wrong."
                if request.cache_down
                else "The cache took nothing off it."
            )
            return CaptionChanged(
                text=f"The database answered, in {took}. {tail}",
                strong=f"The database answered, in {took}.",
            )
        case "error":
            return CaptionChanged(text="Nobody answered this request.", strong="Nobody answered")
    return CaptionChanged(
        text="The answer came from neither the cache nor the database.",
        strong="neither the cache nor the database",
    )


def in_short(answer: dict[str, object]) -> str:
    """An answer of the shop in a few words."""
    parts = [f"{name} {answer[name]}" for name in ("name", "price", "version") if name in answer]
    return ", ".join(parts)[:200] or f"{len(answer)} fields"
