"""What must be seen in the lab sessions: who is still signed in, and until when.

Each check judges responses of real browsers, with what the store itself said before and after.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Unmet, Verdict, check, met, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.browsers import Visit, node_of
from labs.setups.website.uses import logins, shown, uses


@check("Logged in on one instance, the browser is known to the other")
def served_by_another(sandbox: Sandbox) -> Verdict:
    """After a login on one instance the other one knows the browser, for the store has the
    session.
    """
    failed: Visit | None = None
    for use in uses(sandbox, "redis", "memcached"):
        login, visit = use.login, use.visit
        if visit.instance == login.instance or not use.same_store or use.gap_s > login.idle_s:
            continue
        evidence: dict[str, Value] = {
            "login_by": login.instance,
            "page_by": visit.instance,
            "store": login.store,
            "ttl_s_in_the_store": shown(visit.ttl_before_s),
            "commands_to_the_store": len([t for t in visit.trips if t.server == login.store]),
        }
        if visit.signed_in and visit.ttl_before_s is not None:
            return met(
                f"{login.instance} signed {login.user} in, {visit.instance} answered the "
                f"next request and knew {visit.user}.",
                evidence,
            )
        failed = visit
    if failed is not None:
        raise unmet(
            f"{failed.instance} answered a browser that had logged in elsewhere, and did not "
            "know it.",
            {"page_by": failed.instance, "ttl_s_in_the_store": shown(failed.ttl_before_s)},
            hint="Where did the instance look? Is the session where its store is supposed to be?",
        )
    raise unmet(
        "Nobody has logged in with a shared store and then been served by the other instance.",
        hint="Choose a store that both instances can ask, log in, and open a page.",
    )


@check("With the instance of the login killed, the browser is still signed in")
def survives_an_instance(sandbox: Sandbox) -> Verdict:
    """The instance that signed the user in is dead, and the user is still signed in."""
    failed: Visit | None = None
    for use in uses(sandbox, "redis", "memcached"):
        login, visit, home = use.login, use.visit, node_of(use.login.instance)
        if visit.pids.get(home, 1) != 0 or not use.same_store or use.gap_s > login.idle_s:
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


@check("In an instance’s memory, a session is known to that instance only")
def memory_stays_behind(sandbox: Sandbox) -> Verdict:
    """In an instance's memory a session is known to that instance and to no other."""
    for login, later in reversed(list(logins(sandbox, "memory"))):
        home = node_of(login.instance)
        alive = [
            v
            for v in later
            if v.pids.get(home) == login.pids.get(home) and v.began - login.ended < login.idle_s
        ]
        own = [v for v in alive if v.instance == login.instance]
        other = [v for v in alive if v.instance != login.instance]
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


@check("Sticky routing keeps the browser signed in until its instance dies")
def sticky_dies(sandbox: Sandbox) -> Verdict:
    """Sticky routing keeps a browser signed in for as long as its instance lives."""
    seen_at_work = False
    for login, later in logins(sandbox, "sticky"):
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
                f"{login.instance} answered all {len(alive)} pages and knew {login.user}; when "
                f"it was dead, {dead[0].instance} did not.",
                evidence,
            )
        seen_at_work = seen_at_work or len(alive) >= 2
    if seen_at_work:
        raise unmet(
            "The balancer brings the browser back to its instance. That instance has not died yet.",
            hint="What happens to the browser when its instance is gone?",
        )
    raise unmet(
        "Sticky routing has not been seen at work yet.",
        hint="Choose sticky routing, log in, open two pages; then kill the instance that answered.",
    )


@check("Redis with an append-only file restarted: signed in")
def redis_remembers(sandbox: Sandbox) -> Verdict:
    """Redis with an append-only file restarted: everybody is signed in."""
    return _after_a_restart(sandbox, "redis", remembers=True)


@check("Memcached restarted: signed out")
def memcached_forgets(sandbox: Sandbox) -> Verdict:
    """Memcached restarted: everybody is signed out."""
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
    """When nothing was asked for as long as the idle limit, the session is over, and the store has
    forgotten it.
    """
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
    if ended is not None:
        return ended
    raise unmet(
        "Nobody has waited out the idle limit yet.",
        hint="Make the idle limit short, log in, wait longer than it, and open a page. Looking "
        "does not extend it, a page does.",
    )


@check("A sliding limit is extended by use")
def sliding(sandbox: Sandbox) -> Verdict:
    """With sliding renewal each use extends the session beyond the idle limit."""
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
        evidence: dict[str, Value] = {
            "idle_limit_s": login.idle_s,
            "signed_in_for_s": round(use.age_s, 2),
            "ttl_s_before": shown(visit.ttl_before_s),
            "ttl_s_after": shown(visit.ttl_after_s),
        }
        if (
            visit.signed_in
            and visit.ttl_before_s is not None
            and visit.ttl_after_s is not None
            and visit.ttl_after_s > visit.ttl_before_s
        ):
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
    """Use does not extend a session beyond its absolute limit."""
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
    if ended is not None:
        return ended
    raise unmet(
        "No session in use has come to its absolute limit yet.",
        hint="Make the absolute limit short, longer than the idle one, and keep opening pages.",
    )
