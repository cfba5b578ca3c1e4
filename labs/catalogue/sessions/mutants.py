"""What the checks of the lab sessions must catch: handlers of the site with a mistake in them."""

from __future__ import annotations

from collections.abc import Callable

from labs.caching import sessions
from labs.catalogue.sessions import checks, cookie_checks
from labs.lab import Check, Mutant, Strategy, about_of
from labs.web import mutants


def strategies(
    page: Callable[..., object] = sessions.page, log_in: Callable[..., object] = sessions.log_in
) -> dict[str, Strategy]:
    """The handlers of the site; a mutant hands in another page or login."""
    return {"session": Strategy("session", "Sessions", page, log_in)}


def _mutant(name: str, caught_by: Check, **handlers: Callable[..., object]) -> Mutant:
    return Mutant(name, about_of(*handlers.values()), caught_by, strategies(**handlers))


MUTANTS = (
    _mutant("keeps-the-id", cookie_checks.new_id_at_login, log_in=mutants.log_in_keeps_the_id),
    _mutant("never-renews", checks.sliding, page=mutants.page_never_renews),
    _mutant(
        "memory-only",
        checks.served_by_another,
        page=mutants.page_from_memory_only,
        log_in=mutants.log_in_to_memory_only,
    ),
    _mutant(
        "no-time-to-live",
        checks.idle_limit,
        page=mutants.page_never_renews,
        log_in=mutants.log_in_for_ever,
    ),
    _mutant("id-of-the-name", cookie_checks.cookie, log_in=mutants.log_in_by_name),
)
