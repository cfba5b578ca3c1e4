"""What must be seen in the lab sessions: who is still signed in, and until when.

Each check judges responses of real browsers, with what the store itself said before and after.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Unmet, Verdict, check, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.browsers import Visit, node_of
from labs.setups.website.sessions import IN_MEMORY
from labs.setups.website.site import Site
from labs.setups.website.uses import logins, shown, uses

LEAST_CHARACTERS = 22
"""Of an id: 22 characters of 6 bits are 128 bits and more, what OWASP requires."""
REQUIRED = ("HttpOnly", "Secure", "SameSite", "Path")


@check("Logged in on one instance, the browser is known to the other")
def served_by_another(sandbox: Sandbox) -> Verdict:
    failed: Visit | None = None
    for use in uses(sandbox, "redis", "memcached"):
        login, visit = use.login, use.visit
        if visit.instance == login.instance or not use.in_time:
            continue
        evidence: dict[str, Value] = {
            "login_by": login.instance,
            "page_by": visit.instance,
            "store": login.store,
            "ttl_s_in_the_store": shown(visit.ttl_before_s),
            "commands_to_the_store": sum(trip.server == login.store for trip in visit.trips),
        }
        if visit.signed_in and visit.ttl_before_s is not None:
            return met(
                f"{login.instance} signed {login.user} in, {visit.instance} answered the "
                f"next request and knew {visit.user}.",
                evidence,
            )
        failed = visit
    visit = require_seen(
        failed,
        "No browser has logged in with a shared store and then been served by the other instance.",
        hint="Choose a store that both instances can ask, log in, and open a page.",
    )
    raise unmet(
        f"{visit.instance} answered a browser that had logged in elsewhere, and did not know it.",
        {"page_by": visit.instance, "ttl_s_in_the_store": shown(visit.ttl_before_s)},
        hint="Where did the instance look? Is the session where its store is supposed to be?",
    )


@check("With the instance of the login killed, the browser is still signed in")
def survives_an_instance(sandbox: Sandbox) -> Verdict:
    failed: Visit | None = None
    for use in uses(sandbox, "redis", "memcached"):
        login, visit, home = use.login, use.visit, node_of(use.login.instance)
        if visit.pids.get(home, 1) != 0 or not use.in_time:
            continue
        if visit.signed_in:
            evidence: dict[str, Value] = {
                "login_by": login.instance,
                "pid_before": login.pids[home],
                "pid_now": 0,
                "answered_by": visit.instance,
                "ttl_s_in_the_store": shown(visit.ttl_before_s),
            }
            return met(
                f"{login.instance} signed {login.user} in and is dead; {visit.instance} "
                f"still knows {visit.user}.",
                evidence,
            )
        failed = visit
    visit = require_seen(
        failed,
        "No instance has died after signing a browser in with a shared store.",
        hint="Log in with a shared store, kill the instance that signed you in, and open a page.",
    )
    raise unmet(
        f"The instance is dead, and {visit.instance} did not know the browser.",
        {"answered_by": visit.instance},
        hint="What died with the instance? Who should have had it?",
    )


@check("In an instance’s memory, a session is known to that instance only")
def memory_stays_behind(sandbox: Sandbox) -> Verdict:
    for login, later in reversed(list(logins(sandbox, "memory"))):
        alive = [v for v in later if _home_lives(login, v) and v.began - login.ended < login.idle_s]
        own = [v.signed_in for v in alive if v.instance == login.instance]
        others = [v for v in alive if v.instance != login.instance]
        other = [v.signed_in for v in others]
        if not own or not other or not all(own) or any(other):
            continue
        evidence: dict[str, Value] = {
            "login_by": login.instance,
            "pages_by_it": len(own),
            "signed_in_there": sum(own),
            "pages_by_the_other": len(other),
            "signed_in_at_the_other": sum(other),
        }
        return met(
            f"{login.instance} knew {login.user} {len(own)} times of {len(own)}, "
            f"{others[0].instance} 0 times of {len(other)}.",
            evidence,
        )
    raise unmet(
        "No browser has been served by both instances while sessions are in memory.",
        hint="Let each instance keep sessions in its own memory, log in, and press reload a few "
        "times.",
    )


def _home_lives(login: Visit, visit: Visit) -> bool:
    """True if the instance of the login is still the same process."""
    home = node_of(login.instance)
    return visit.pids.get(home) == login.pids.get(home)


@check("Sticky routing keeps the browser signed in until its instance dies")
def sticky_dies(sandbox: Sandbox) -> Verdict:
    seen_at_work = False
    for login, later in logins(sandbox, "sticky"):
        alive = [v for v in later if _home_lives(login, v)]
        dead = [v for v in later if v.pids.get(node_of(login.instance)) == 0]
        seen_at_work = seen_at_work or len(alive) >= 2
        by_it = [v.instance == login.instance for v in alive]
        known, known_after = [v.signed_in for v in alive], [v.signed_in for v in dead]
        if len(alive) < 2 or not all(by_it + known) or not dead or any(known_after):
            continue
        evidence: dict[str, Value] = {
            "login_by": login.instance,
            "pages_while_it_lived": len(alive),
            "by_it": sum(by_it),
            "signed_in": sum(known),
            "pages_after_its_death": len(dead),
            "signed_in_after": sum(known_after),
        }
        return met(
            f"{login.instance} answered all {len(alive)} pages and knew {login.user}; when "
            f"it was dead, {dead[0].instance} did not.",
            evidence,
        )
    require_seen(
        seen_at_work,
        "Sticky routing has not been seen at work yet.",
        hint="Choose sticky routing, log in, open two pages; then kill the instance that answered.",
    )
    raise unmet(
        "The balancer brings the browser back to its instance. That instance has not died yet.",
        hint="What happens to the browser when its instance is gone?",
    )


@check("Redis with an append-only file restarted: signed in")
def redis_remembers(sandbox: Sandbox) -> Verdict:
    return _after_a_restart(sandbox, "redis", remembers=True)


@check("Memcached restarted: signed out")
def memcached_forgets(sandbox: Sandbox) -> Verdict:
    return _after_a_restart(sandbox, "memcached", remembers=False)


def _after_a_restart(sandbox: Sandbox, store: str, *, remembers: bool) -> Verdict:
    label = sandbox.lab.topology.node(store).label
    for use in uses(sandbox, store):
        login, before, visit = use.login, use.before, use.visit
        then, now = before.pids.get(store, 0), visit.pids.get(store, 0)
        if not then or not now or then == now or use.gap_s > login.idle_s - use.grain_s:
            continue
        evidence: dict[str, Value] = {
            "pid_before": then,
            "pid_after": now,
            "last_use_s_ago": round(use.gap_s, 2),
            "idle_limit_s": login.idle_s,
            "ttl_s_in_the_store": shown(visit.ttl_before_s),
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
            f"{label} was restarted, and the browser was {'' if visit.signed_in else 'not '}known.",
            evidence,
            hint="What does this store keep over a restart, and who else could have answered?",
        )
    raise unmet(
        f"{label} has not been restarted under a session yet.",
        hint=f"Keep sessions in {label}, log in, restart it, and open a page before the idle "
        "limit is over.",
    )


@check("The idle limit over: signed out, and the store has forgotten the session")
def idle_limit(sandbox: Sandbox) -> Verdict:
    ended: Verdict | None = None
    for use in uses(sandbox):
        login, before, visit = use.login, use.before, use.visit
        if not use.same_store or (before is not login and not before.signed_in):
            continue
        since = use.gap_s if login.renewal == "sliding" else use.age_s
        evidence: dict[str, Value] = {
            "idle_limit_s": login.idle_s,
            "silent_for_s": round(since, 2),
            "store": login.store,
            "ttl_s_in_the_store": shown(visit.ttl_before_s),
        }
        if visit.signed_in and since > login.idle_s + use.grain_s:
            raise unmet(
                f"{visit.instance} still knew {visit.user} {since:.1f} s after the last "
                f"request, though the idle limit is {login.idle_s:g} s.",
                evidence,
                hint="With what time to live was the session stored? Ask the store.",
            )
        if not visit.signed_in and since >= login.idle_s and visit.ttl_before_s is None:
            ended = met(
                f"After {since:.1f} s without a request the store had forgotten the "
                f"session: {visit.instance} did not know {login.user} any more.",
                evidence,
            )
    return require_seen(
        ended,
        "No browser has waited out the idle limit yet.",
        hint="Make the idle limit short, log in, wait longer than it, and open a page. Looking "
        "does not extend it, a page does.",
    )


@check("A sliding limit is extended by use")
def sliding(sandbox: Sandbox) -> Verdict:
    failed: Unmet | None = None
    for use in uses(sandbox):
        login, visit = use.login, use.visit
        if (
            login.renewal != "sliding"
            or use.age_s <= login.idle_s + use.grain_s
            or use.gap_s > login.idle_s * 0.9
            or not use.same_store
            or not use.before.signed_in
        ):
            continue
        before_s, after_s = visit.ttl_before_s, visit.ttl_after_s
        evidence: dict[str, Value] = {
            "idle_limit_s": login.idle_s,
            "signed_in_for_s": round(use.age_s, 2),
            "ttl_s_before": shown(before_s),
            "ttl_s_after": shown(after_s),
        }
        if visit.signed_in and before_s is not None and after_s is not None and after_s > before_s:
            return met(
                f"{login.user} was still signed in {use.age_s:.1f} s after the login with an idle "
                f"limit of {login.idle_s:g} s: each page extended it.",
                evidence,
            )
        if not visit.signed_in and use.age_s < login.absolute_s:
            failed = unmet(
                f"The last page was only {use.gap_s:.1f} s ago, and the session was over all the "
                "same.",
                evidence,
                hint="Look at the time to live before and after a page. Who should have "
                "extended it?",
            )
    raise failed or unmet(
        "No session has outlived its idle limit by being used yet.",
        hint="Make the idle limit short, and keep opening pages for longer than it.",
    )


@check("Use does not extend a session beyond its absolute limit")
def absolute_limit(sandbox: Sandbox) -> Verdict:
    ended: Verdict | None = None
    for use in uses(sandbox):
        login, visit = use.login, use.visit
        if not use.same_store or not use.before.signed_in:
            continue
        evidence: dict[str, Value] = {
            "absolute_limit_s": login.absolute_s,
            "age_s": round(use.age_s, 2),
            "last_use_s_ago": round(use.gap_s, 2),
            "idle_limit_s": login.idle_s,
            "ttl_s_in_the_store": shown(visit.ttl_before_s),
        }
        if visit.signed_in and use.age_s > login.absolute_s + use.grain_s:
            raise unmet(
                f"{visit.user} is signed in since {use.age_s:.1f} s, though the absolute limit is "
                f"{login.absolute_s:g} s.",
                evidence,
                hint="A sliding time to live is only the idle limit. What else does the "
                "session have to remember?",
            )
        if (
            not visit.signed_in
            and use.age_s >= login.absolute_s - 0.05
            and use.gap_s < login.idle_s * 0.95
        ):
            ended = met(
                f"The session was used {use.gap_s:.1f} s before and was over all the same, "
                f"{use.age_s:.1f} s after the login.",
                evidence,
            )
    return require_seen(
        ended,
        "No session in use has come to its absolute limit yet.",
        hint="Make the absolute limit short, longer than the idle one, and keep opening pages.",
    )


@check("The login makes a new id, and the old one is worth nothing")
def new_id_at_login(sandbox: Sandbox) -> Verdict:
    for visit in reversed(list(sandbox.part(Site).visits)):
        if not visit.is_login or not visit.sid_sent or visit.ttl_before_s is None:
            continue
        if visit.store in IN_MEMORY:
            # The old session may be with the other instance, which does not learn of a login here.
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
                hint="An attacker may have planted that id, or seen it. What should a login do "
                "to it?",
            )
        if visit.sent_ttl_after_s is not None:
            raise unmet(
                "There is a new id, and the old session can still be used.",
                evidence,
                hint="What should become of the old session?",
            )
        return met(
            f"The login changed the id from {visit.sid_sent[:6]}… to {visit.sid_after[:6]}…, "
            "and the store has forgotten the old one.",
            evidence,
        )
    raise unmet(
        "No visitor who already had a session has logged in.",
        hint="Put something into the cart before you log in: that gives a visitor an id.",
    )


@check("The cookie holds a long random id, out of reach for scripts, and nothing else")
def cookie(sandbox: Sandbox) -> Verdict:
    logged_in = [visit for visit in sandbox.part(Site).visits if visit.is_login]
    given = require_seen(
        [(v, line) for v in logged_in for line in v.cookies if line.startswith("sid=")],
        "No cookie has been given out at a login yet.",
        hint="Log in, and read the response.",
    )
    visit, line = given[-1]
    value, *attributes = [part.strip() for part in line.removeprefix("sid=").split(";")]
    names = {part.partition("=")[0].lower() for part in attributes}
    missing = [name for name in REQUIRED if name.lower() not in names]
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
            hint="What can an attacker who knows the user’s name say about the id?",
        )
    if len(ids) > len(set(ids)):
        raise unmet("Two logins were given the same id.", evidence, hint="How is the id made?")
    return met(
        f"{len(value)} random characters, {', '.join(attributes)}: nothing of the user is in "
        "the cookie.",
        evidence,
    )
