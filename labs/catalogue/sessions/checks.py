"""What must be seen in the lab sessions.

Each check judges responses of real browsers, with what the store itself said before and after.
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.events import Value
from labs.lab import Check, Verdict, met, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.browsers import Visit, node_of
from labs.setups.website.sessions import IN_MEMORY
from labs.setups.website.site import Site

MEMCACHED_GRAIN_S = 1.1
"""Memcached counts time to live in whole seconds, and may be one off (facts B10)."""
LEAST_CHARACTERS = 22
"""Of an id: 22 characters of 6 bits are 128 bits and more, what OWASP asks for."""


def _site(sandbox: Sandbox) -> Site:
    return sandbox.part(Site)


def _after_logins(sandbox: Sandbox, *stores: str) -> Iterator[tuple[Visit, list[Visit]]]:
    """Each login with the pages that its session was asked for afterwards, under the same store and
    limits.
    """
    visits = list(_site(sandbox).visits)
    for index, login in enumerate(visits):
        if login.is_login and (not stores or login.store in stores):
            later = [
                v
                for v in visits[index + 1 :]
                if v.sid_sent == login.sid_after
                and v.browser == login.browser
                and v.path != "/login"
            ]
            yield (
                login,
                [
                    v
                    for v in later
                    if v.answered
                    and (v.store, v.idle_s, v.absolute_s, v.renewal)
                    == (login.store, login.idle_s, login.absolute_s, login.renewal)
                ],
            )


def _same_store(a: Visit, b: Visit) -> bool:
    """True if the store was the same process all the while, as far as two requests can tell."""
    return a.store in IN_MEMORY or a.pids.get(a.store, 0) == b.pids.get(a.store, 0) != 0


def _grain(visit: Visit) -> float:
    return MEMCACHED_GRAIN_S if visit.store == "memcached" else 0.05


def _uses(login: Visit, later: list[Visit]) -> Iterator[tuple[Visit, Visit]]:
    """Each later page with the use before it."""
    return zip([login, *later], later, strict=False)


def served_by_another(sandbox: Sandbox) -> Verdict:
    """After a login on one instance the other one knows the browser, for the store has the
    session.
    """
    failed: Visit | None = None
    for login, later in _after_logins(sandbox, "redis", "memcached"):
        for before, visit in _uses(login, later):
            if (
                visit.instance == login.instance
                or not _same_store(login, visit)
                or visit.began - before.ended > login.idle_s
            ):
                continue
            evidence: dict[str, Value] = {
                "login_by": login.instance,
                "page_by": visit.instance,
                "store": login.store,
                "ttl_s_in_the_store": _shown(visit.ttl_before_s),
                "commands_to_the_store": len([t for t in visit.trips if t.server == login.store]),
            }
            if visit.signed_in and visit.ttl_before_s is not None:
                return met(
                    f"{login.instance} signed {login.user} in, {visit.instance} answered "
                    "the "
                    f"next request and knew {visit.user}.",
                    evidence,
                )
            failed = visit
    if failed is not None:
        raise unmet(
            f"{failed.instance} answered a browser that had logged in elsewhere, and "
            "did not "
            "know it.",
            {"page_by": failed.instance, "ttl_s_in_the_store": _shown(failed.ttl_before_s)},
            hint="Where did the instance look? Is the session where its store is supposed to be?",
        )
    raise unmet(
        "Nobody has logged in with a shared store and then been served by the other instance.",
        hint="Choose a store that both instances can ask, log in, and open a page.",
    )


def survives_an_instance(sandbox: Sandbox) -> Verdict:
    """The instance that signed the user in is dead, and the user is still signed in."""
    failed: Visit | None = None
    for login, later in _after_logins(sandbox, "redis", "memcached"):
        for before, visit in _uses(login, later):
            if (
                visit.pids.get(node_of(login.instance), 1) != 0
                or not _same_store(login, visit)
                or visit.began - before.ended > login.idle_s
            ):
                continue
            if visit.signed_in:
                evidence: dict[str, Value] = {
                    "login_by": login.instance,
                    "pid_before": login.pids[node_of(login.instance)],
                    "pid_now": 0,
                    "answered_by": visit.instance,
                    "ttl_s_in_the_store": _shown(visit.ttl_before_s),
                }
                return met(
                    f"{login.instance} signed {login.user} in and is dead; {visit.instance} "
                    f"still knows {visit.user}.",
                    evidence,
                )
            failed = visit
    if failed is not None:
        raise unmet(
            f"The instance is dead, and {failed.instance} did not know the browser.",
            {"answered_by": failed.instance},
            hint="What died with the instance? Who should have had it?",
        )
    raise unmet(
        "No instance has died after signing somebody in with a shared store.",
        hint="Log in with a shared store, kill the instance that signed you in, and open a page.",
    )


def memory_stays_behind(sandbox: Sandbox) -> Verdict:
    """In an instance's memory a session is known to that instance and to no other."""
    for login, later in reversed(list(_after_logins(sandbox, "memory"))):
        alive = [
            v
            for v in later
            if v.pids.get(node_of(login.instance)) == login.pids.get(node_of(login.instance))
            and v.began - login.ended < login.idle_s
        ]
        own, other = (
            [v for v in alive if v.instance == login.instance],
            [v for v in alive if v.instance != login.instance],
        )
        evidence: dict[str, Value] = {
            "login_by": login.instance,
            "pages_by_it": len(own),
            "signed_in_there": sum(v.signed_in for v in own),
            "pages_by_the_other": len(other),
            "signed_in_at_the_other": sum(v.signed_in for v in other),
        }
        if own and other and all(v.signed_in for v in own) and not any(v.signed_in for v in other):
            return met(
                f"{login.instance} knew {login.user} {len(own)} times of {len(own)}, "
                f"{other[0].instance} 0 times of {len(other)}.",
                evidence,
            )
    raise unmet(
        "Nobody has been served by both instances while sessions are in memory.",
        hint="Let each instance keep sessions in its own memory, log in, and press reload a few "
        "times.",
    )


def sticky_dies(sandbox: Sandbox) -> Verdict:
    """Sticky routing keeps a browser signed in for as long as its instance lives."""
    waiting = False
    for login, later in _after_logins(sandbox, "sticky"):
        home = node_of(login.instance)
        alive = [v for v in later if v.pids.get(home) == login.pids.get(home)]
        dead = [v for v in later if v.pids.get(home) == 0]
        evidence: dict[str, Value] = {
            "login_by": login.instance,
            "pages_while_it_lived": len(alive),
            "by_it": sum(v.instance == login.instance for v in alive),
            "signed_in": sum(v.signed_in for v in alive),
            "pages_after_its_death": len(dead),
            "signed_in_after": sum(v.signed_in for v in dead),
        }
        if (
            len(alive) >= 2
            and all(v.instance == login.instance and v.signed_in for v in alive)
            and dead
            and not any(v.signed_in for v in dead)
        ):
            return met(
                f"{login.instance} answered all {len(alive)} pages and knew "
                f"{login.user}; when "
                f"it was dead, {dead[0].instance} did not.",
                evidence,
            )
        waiting = waiting or len(alive) >= 2
    if waiting:
        raise unmet(
            "The balancer brings the browser back to its instance. That instance has not died yet.",
            hint="What happens to the browser when its instance is gone?",
        )
    raise unmet(
        "Sticky routing has not been seen at work yet.",
        hint="Choose sticky routing, log in, open two pages; then kill the instance that answered.",
    )


def idle_limit(sandbox: Sandbox) -> Verdict:
    """When nothing was asked for as long as the idle limit, the session is over, and the store has
    forgotten it.
    """
    met: Verdict | None = None
    for login, later in _after_logins(sandbox):
        for before, visit in _uses(login, later):
            since = visit.began - (before.ended if login.renewal == "sliding" else login.ended)
            if not _same_store(login, visit) or (before is not login and not before.signed_in):
                continue
            evidence: dict[str, Value] = {
                "idle_limit_s": login.idle_s,
                "silent_for_s": round(since, 2),
                "store": login.store,
                "ttl_s_in_the_store": _shown(visit.ttl_before_s),
            }
            if visit.signed_in and since > login.idle_s + _grain(login):
                raise unmet(
                    f"{visit.instance} still knew {visit.user} {since:.1f} s after the "
                    "last "
                    f"request, though the idle limit is {login.idle_s:g} s.",
                    evidence,
                    hint="With what time to live was the session stored? Ask the store.",
                )
            if not visit.signed_in and since >= login.idle_s and visit.ttl_before_s is None:
                met = Verdict(
                    "met",
                    f"After {since:.1f} s without a request the store had forgotten the "
                    f"session: {visit.instance} did not know {login.user} any more.",
                    evidence,
                )
    return met or Verdict(
        "unmet",
        "Nobody has waited out the idle limit yet.",
        hint="Make the idle limit short, log in, wait longer than it, and open a page. Looking "
        "does not extend it, a page does.",
    )


def sliding(sandbox: Sandbox) -> Verdict:
    """With sliding renewal each use extends the session beyond the idle limit."""
    failed: Verdict | None = None
    for login, later in _after_logins(sandbox):
        if login.renewal != "sliding":
            continue
        for before, visit in _uses(login, later):
            age, gap = visit.began - login.ended, visit.began - before.ended
            if (
                age <= login.idle_s + _grain(login)
                or gap > login.idle_s * 0.9
                or not _same_store(login, visit)
                or not before.signed_in
            ):
                continue
            evidence: dict[str, Value] = {
                "idle_limit_s": login.idle_s,
                "signed_in_for_s": round(age, 2),
                "ttl_s_before": _shown(visit.ttl_before_s),
                "ttl_s_after": _shown(visit.ttl_after_s),
            }
            if (
                visit.signed_in
                and visit.ttl_before_s is not None
                and visit.ttl_after_s is not None
                and visit.ttl_after_s > visit.ttl_before_s
            ):
                return met(
                    f"{login.user} was still signed in {age:.1f} s after the login with "
                    "an idle "
                    f"limit of {login.idle_s:g} s: each page extended it.",
                    evidence,
                )
            if not visit.signed_in and age < login.absolute_s:
                failed = Verdict(
                    "unmet",
                    f"The last page was only {gap:.1f} s ago, and the session was over all the "
                    "same.",
                    evidence,
                    hint="Look at the time to live before and after a page. Who should have "
                    "extended it?",
                )
    return failed or Verdict(
        "unmet",
        "No session has outlived its idle limit by being used yet.",
        hint="Make the idle limit short, and keep opening pages for longer than it.",
    )


def absolute_limit(sandbox: Sandbox) -> Verdict:
    """Use does not extend a session beyond its absolute limit."""
    met: Verdict | None = None
    for login, later in _after_logins(sandbox):
        for before, visit in _uses(login, later):
            age, gap = visit.began - login.ended, visit.began - before.ended
            if not _same_store(login, visit) or not before.signed_in:
                continue
            evidence: dict[str, Value] = {
                "absolute_limit_s": login.absolute_s,
                "age_s": round(age, 2),
                "last_use_s_ago": round(gap, 2),
                "idle_limit_s": login.idle_s,
                "ttl_s_in_the_store": _shown(visit.ttl_before_s),
            }
            if visit.signed_in and age > login.absolute_s + _grain(login):
                raise unmet(
                    f"{visit.user} is signed in since {age:.1f} s, though the absolute "
                    "limit is "
                    f"{login.absolute_s:g} s.",
                    evidence,
                    hint="A sliding time to live is only the idle limit. What else does the "
                    "session have to remember?",
                )
            if not visit.signed_in and age >= login.absolute_s - 0.05 and gap < login.idle_s * 0.95:
                met = Verdict(
                    "met",
                    f"The session was used {gap:.1f} s before and was over all the same, "
                    f"{age:.1f} s after the login.",
                    evidence,
                )
    return met or Verdict(
        "unmet",
        "No session in use has come to its absolute limit yet.",
        hint="Make the absolute limit short, longer than the idle one, and keep opening pages.",
    )


def memcached_forgets(sandbox: Sandbox) -> Verdict:
    """Memcached restarted: everybody is signed out."""
    return _after_a_restart(sandbox, "memcached", remembers=False)


def redis_remembers(sandbox: Sandbox) -> Verdict:
    """Redis with an append-only file restarted: everybody is signed in."""
    return _after_a_restart(sandbox, "redis", remembers=True)


def _after_a_restart(sandbox: Sandbox, store: str, *, remembers: bool) -> Verdict:
    label = sandbox.lab.topology.node(store).label
    for login, later in _after_logins(sandbox, store):
        for before, visit in _uses(login, later):
            then, now = before.pids.get(store, 0), visit.pids.get(store, 0)
            if (
                not then
                or not now
                or then == now
                or visit.began - before.ended > login.idle_s - _grain(login)
            ):
                continue
            evidence: dict[str, Value] = {
                "pid_before": then,
                "pid_after": now,
                "last_use_s_ago": round(visit.began - before.ended, 2),
                "idle_limit_s": login.idle_s,
                "ttl_s_in_the_store": _shown(visit.ttl_before_s),
                "signed_in": visit.signed_in,
            }
            if visit.signed_in == remembers == (visit.ttl_before_s is not None):
                words = (
                    f"still knew {visit.user}: the append-only file was replayed"
                    if remembers
                    else "did not know the browser: what was in memory is gone"
                )
                return met(f"{label} was restarted, and {visit.instance} {words}.", evidence)
            if not before.signed_in:
                continue
            raise unmet(
                f"{label} was restarted, and the browser was "
                f"{'' if visit.signed_in else 'not '}known.",
                evidence,
                hint="What does this store keep over a restart, and who else could have answered?",
            )
    raise unmet(
        f"{label} has not been restarted under a session yet.",
        hint=f"Keep sessions in {label}, log in, restart it, and open a page before the idle "
        "limit is over.",
    )


def new_id_at_login(sandbox: Sandbox) -> Verdict:
    """A visitor's id is worth nothing after the login, which made another."""
    for visit in reversed(list(_site(sandbox).visits)):
        if (
            not visit.is_login
            or not visit.sid_sent
            or visit.ttl_before_s is None
            or visit.store in IN_MEMORY
        ):
            # In memory the old one may be with the other instance, which hears nothing of a login
            # here.
            continue
        evidence: dict[str, Value] = {
            "id_before": visit.sid_sent[:8],
            "id_after": visit.sid_after[:8],
            "changed": visit.sid_sent != visit.sid_after,
            "old_id_still_stored": visit.sent_ttl_after_s is not None,
        }
        if visit.sid_sent == visit.sid_after:
            raise unmet(
                "The visitor is signed in under the id that they came with.",
                evidence,
                hint="Somebody may have planted that id, or seen it. What should a login do to it?",
            )
        if visit.sent_ttl_after_s is not None:
            raise unmet(
                "There is a new id, and the old session can still be used.",
                evidence,
                hint="What should become of the old session?",
            )
        return met(
            f"The login changed the id from {visit.sid_sent[:6]}… to "
            f"{visit.sid_after[:6]}…, "
            "and the store has forgotten the old one.",
            evidence,
        )
    raise unmet(
        "Nobody has logged in who already had a session.",
        hint="Put something into the cart before you log in: that gives a visitor an id.",
    )


def cookie(sandbox: Sandbox) -> Verdict:
    """The cookie is a long random id with the attributes that OWASP asks for, and nothing else."""
    logins = [visit for visit in _site(sandbox).visits if visit.is_login]
    given = [(visit, line) for visit in logins for line in visit.cookies if line.startswith("sid=")]
    if not given:
        raise unmet(
            "No cookie has been given out at a login yet.",
            hint="Log in, and read the response.",
        )
    visit, line = given[-1]
    value, *attributes = [part.strip() for part in line.removeprefix("sid=").split(";")]
    names = {part.partition("=")[0].lower() for part in attributes}
    missing = [
        name for name in ("HttpOnly", "Secure", "SameSite", "Path") if name.lower() not in names
    ]
    ids = [v.sid_after for v, _ in given]
    evidence: dict[str, Value] = {
        "attributes": ", ".join(attributes),
        "characters": len(value),
        "bits_at_most": len(value) * 6,
        "logins": len(ids),
        "different_ids": len(set(ids)),
    }
    if missing:
        raise unmet(
            f"The cookie lacks {', '.join(missing)}.",
            evidence,
            hint="Who may read this cookie, and over what?",
        )
    if len(value) < LEAST_CHARACTERS or visit.user in value:
        raise unmet(
            f"The id {value[:12]}… could be guessed: {len(value)} characters.",
            evidence,
            hint="What can somebody who knows the user’s name say about the id?",
        )
    if len(ids) > len(set(ids)):
        raise unmet("Two logins were given the same id.", evidence, hint="How is the id made?")
    return met(
        f"{len(value)} random characters, {', '.join(attributes)}: nothing of the user "
        "is in "
        "the cookie.",
        evidence,
    )


def _shown(ttl_s: float | None) -> Value:
    return "none" if ttl_s is None else "no limit" if ttl_s < 0 else round(ttl_s, 2)


CHECKS = (
    Check(
        "served-by-another",
        "Logged in on one instance, the browser is known to the other",
        served_by_another,
    ),
    Check(
        "survives-an-instance",
        "With the instance of the login killed, the browser is still signed in",
        survives_an_instance,
    ),
    Check(
        "memory-stays-behind",
        "In an instance’s memory, a session is known to that instance only",
        memory_stays_behind,
    ),
    Check(
        "sticky-dies",
        "Sticky routing keeps the browser signed in until its instance dies",
        sticky_dies,
    ),
    Check(
        "redis-remembers", "Redis with an append-only file restarted: signed in", redis_remembers
    ),
    Check("memcached-forgets", "Memcached restarted: signed out", memcached_forgets),
    Check(
        "idle-limit",
        "The idle limit over: signed out, and the store has forgotten the session",
        idle_limit,
    ),
    Check("sliding", "A sliding limit is extended by use", sliding),
    Check(
        "absolute-limit", "Use does not extend a session beyond its absolute limit", absolute_limit
    ),
    Check(
        "new-id-at-login",
        "The login makes a new id, and the old one is worth nothing",
        new_id_at_login,
    ),
    Check(
        "cookie",
        "The cookie holds a long random id, out of reach for scripts, and nothing else",
        cookie,
    ),
)
