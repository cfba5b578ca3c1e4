"""What was done with a session after its login: what checks of sessions judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labs.events import Value
from labs.sandbox.context import Context
from labs.setups.website.browsers import Visit
from labs.setups.website.sessions import IN_MEMORY
from labs.setups.website.site import Site

MEMCACHED_GRAIN_S = 1.1
"""Memcached counts time to live in whole seconds, and may be one off (facts B10)."""


@dataclass(frozen=True, slots=True)
class Use:
    """A use of a session, the use before it, and the login that made the session."""

    login: Visit
    before: Visit
    visit: Visit

    @property
    def age_s(self) -> float:
        """How old the session was."""
        return self.visit.began - self.login.ended

    @property
    def gap_s(self) -> float:
        """How long the session had not been used."""
        return self.visit.began - self.before.ended

    @property
    def same_store(self) -> bool:
        """True if the store was the same process all the while, as far as two requests can show."""
        store = self.login.store
        pids = self.login.pids.get(store, 0), self.visit.pids.get(store, 0)
        return store in IN_MEMORY or pids[0] == pids[1] != 0

    @property
    def in_time(self) -> bool:
        """True if the store still had to know the session: same process, idle limit not over."""
        return self.same_store and self.gap_s <= self.login.idle_s

    @property
    def grain_s(self) -> float:
        """How exactly the store ends a session."""
        return MEMCACHED_GRAIN_S if self.login.store == "memcached" else 0.05


def logins(sandbox: Context, *stores: str) -> Iterator[tuple[Visit, list[Visit]]]:
    """Each login, under one of `stores` if any are given, with the later uses of its session under
    the same store and limits.
    """
    visits = list(sandbox.part(Site).visits)
    for index, login in enumerate(visits):
        if login.is_login and (not stores or login.store in stores):
            yield login, [visit for visit in visits[index + 1 :] if _uses_session_of(login, visit)]


def uses(sandbox: Context, *stores: str) -> Iterator[Use]:
    """Each use of each session of `logins`."""
    for login, later in logins(sandbox, *stores):
        for before, visit in zip([login, *later], later, strict=False):
            yield Use(login, before, visit)


def shown(ttl_s: float | None) -> Value:
    """A session's time to live as evidence."""
    return "none" if ttl_s is None else "no limit" if ttl_s < 0 else round(ttl_s, 2)


def _uses_session_of(login: Visit, visit: Visit) -> bool:
    return (
        visit.sid_sent == login.sid_after
        and visit.browser == login.browser
        and visit.path != "/login"
        and visit.answered
        and (visit.store, visit.idle_s, visit.absolute_s, visit.renewal)
        == (login.store, login.idle_s, login.absolute_s, login.renewal)
    )
