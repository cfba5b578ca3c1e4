"""What must be seen in the lab sessions: who is still logged in, and until when.

Each check judges responses of real browsers, with what the store itself has before and after.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Unmet, Verdict, check, met, require_seen, unmet
from labs.sandbox.blocks import ttl_command
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.browsers import Visit, node_of
from labs.setups.website.sessions import IN_MEMORY, KEY
from labs.setups.website.uses import logins, shown, uses


def _label(sandbox: Sandbox, store: str) -> str:
    return sandbox.lab.topology.node(store).label


@check("Logged in on one instance, the browser is recognised by the other")
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
        if visit.logged_in and visit.ttl_before_s is not None:
            return met(
                f"{login.user} logged in at {login.instance}. {visit.instance} answered the next "
                f"request and found the session in {_label(sandbox, login.store)}.",
                evidence,
            )
        failed = visit
    visit = require_seen(
        failed,
        "No browser has yet logged in at one instance and opened a page at the other.",
        hint="Set “Sessions are kept in” to “Redis”. In “Mia’s browser” press “Log in”, then "
        "“Reload ten times”.",
    )
    raise unmet(
        f"{visit.instance} answered a browser that had logged in at the other instance, and found "
        "no session.",
        {"page_by": visit.instance, "ttl_s_in_the_store": shown(visit.ttl_before_s)},
        hint="Set “Sessions are kept in” to “Redis” or “Memcached”. In “Mia’s browser” press “Log "
        "in”, then “Reload ten times”.",
    )


@check("With the instance of the login killed, the browser is still logged in")
def survives_an_instance(sandbox: Sandbox) -> Verdict:
    failed: Visit | None = None
    for use in uses(sandbox, "redis", "memcached"):
        login, visit, home = use.login, use.visit, node_of(use.login.instance)
        if visit.pids.get(home, 1) != 0 or not use.in_time:
            continue
        if visit.logged_in:
            evidence: dict[str, Value] = {
                "login_by": login.instance,
                "pid_before": login.pids[home],
                "pid_now": 0,
                "answered_by": visit.instance,
                "ttl_s_in_the_store": shown(visit.ttl_before_s),
            }
            return met(
                f"{login.user} logged in at {login.instance}, which is dead now. {visit.instance} "
                f"found the session in {_label(sandbox, login.store)}.",
                evidence,
            )
        failed = visit
    visit = require_seen(
        failed,
        "No instance has died yet after a login with a shared store.",
        hint="Set “Sessions are kept in” to “Redis” and press “Log in” in “Mia’s browser”. In the "
        "tab Break press “Kill the instance that logged Mia in”; then press “Open a page” in her "
        "browser.",
    )
    raise unmet(
        f"The instance of the login is dead, and {visit.instance} found no session.",
        {"answered_by": visit.instance},
        hint="The session was only in the dead instance. Set “Sessions are kept in” to “Redis” and "
        "press “Log in” in “Mia’s browser” again.",
    )


@check("A session in an instance’s memory is found by that instance only")
def memory_stays_behind(sandbox: Sandbox) -> Verdict:
    for login, later in reversed(list(logins(sandbox, "memory"))):
        alive = [v for v in later if _home_lives(login, v) and v.began - login.ended < login.idle_s]
        own = [v.logged_in for v in alive if v.instance == login.instance]
        others = [v for v in alive if v.instance != login.instance]
        other = [v.logged_in for v in others]
        if not own or not other or not all(own) or any(other):
            continue
        evidence: dict[str, Value] = {
            "login_by": login.instance,
            "pages_by_it": len(own),
            "logged_in_there": sum(own),
            "pages_by_the_other": len(other),
            "logged_in_at_the_other": sum(other),
        }
        return met(
            f"{login.instance} found the session at each of {len(own)} pages, "
            f"{others[0].instance} at none of {len(other)}.",
            evidence,
        )
    raise unmet(
        "No browser has opened pages at both instances while each keeps sessions in its memory.",
        hint="Set “Sessions are kept in” to “each instance’s memory”. In “Mia’s browser” press "
        "“Log in”, then “Reload ten times”. Both instances must be up.",
    )


def _home_lives(login: Visit, visit: Visit) -> bool:
    """True if the instance of the login is still the same process."""
    home = node_of(login.instance)
    return visit.pids.get(home) == login.pids.get(home)


@check("Sticky sessions keep the browser logged in until its instance dies")
def sticky_dies(sandbox: Sandbox) -> Verdict:
    seen_at_work = False
    for login, later in logins(sandbox, "sticky"):
        alive = [v for v in later if _home_lives(login, v)]
        dead = [v for v in later if v.pids.get(node_of(login.instance)) == 0]
        seen_at_work = seen_at_work or len(alive) >= 2
        by_it = [v.instance == login.instance for v in alive]
        found, found_after = [v.logged_in for v in alive], [v.logged_in for v in dead]
        if len(alive) < 2 or not all(by_it + found) or not dead or any(found_after):
            continue
        evidence: dict[str, Value] = {
            "login_by": login.instance,
            "pages_while_it_lived": len(alive),
            "by_it": sum(by_it),
            "logged_in": sum(found),
            "pages_after_its_death": len(dead),
            "logged_in_after": sum(found_after),
        }
        return met(
            f"{login.instance} answered all {len(alive)} pages for {login.user}. When it was dead, "
            f"{dead[0].instance} found no session.",
            evidence,
        )
    require_seen(
        seen_at_work,
        "No browser has opened two pages with sticky sessions yet.",
        hint="Set “Sessions are kept in” to “memory, with sticky sessions”. In “Mia’s browser” "
        "press “Log in”, then “Open a page” twice.",
    )
    raise unmet(
        "The load balancer sends the browser back to its instance, which has not died yet.",
        hint="In the tab Break press “Kill the instance that logged Mia in”, then “Open a page” in "
        "“Mia’s browser”.",
    )


@check("Redis with an append-only file restarted: logged in")
def redis_remembers(sandbox: Sandbox) -> Verdict:
    return _after_a_restart(sandbox, "redis", remembers=True)


@check("Memcached restarted: logged out")
def memcached_forgets(sandbox: Sandbox) -> Verdict:
    return _after_a_restart(sandbox, "memcached", remembers=False)


def _after_a_restart(sandbox: Sandbox, store: str, *, remembers: bool) -> Verdict:
    label = _label(sandbox, store)
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
            "logged_in": visit.logged_in,
        }
        if visit.logged_in == remembers == (visit.ttl_before_s is not None):
            words = (
                f"still found the session of {visit.user} there"
                if remembers
                else "found no session there any more"
            )
            return met(f"{label} restarted, and {visit.instance} {words}.", evidence)
        if not before.logged_in:
            continue
        raise unmet(
            f"{label} restarted, and {visit.instance} found {'the' if visit.logged_in else 'no'} "
            "session.",
            evidence,
            hint=f"Look under “How this was counted”: a TTL in the store means that {label} has "
            "the session.",
        )
    raise unmet(
        f"{label} has not restarted between a login and the next page yet.",
        hint=f"Set “Sessions are kept in” to “{label}” and press “Log in” in “Mia’s browser”. In "
        f"the tab Break press “Restart {label}”; then press “Open a page” in her browser before "
        "the idle limit is over.",
    )


def _how_to_ask(sandbox: Sandbox, visit: Visit) -> str:
    """What to do to see how long the store still keeps the session of a visit."""
    if visit.store in IN_MEMORY:
        return (
            "The instance must delete the session from its memory. Compare the two limits under "
            "“How this was counted”."
        )
    ask = ttl_command(visit.store, f"{KEY}{visit.sid_sent}")
    return (
        f"Choose “{_label(sandbox, visit.store)}” under “Console” and type “{ask}”: the store "
        "answers the seconds that are left."
    )


@check("The idle limit over: logged out, and the session is no longer in the store")
def idle_limit(sandbox: Sandbox) -> Verdict:
    ended: Verdict | None = None
    for use in uses(sandbox):
        login, before, visit = use.login, use.before, use.visit
        if not use.same_store or (before is not login and not before.logged_in):
            continue
        since = use.gap_s if login.renewal == "sliding" else use.age_s
        evidence: dict[str, Value] = {
            "idle_limit_s": login.idle_s,
            "silent_for_s": round(since, 2),
            "store": login.store,
            "ttl_s_in_the_store": shown(visit.ttl_before_s),
        }
        if visit.logged_in and since > login.idle_s + use.grain_s:
            raise unmet(
                f"{visit.instance} still found the session {since:.1f} s after the last request, "
                f"although the idle limit is {login.idle_s:g} s.",
                evidence,
                hint=_how_to_ask(sandbox, visit),
            )
        if not visit.logged_in and since >= login.idle_s and visit.ttl_before_s is None:
            ended = met(
                f"The store deleted the session of {login.user} after {since:.1f} s without a "
                f"request, and {visit.instance} asked for a login.",
                evidence,
            )
    return require_seen(
        ended,
        "No browser has waited for longer than the idle limit yet.",
        hint="Set “Idle limit” to 3 s and press “Log in” in “Mia’s browser”. Wait for five "
        "seconds, then press “Open a page” there.",
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
            or not use.before.logged_in
        ):
            continue
        before_s, after_s = visit.ttl_before_s, visit.ttl_after_s
        evidence: dict[str, Value] = {
            "idle_limit_s": login.idle_s,
            "logged_in_for_s": round(use.age_s, 2),
            "ttl_s_before": shown(before_s),
            "ttl_s_after": shown(after_s),
        }
        if visit.logged_in and before_s is not None and after_s is not None and after_s > before_s:
            return met(
                f"{login.user} was still logged in {use.age_s:.1f} s after the login, with an idle "
                f"limit of {login.idle_s:g} s. Each page extended it.",
                evidence,
            )
        if not visit.logged_in and use.age_s < login.absolute_s:
            failed = unmet(
                f"The session ended, although the last page was only {use.gap_s:.1f} s before.",
                evidence,
                hint="Compare the TTL before and after the page under “How this was counted”: the "
                "app must extend it at each page.",
            )
    raise failed or unmet(
        "No session has lasted for longer than its idle limit yet.",
        hint="Set “Idle limit” to 5 s and “The idle limit” to “slides with use”. In “Mia’s "
        "browser” press “Log in”, then “Open a page” every two seconds, for ten seconds.",
    )


@check("Use does not extend a session beyond its absolute limit")
def absolute_limit(sandbox: Sandbox) -> Verdict:
    ended: Verdict | None = None
    for use in uses(sandbox):
        login, visit = use.login, use.visit
        if not use.same_store or not use.before.logged_in:
            continue
        evidence: dict[str, Value] = {
            "absolute_limit_s": login.absolute_s,
            "age_s": round(use.age_s, 2),
            "last_use_s_ago": round(use.gap_s, 2),
            "idle_limit_s": login.idle_s,
            "ttl_s_in_the_store": shown(visit.ttl_before_s),
        }
        if visit.logged_in and use.age_s > login.absolute_s + use.grain_s:
            raise unmet(
                f"{visit.user} is still logged in {use.age_s:.1f} s after the login, although the "
                f"absolute limit is {login.absolute_s:g} s.",
                evidence,
                hint="The TTL in the store is only the idle limit. The app must also store when "
                "the user logged in, and compare.",
            )
        if (
            not visit.logged_in
            and use.age_s >= login.absolute_s - 0.05
            and use.gap_s < login.idle_s * 0.95
        ):
            ended = met(
                f"The app ended the session {use.age_s:.1f} s after the login, although the last "
                f"page was only {use.gap_s:.1f} s before.",
                evidence,
            )
    return require_seen(
        ended,
        "No session in use has come to its absolute limit yet.",
        hint="Set “Idle limit” to 5 s and “Absolute limit” to 10 s. In “Mia’s browser” press “Log "
        "in”, then “Open a page” every two seconds, until the page asks for a login.",
    )
