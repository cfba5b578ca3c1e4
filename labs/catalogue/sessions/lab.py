"""Sessions: a shop that anybody can be served by.

Who stays logged in when an instance dies, a cache restarts or time runs out, and who does not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from labs.caching import sessions
from labs.catalogue.sessions.checks import CHECKS
from labs.catalogue.sessions.wrong import WRONG
from labs.engines import Balancer
from labs.errors import NotNow, ServerDown
from labs.events import Value
from labs.lab import (
    Action,
    Chart,
    Choice,
    Column,
    Lab,
    Link,
    Node,
    Number,
    Prediction,
    Steppable,
    Strategy,
    Table,
    Topology,
    tolerances,
)
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.browsers import FIRST, SECOND, Visit, letter, node_of
from labs.setups.website.site import Site

TOLERANCES = tolerances.of(Path(__file__).parent)
TEN = 10

TOPOLOGY = Topology(
    nodes=(
        Node("browser", "Browser", "app"),
        Node("balancer", "Balancer", "balancer", about="in turn, to whoever answers"),
        Node("instance-a", "Instance A", "instance"),
        Node("instance-b", "Instance B", "instance"),
        Node(
            "redis",
            "Redis",
            "redis",
            about="append-only file on",
            options={"appendonly": True, "maxmemory_policy": "noeviction"},
        ),
        Node("memcached", "Memcached", "memcached"),
    ),
    links=(
        Link("site", "browser", "balancer"),
        Link("balancer-a", "balancer", "instance-a"),
        Link("balancer-b", "balancer", "instance-b"),
        Link("a-redis", "instance-a", "redis"),
        Link("a-memcached", "instance-a", "memcached"),
        Link("b-redis", "instance-b", "redis"),
        Link("b-memcached", "instance-b", "memcached"),
    ),
)
WHICH = Choice("browser", "Browser", ((FIRST, "the first"), (SECOND, "the second")), FIRST)
GOODS = Choice(
    "item", "Item", tuple((item, item) for item in ("teapot", "lamp", "notebook")), "teapot"
)


def site_of(sandbox: Sandbox) -> Site:
    """The site of this sandbox."""
    return sandbox.part(Site)


def log_in(sandbox: Sandbox, browser: str) -> str:
    """Log in with a browser."""
    return _in_words(site_of(sandbox).log_in(browser))


def open_page(sandbox: Sandbox, browser: str) -> str:
    """Open a page."""
    return _in_words(site_of(sandbox).page(browser))


def add_to_cart(sandbox: Sandbox, browser: str, item: str) -> str:
    """Put something into the cart."""
    return _in_words(site_of(sandbox).add(item, browser))


def log_out(sandbox: Sandbox, browser: str) -> str:
    """Log out."""
    return _in_words(site_of(sandbox).log_out(browser))


def reload_ten(sandbox: Sandbox, browser: str) -> str:
    """Press reload ten times."""
    visits = [site_of(sandbox).page(browser) for _ in range(TEN)]
    known = sum(visit.signed_in for visit in visits)
    by = ", ".join(
        f"{name} {sum(visit.instance == name for visit in visits)}"
        for name in sorted({visit.instance or "nobody" for visit in visits})
    )
    return f"Ten reloads: {known} signed in, {TEN - known} not. Answered by {by}."


def restart_redis(sandbox: Sandbox) -> str:
    """Restart Redis."""
    return sandbox.server("redis", "restart")


def restart_memcached(sandbox: Sandbox) -> str:
    """Restart Memcached."""
    return sandbox.server("memcached", "restart")


def measure_memory_reloads(sandbox: Sandbox) -> float:
    """Of ten reloads after a login, how many are signed in while sessions are in each instance's
    memory.
    """
    with _settings(sandbox, store="memory"), site_of(sandbox).guests(1) as (guest,):
        site_of(sandbox).log_in(guest, quiet=True)
        return float(sum(_pages(sandbox, guest, TEN)))


def measure_sticky_kill(sandbox: Sandbox) -> float:
    """Of ten browsers signed in under sticky routing, how many still are when one instance was
    killed.
    """
    with _settings(sandbox, store="sticky"), _guests_signed_in(sandbox) as guests:
        sandbox.server("instance-a", "kill")
        try:
            return float(
                sum(site_of(sandbox).page(guest, quiet=True).signed_in for guest in guests)
            )
        finally:
            _bring_back(sandbox, "instance-a")


def measure_redis_restart(sandbox: Sandbox) -> float:
    """Of ten browsers signed in through Redis, how many still are when it was restarted."""
    with _settings(sandbox, store="redis"), _guests_signed_in(sandbox) as guests:
        sandbox.server("redis", "restart")
        return float(sum(site_of(sandbox).page(guest, quiet=True).signed_in for guest in guests))


def measure_session_life(sandbox: Sandbox) -> float:
    """Idle limit 2 s, sliding; pages 1, 2 and 3 s after the login, then none: seconds from the
    login until Redis has forgotten the session.
    """
    with (
        _settings(sandbox, store="redis", idle_s=2, renewal="sliding"),
        site_of(sandbox).guests(1) as (guest,),
    ):
        site = site_of(sandbox)
        login = site.log_in(guest, quiet=True)
        for second in (1, 2, 3):
            time.sleep(max(0.0, login.ended + second - time.monotonic()))
            site.page(guest, quiet=True)
        sandbox.wait_until(lambda: site.sessions.kept(login.sid_after) is None, deadline_s=8.0)
        return time.monotonic() - login.ended


def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    site, note = site_of(sandbox), sandbox.measurements

    # Redis: a visitor with a cart logs in, is served by the other instance, survives an instance
    # and a restart.
    site.add("teapot")
    login = site.log_in()
    note["id_characters"] = len(login.sid_after)
    note["signed_in_of_ten_redis"] = sum(_pages(sandbox, FIRST, TEN))
    _time_pages(sandbox)
    sandbox.server(node_of(login.instance), "kill")
    note["signed_in_of_ten_instance_killed"] = sum(_pages(sandbox, FIRST, TEN))
    _bring_back(sandbox, node_of(login.instance))
    sandbox.server("redis", "restart")
    note["signed_in_after_redis_restart"] = int(site.page().signed_in)

    # The instances' memory, then sticky routing to it.
    sandbox.set("store", "memory")
    site.log_in()
    note["signed_in_of_ten_memory"] = sum(_pages(sandbox, FIRST, TEN))
    sandbox.set("store", "sticky")
    login = site.log_in()
    note["signed_in_of_ten_sticky"] = sum(_pages(sandbox, FIRST, TEN))
    sandbox.server(node_of(login.instance), "kill")
    note["signed_in_sticky_instance_killed"] = int(site.page().signed_in)
    _bring_back(sandbox, node_of(login.instance))

    sandbox.set("store", "memcached")
    site.log_in()
    sandbox.server("memcached", "restart")
    note["signed_in_after_memcached_restart"] = int(site.page().signed_in)

    # Short limits: used until the absolute one, then left alone until the idle one.
    sandbox.set("store", "redis")
    sandbox.set("idle_s", 1)
    sandbox.set("absolute_s", 2)
    note["idle_limit_s"], note["absolute_limit_s"] = 1, 2
    login = page = site.log_in()
    while time.monotonic() - login.ended < 3.0:
        time.sleep(0.35)
        page = site.page(quiet=True)
        if not page.signed_in:
            break
        note["sliding_signed_in_for_s"] = round(page.began - login.ended, 2)
    note["signed_out_at_absolute_limit_s"] = round(page.began - login.ended, 2)
    login = site.log_in()
    time.sleep(1.2)
    note["silent_for_s"] = round(time.monotonic() - login.ended, 2)
    note["signed_in_after_idle_limit"] = int(site.page().signed_in)
    for name in ("idle_s", "absolute_s"):
        sandbox.set(name, sandbox.lab.find_control(name).default)


def _pages(sandbox: Sandbox, browser: str, count: int) -> Iterator[bool]:
    for _ in range(count):
        yield site_of(sandbox).page(browser, quiet=True).signed_in


def _time_pages(sandbox: Sandbox) -> None:
    visits = [site_of(sandbox).page(quiet=True) for _ in range(30)]
    sandbox.measurements["page_p50_ms"] = round(median(visit.took_ms for visit in visits), 2)
    sandbox.measurements["store_p50_ms"] = round(
        median(sum(trip.took_ms for trip in visit.trips) for visit in visits), 2
    )


def _bring_back(sandbox: Sandbox, instance: str) -> None:
    """Restart an instance, and wait until the balancer has found that it answers."""
    sandbox.server(instance, "restart")

    def takes_part() -> bool:
        engine = sandbox.servers["balancer"].engine
        try:
            return isinstance(engine, Balancer) and letter(instance) in engine.instances_up()
        except ServerDown:
            return False

    sandbox.wait_until(takes_part, deadline_s=5.0)


@contextmanager
def _settings(sandbox: Sandbox, **wanted: Value) -> Iterator[None]:
    """Other settings for an experiment. NotNow if it could not be told what it measured."""
    if sandbox.load.running:
        raise NotNow(
            "The load is running, so single requests can’t be told apart.",
            hint="Stop the load, then measure.",
        )
    down = [name for name, server in sandbox.servers.items() if server.state != "up"]
    if down:
        raise NotNow(
            f"{sandbox.lab.topology.node(down[0]).label} is not up.",
            hint="Restart it, then measure.",
        )
    broken = [name for name, state in sandbox.link_states.items() if state != "open"]
    if broken:
        raise NotNow(
            f"The link {broken[0]} is {sandbox.link_states[broken[0]]}.",
            hint="Restore it, then measure.",
        )
    before = dict(sandbox.settings)
    experiment = {
        "idle_s": sandbox.lab.find_control("idle_s").default,
        "absolute_s": sandbox.lab.find_control("absolute_s").default,
        "renewal": "sliding",
        **wanted,
    }
    for name, value in experiment.items():
        sandbox.set(name, value)
    try:
        yield
    finally:
        for name in experiment:
            sandbox.set(name, before[name])


@contextmanager
def _guests_signed_in(sandbox: Sandbox) -> Iterator[list[str]]:
    with site_of(sandbox).guests(TEN) as names:
        for name in names:
            site_of(sandbox).log_in(name, quiet=True)
        yield names


def _in_words(visit: Visit) -> str:
    if not visit.answered:
        return f"{visit.status}: {visit.message}"
    return f"{visit.instance} answered: {visit.message}"


lab = Lab(
    id="sessions",
    title="Sessions",
    question="Who is still logged in?",
    about="A shop on two instances behind a balancer. Log in, be served by the other one; kill "
    "an instance, restart a cache, let the time run out.",
    minutes=25,
    topology=TOPOLOGY,
    parts=(Site,),
    controls=(
        Choice(
            "store",
            "Sessions are kept in",
            (
                ("redis", "Redis"),
                ("memcached", "Memcached"),
                ("memory", "each instance’s memory"),
                ("sticky", "memory, with sticky routing"),
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
            60,
            unit="s",
            scale="log",
            help="OWASP: 2 to 5 minutes where much is at stake, 15 to 30 where little is. Short "
            "here, so that you can wait for it.",
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
        Number(
            "browsers",
            "Browsers",
            2,
            200,
            2,
            40,
            gear="load",
            help="Each has a cookie jar of its own, logs in, and goes on. Who is signed out "
            "logs in again.",
        ),
        Number(
            "rate_per_s",
            "Requests wanted",
            10,
            500,
            10,
            80,
            unit="/s",
            scale="log",
            gear="load",
            help="An open loop: requests are due on a schedule, whether or not the last one is "
            "done.",
        ),
    ),
    strategies={"session": Strategy("session", "Sessions", sessions.page, sessions.log_in)},
    pick_strategy=lambda _settings: "session",
    requests=(
        Steppable("read", "Open a page", "The handler of a page"),
        Steppable("write", "Log in", "The handler of a login"),
    ),
    item="",
    actions=(
        Action(
            "log-in",
            "Log in",
            "view",
            log_in,
            (WHICH,),
            here="Any password is right.",
            aws="Amazon Cognito, or your own users.",
        ),
        Action("page", "Open a page", "view", open_page, (WHICH,)),
        Action("cart", "Add to the cart", "view", add_to_cart, (WHICH, GOODS)),
        Action("reload", "Reload ten times", "view", reload_ten, (WHICH,)),
        Action("log-out", "Log out", "view", log_out, (WHICH,)),
        Action(
            "restart-redis",
            "Restart Redis",
            "break",
            restart_redis,
            fault=True,
            here="it keeps an append-only file and replays it.",
            aws="ElastiCache for Redis OSS and Valkey rely on replicas; a node that is replaced "
            "comes back empty and copies its primary.",
        ),
        Action(
            "restart-memcached",
            "Restart Memcached",
            "break",
            restart_memcached,
            fault=True,
            here="the process starts anew, empty.",
            aws="the same: a reboot or a replaced node is empty.",
        ),
    ),
    checks=CHECKS,
    charts=(
        Chart("Signed in and signed out", ("signed_in_per_s", "signed_out_per_s", "errors_per_s")),
        Chart("A page, from the browser and back", ("page_p50_ms", "page_p99_ms"), "log"),
        Chart("Requests wanted and done", ("scheduled_per_s", "done_per_s")),
        Chart("Sessions kept", ("sessions",)),
    ),
    tiles=(
        "signed_in_per_s",
        "signed_out_per_s",
        "errors_per_s",
        "page_p50_ms",
        "sessions",
        "done_per_s",
    ),
    tables=(
        Table(
            "responses",
            "Responses, newest first",
            (
                Column("number", "Request"),
                Column("browser", "Browser"),
                Column("request", "What it asked"),
                Column("instance", "Answered by"),
                Column("status", "Status"),
                Column("known", "Known as"),
                Column("id", "Session id", help="The first eight characters of the cookie"),
                Column("took_ms", "Took", "ms", 1),
            ),
            empty="No request has been made yet: log in.",
        ),
        Table(
            "browsers",
            "What each browser shows",
            (
                Column("browser", "Browser"),
                Column("number", "Request"),
                Column("request", "What it asked"),
                Column("status", "Status"),
                Column("instance", "Answered by"),
                Column("user", "User"),
                Column("login_by", "Signed in by"),
                Column("says", "It says"),
                Column("cart", "Cart"),
                Column("cookie_sent", "Cookie sent"),
                Column("set_cookie", "Cookie set"),
                Column("headers", "Headers"),
                Column("body", "Body"),
                Column("took_ms", "Took", "ms", 1),
                Column("held", "Stepped"),
                Column("meaning", "Meaning"),
            ),
            shown=False,
        ),
        Table(
            "sessions",
            "Who is still logged in",
            (
                Column("browser", "Browser"),
                Column("user", "User"),
                Column("key", "Key"),
                Column("value", "Value"),
                Column("ttl_s", "Left", "s"),
                Column("where", "Kept in"),
                Column("a", "Instance A"),
                Column("b", "Instance B"),
            ),
            shown=False,
        ),
    ),
    predictions=(
        Prediction(
            "memory-reloads",
            "Each instance keeps sessions in its own memory, and the balancer takes turns. You "
            "log in and press reload ten times. How many of the ten are signed in?",
            measure_memory_reloads,
            unit="reloads",
            unit_of_one="reload",
            why="Every second one reaches the instance that knows you. The other has never "
            "heard of your id.",
        ),
        Prediction(
            "sticky-kill",
            "Sticky routing; ten browsers are signed in. Instance A is killed. How many of the "
            "ten are still signed in?",
            measure_sticky_kill,
            unit="browsers",
            unit_of_one="browser",
            slack=1.0,
            why="The balancer had dealt them out in turn, so half of them were on A. Their "
            "sessions died with its memory.",
        ),
        Prediction(
            "redis-restart",
            "Sessions are in Redis, which keeps an append-only file. Ten browsers are signed "
            "in, and Redis is restarted. How many are still signed in?",
            measure_redis_restart,
            unit="browsers",
            unit_of_one="browser",
            why="All: what was written is in the file, with the moment at which each session "
            "ends, and the start replays it.",
        ),
        Prediction(
            "session-life",
            "Idle limit 2 s, sliding. You open a page 1, 2 and 3 s after the login, and then "
            "nothing. How many seconds after the login has Redis forgotten your session?",
            measure_session_life,
            unit="s",
            decimals=1,
            tolerance=TOLERANCES.get("session-life", 0.0),
            slack=0.5,
            why="Each page sets the time to live to 2 s again: the last one at 3 s, and 2 s "
            "later it is over.",
        ),
    ),
    mutants=WRONG,
    run_reference=reference,
)
