"""Sessions: a shop that either of two instances can serve.

Who stays logged in when an instance dies, when a cache restarts, or when a limit ends.
"""

from __future__ import annotations

from labs.catalogue.sessions import checks, cookie_checks, guide, mutants, trials
from labs.lab import Choice, Number
from labs.sandbox.sandbox import Sandbox
from labs.setups.website import bench
from labs.setups.website.bench import guests_logged_in, in_words, logged_in, restart_instance, site
from labs.setups.website.browsers import FIRST, node_of

TEN = 10

lab = bench.lab(
    "sessions",
    title="Sessions",
    view="Mia’s browser",
    question="Who is still logged in?",
    about="A shop on two instances behind a load balancer. Log in on one, and the other one serves "
    "you. Kill an instance, restart a cache, or wait until a limit ends.",
    minutes=25,
    controls=(
        Choice(
            "store",
            "Sessions are kept in",
            (
                ("redis", "Redis"),
                ("memcached", "Memcached"),
                ("memory", "each instance’s memory"),
                ("sticky", "memory, with sticky sessions"),
            ),
            "redis",
            help="Sessions stay in the store that they were made in: log in again after a change.",
        ),
        Number(
            "idle_s",
            "Idle limit",
            1,
            1_800,
            1,
            300,
            unit="s",
            scale="log",
            help="OWASP: 2 to 5 minutes where much is at stake, 15 to 30 where little is.",
        ),
        Choice(
            "renewal",
            "The idle limit",
            (("sliding", "slides with use"), ("fixed", "is fixed")),
            "sliding",
        ),
        Number(
            "absolute_s",
            "Absolute limit",
            2,
            28_800,
            1,
            3_600,
            unit="s",
            scale="log",
            help="Counted from the login. Use does not extend it.",
        ),
        bench.BROWSERS,
        bench.RATE,
    ),
    strategies=mutants.strategies(),
    pick_strategy=lambda _settings: "session",
    checks=(
        cookie_checks.new_id_at_login,
        cookie_checks.cookie,
        checks.served_by_another,
        checks.survives_an_instance,
        checks.redis_remembers,
        checks.memory_stays_behind,
        checks.sticky_dies,
        checks.memcached_forgets,
        checks.sliding,
        checks.idle_limit,
        checks.absolute_limit,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.action(
    "Log in",
    gear="view",
    fields=(bench.BROWSER,),
    here="Any password is right.",
    aws="Amazon Cognito, or your own users.",
)
def log_in(sandbox: Sandbox, browser: str) -> str:
    return in_words(site(sandbox).log_in(browser))


@lab.action("Open a page", gear="view", fields=(bench.BROWSER,))
def page(sandbox: Sandbox, browser: str) -> str:
    return in_words(site(sandbox).page(browser))


@lab.action("Add to the cart", gear="view", fields=(bench.BROWSER, bench.ITEM))
def cart(sandbox: Sandbox, browser: str, item: str) -> str:
    return in_words(site(sandbox).add(item, browser))


@lab.action("Reload ten times", gear="view", fields=(bench.BROWSER,))
def reload(sandbox: Sandbox, browser: str) -> str:
    visits = [site(sandbox).page(browser) for _ in range(TEN)]
    found = sum(visit.logged_in for visit in visits)
    trials.note_reloads(sandbox, visits)
    by = ", ".join(
        f"{name} {sum(visit.instance == name for visit in visits)}"
        for name in sorted({visit.instance or "no instance" for visit in visits})
    )
    return f"Ten reloads: {found} logged in, {TEN - found} not. Answered by {by}."


@lab.action("Log out", gear="view", fields=(bench.BROWSER,))
def log_out(sandbox: Sandbox, browser: str) -> str:
    return in_words(site(sandbox).log_out(browser))


lab.action("Kill the instance that logged Mia in", gear="break", fault=True)(bench.kill_home)
lab.action("Bring the instance back", gear="break")(bench.bring_back)


@lab.action(
    "Restart Redis",
    gear="break",
    fault=True,
    here="it keeps an append-only file and replays it.",
    aws="ElastiCache for Redis OSS and Valkey rely on replicas; a node that is replaced "
    "comes back empty and copies its primary.",
)
def restart_redis(sandbox: Sandbox) -> str:
    return sandbox.server("redis", "restart")


@lab.action(
    "Restart Memcached",
    gear="break",
    fault=True,
    here="the process starts again, empty.",
    aws="the same: a reboot or a replaced node is empty.",
)
def restart_memcached(sandbox: Sandbox) -> str:
    return sandbox.server("memcached", "restart")


@lab.prediction(
    "Each instance keeps sessions in its own memory, and the load balancer takes turns. You "
    "log in and press reload ten times. How many of the ten find you logged in?",
    unit="reloads",
    unit_of_one="reload",
    why="Every second one reaches the instance that has your session. The other instance has no "
    "session with your id.",
)
def memory_reloads(sandbox: Sandbox) -> float:
    with (
        trials.limits_at_default(sandbox, store="memory"),
        guests_logged_in(sandbox, 1) as (guest,),
    ):
        return float(logged_in(sandbox, guest, TEN))


@lab.prediction(
    "Sticky sessions; ten browsers are logged in. Instance A is killed. How many of the "
    "ten are still logged in?",
    unit="browsers",
    unit_of_one="browser",
    slack=1.0,
    why="The load balancer had given them to the instances in turn, so half of them were on A. "
    "Their sessions were in its memory.",
)
def sticky_kill(sandbox: Sandbox) -> float:
    with (
        trials.limits_at_default(sandbox, store="sticky"),
        guests_logged_in(sandbox, TEN) as guests,
    ):
        sandbox.server("instance-a", "kill")
        try:
            return trials.count_logged_in(sandbox, guests)
        finally:
            restart_instance(sandbox, "instance-a")


@lab.prediction(
    "Sessions are in Redis, which keeps an append-only file (AOF). Ten browsers are logged "
    "in, and Redis is restarted. How many are still logged in?",
    unit="browsers",
    unit_of_one="browser",
    why="All of them: the file has every write, with the moment at which each session ends, "
    "and Redis replays it when it starts.",
)
def redis_restart(sandbox: Sandbox) -> float:
    with trials.limits_at_default(sandbox, store="redis"), guests_logged_in(sandbox, TEN) as guests:
        sandbox.server("redis", "restart")
        return trials.count_logged_in(sandbox, guests)


@lab.prediction(
    "Idle limit 2 s, sliding. You open a page 1, 2 and 3 s after the login, and then "
    "nothing. How many seconds after the login does Redis delete your session?",
    unit="s",
    decimals=1,
    slack=0.5,
    why="Each page sets the TTL to 2 s again: the last one at 3 s, and the TTL ends 2 s later.",
)
def session_life(sandbox: Sandbox) -> float:
    with trials.limits_at_default(sandbox, store="redis", idle_s=2):
        return trials.life_of_a_session(sandbox)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    shop, note = site(sandbox), sandbox.measurements
    # Redis: a visitor with a cart logs in, is served by the other instance, survives an instance
    # and a restart.
    shop.add("teapot")
    login = shop.log_in()
    note["id_characters"] = len(login.sid_after)
    note["logged_in_of_ten_redis"] = logged_in(sandbox, FIRST, TEN)
    trials.time_pages(sandbox)
    sandbox.server(node_of(login.instance), "kill")
    note["logged_in_of_ten_instance_killed"] = logged_in(sandbox, FIRST, TEN)
    restart_instance(sandbox, node_of(login.instance))
    sandbox.server("redis", "restart")
    note["logged_in_after_redis_restart"] = int(shop.page().logged_in)

    # The instances' memory, then sticky sessions.
    for store in ("memory", "sticky"):
        sandbox.set("store", store)
        login = shop.log_in()
        note[f"logged_in_of_ten_{store}"] = logged_in(sandbox, FIRST, TEN)
    sandbox.server(node_of(login.instance), "kill")
    note["logged_in_sticky_instance_killed"] = int(shop.page().logged_in)
    restart_instance(sandbox, node_of(login.instance))
    sandbox.set("store", "memcached")
    shop.log_in()
    sandbox.server("memcached", "restart")
    note["logged_in_after_memcached_restart"] = int(shop.page().logged_in)
    sandbox.set("store", "redis")
    trials.reach_both_limits(sandbox)
