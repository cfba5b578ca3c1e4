"""Handlers that are wrong on purpose.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from collections.abc import Callable

from labs.caching import sessions
from labs.lab import Mutant, Strategy
from labs.web import saboteurs


def _with(
    page: Callable[..., object] = sessions.page, log_in: Callable[..., object] = sessions.log_in
) -> dict[str, Strategy]:
    return {"session": Strategy("session", "Sessions", page, log_in)}


WRONG = (
    Mutant(
        "keeps-the-id",
        "signs in under the id that the visitor came with",
        "new-id-at-login",
        _with(log_in=saboteurs.log_in_keeps_the_id),
    ),
    Mutant(
        "never-renews",
        "finds the session and never extends its time to live",
        "sliding",
        _with(page=saboteurs.page_never_renews),
    ),
    Mutant(
        "memory-only",
        "says Redis, and keeps the session in its own process",
        "served-by-another",
        _with(saboteurs.page_from_memory_only, saboteurs.log_in_to_memory_only),
    ),
    Mutant(
        "no-time-to-live",
        "stores the session without a time to live",
        "idle-limit",
        _with(saboteurs.page_for_ever, saboteurs.log_in_for_ever),
    ),
    Mutant(
        "id-of-the-name",
        "makes the id of the user’s name",
        "cookie",
        _with(log_in=saboteurs.log_in_by_name),
    ),
)
