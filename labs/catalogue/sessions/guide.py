"""The steps through the lab sessions."""

from labs.catalogue.sessions import checks, cookie_checks
from labs.lab import Step, Verdict, check, met, unmet
from labs.lab.guide import WATCH, choose, predict, press
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.bench import site
from labs.setups.website.browsers import FIRST

MIA = {"browser": FIRST}


@check("Mia’s session is no longer in the store")
def forgotten(sandbox: Sandbox) -> Verdict:
    login = site(sandbox).browser(FIRST).login
    for row in sandbox.found.get("sessions", []):
        if login is not None and row["key"] == f"session:{login.sid_after}" and not row["value"]:
            return met("Her browser has an id that the store no longer has.", {"key": row["key"]})
    raise unmet("The store still has Mia’s session.")


GUIDE = (
    Step(
        "Put a teapot into Mia’s cart.",
        press("cart", item="teapot", **MIA),
        "The shop made a session for the visitor, and gave the browser its id in a cookie.",
    ),
    Step(
        "Log Mia in.",
        press("log-in", **MIA),
        "The login made a new id, and the old id is no longer in the store.",
        until=cookie_checks.new_id_at_login,
    ),
    Step(
        "Look at the cookie that the shop set.",
        WATCH,
        "The cookie holds a random id and nothing else; Mia’s name is in the store.",
        until=cookie_checks.cookie,
    ),
    Step(
        "Open a page in Mia’s browser.",
        press("page", **MIA),
        "The other instance asked Redis for the session, and found Mia logged in.",
        until=checks.served_by_another,
        how="Press it until the other instance answers.",
    ),
    Step(
        "Kill the instance that logged Mia in.",
        press("kill-home"),
        "The instance is dead, but the session is in Redis.",
    ),
    Step(
        "Open another page in Mia’s browser.",
        press("page", **MIA),
        "The instance that is left found the session in Redis.",
        until=checks.survives_an_instance,
    ),
    Step(
        "Bring the instance back.",
        press("bring-back"),
        "Both instances answer again.",
    ),
    Step(
        "Guess who is logged in after Redis restarts.",
        predict("redis-restart"),
        "Redis replayed its append-only file, so it had every session again.",
        until=checks.redis_remembers,
    ),
    Step(
        "Keep sessions in each instance’s memory.",
        choose("store", "memory"),
        "Each instance now keeps the sessions that it makes, and asks no store.",
    ),
    Step(
        "Log Mia in again.",
        press("log-in", **MIA),
        "Only the instance that answered has this session.",
    ),
    Step(
        "Reload ten times in Mia’s browser.",
        press("reload", **MIA),
        "Every second page came from the instance that does not have the session.",
        until=checks.memory_stays_behind,
    ),
    Step(
        "Keep sessions in memory, with sticky sessions.",
        choose("store", "sticky"),
        "The load balancer now sends a browser back to the instance that answered it first.",
    ),
    Step(
        "Log Mia in once more.",
        press("log-in", **MIA),
        "The load balancer gave her browser a cookie of its own, with the name of the instance.",
    ),
    Step(
        "Reload ten times again.",
        press("reload", **MIA),
        "The same instance answered every page, and recognised Mia.",
    ),
    Step(
        "Kill the instance that logged Mia in, again.",
        press("kill-home"),
        "The instance is dead, and its memory with it.",
    ),
    Step(
        "Open a page in Mia’s browser now.",
        press("page", **MIA),
        "Another instance answered, and Mia was logged out: her session died with its instance.",
        until=checks.sticky_dies,
    ),
    Step(
        "Keep sessions in Memcached.",
        choose("store", "memcached"),
        "Every instance asks Memcached from now on.",
    ),
    Step(
        "Log Mia in with Memcached.",
        press("log-in", **MIA),
        "Memcached has her session, in memory only.",
    ),
    Step(
        "Restart Memcached.",
        press("restart-memcached"),
        "Memcached started empty.",
    ),
    Step(
        "Open a page in Mia’s browser again.",
        press("page", **MIA),
        "Mia was logged out: Memcached keeps nothing through a restart.",
        until=checks.memcached_forgets,
    ),
    Step(
        "Keep sessions in Redis again.",
        choose("store", "redis"),
        "Redis deletes a session when the TTL of its key ends.",
    ),
    Step(
        "Set the idle limit to 10 seconds.",
        choose("idle_s", 10),
        "The next session is stored with a TTL of 10 s.",
    ),
    Step(
        "Log Mia in with the short limit.",
        press("log-in", **MIA),
        "Redis deletes her session 10 s after the last page.",
    ),
    Step(
        "Keep opening pages for more than 10 seconds.",
        press("page", **MIA),
        "Each page set the TTL to 10 s again, so she is still logged in.",
        until=checks.sliding,
        how="Press it until 10 s are over. If Mia is logged out, log her in again.",
    ),
    Step(
        "Wait 10 seconds, and open no page.",
        WATCH,
        "The TTL ended, and Redis deleted the session.",
        until=forgotten,
    ),
    Step(
        "Open a page after that.",
        press("page", **MIA),
        "The instance asked Redis, and Redis had no such session.",
        until=checks.idle_limit,
    ),
    Step(
        "Set the absolute limit to 20 seconds.",
        choose("absolute_s", 20),
        "A session now ends 20 s after the login, even if it is used.",
    ),
    Step(
        "Log Mia in a last time.",
        press("log-in", **MIA),
        "The session stores the time of its login.",
    ),
    Step(
        "Keep opening pages until Mia is logged out.",
        press("page", **MIA),
        "She was logged out 20 s after the login, though she had just used her session.",
        until=checks.absolute_limit,
        how="Press it until the check is met. After 10 s without a page, log her in again.",
    ),
)
