"""What the checks of the lab sessions must catch: handlers of the site with a mistake in them."""

from __future__ import annotations

from collections.abc import Callable

from labs.caching import sessions
from labs.catalogue.sessions import checks
from labs.lab import Mutant, Strategy
from labs.web import mutants


def strategies(
    page: Callable[..., object] = sessions.page, log_in: Callable[..., object] = sessions.log_in
) -> dict[str, Strategy]:
    """The handlers of the site; a mutant hands in another page or login."""
    return {"session": Strategy("session", "Sessions", page, log_in)}


MUTANTS = (
    Mutant(
        "keeps-the-id",
        "signs in under the id that the visitor came with",
        checks.new_id_at_login,
        strategies=strategies(log_in=mutants.log_in_keeps_the_id),
    ),
    Mutant(
        "never-renews",
        "finds the session and never extends its time to live",
        checks.sliding,
        strategies=strategies(page=mutants.page_never_renews),
    ),
    Mutant(
        "memory-only",
        "says Redis, and keeps the session in its own process",
        checks.served_by_another,
        strategies=strategies(mutants.page_from_memory_only, mutants.log_in_to_memory_only),
    ),
    Mutant(
        "no-time-to-live",
        "stores the session without a time to live",
        checks.idle_limit,
        strategies=strategies(mutants.page_for_ever, mutants.log_in_for_ever),
    ),
    Mutant(
        "id-of-the-name",
        "makes the id of the user’s name",
        checks.cookie,
        strategies=strategies(log_in=mutants.log_in_by_name),
    ),
)
