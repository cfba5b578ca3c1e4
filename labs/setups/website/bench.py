"""What labs of a web site share: its topology, controls, charts and tables, and what they do with
its browsers and instances.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from labs.engines.web import Balancer
from labs.errors import NotNow, ServerDown
from labs.lab import Chart, Choice, Column, Lab, Link, Node, Number, Steppable, Table, Topology
from labs.sandbox.context import Context
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.browsers import FIRST, SECOND, Visit, letter, node_of
from labs.setups.website.site import Site

TOPOLOGY = Topology(
    nodes=(
        Node("browser", "Browser", "app"),
        Node("balancer", "Balancer", "balancer", about="in turn, to an instance that answers"),
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

STEPS = (
    Steppable("read", "Open a page", "The handler of a page"),
    Steppable("write", "Log in", "The handler of a login"),
)

BROWSER = Choice(
    "browser",
    "Browser",
    ((FIRST, "Mia’s"), (SECOND, "Ben’s")),
    FIRST,
    where="In {} browser",
)
ITEM = Choice(
    "item", "Item", tuple((item, item) for item in ("teapot", "lamp", "notebook")), "teapot"
)
_JARS = "Each has its own cookies. When it is logged out, it logs in again."
BROWSERS = Number("browsers", "Browsers", 2, 200, 2, 40, gear="load", help=_JARS)
_LOOP = "An open loop: requests are due on a schedule, whether or not the last one is done."
RATE = Number("rate_per_s", "Requests wanted", 10, 500, 10, 80, "/s", "log", "load", _LOOP)

CHARTS = (
    Chart("Logged in and logged out", ("logged_in_per_s", "logged_out_per_s", "errors_per_s")),
    Chart("A page, from the browser and back", ("page_p50_ms", "page_p99_ms"), "log"),
    Chart("Requests wanted and done", ("scheduled_per_s", "done_per_s")),
    Chart("Sessions kept", ("sessions",)),
)
TILES = (
    "logged_in_per_s",
    "logged_out_per_s",
    "errors_per_s",
    "page_p50_ms",
    "sessions",
    "done_per_s",
)

TABLES = (
    Table(
        "responses",
        "Responses, newest first",
        (
            Column("number", "Request"),
            Column("browser", "Browser"),
            Column("request", "What it asked"),
            Column("instance", "Answered by"),
            Column("status", "Status"),
            Column("known", "Logged in as"),
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
            Column("login_by", "Logged in by"),
            Column("message", "It says"),
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
)


def lab(lab_id: str, **definition: Any) -> Lab:
    """A lab over two instances, a balancer and two stores; `definition` is that of `Lab`."""
    return Lab(
        id=lab_id,
        topology=TOPOLOGY,
        parts=(Site,),
        requests=STEPS,
        item="",
        charts=CHARTS,
        tiles=TILES,
        tables=TABLES,
        **definition,
    )


def site(sandbox: Context) -> Site:
    """The site of this sandbox."""
    return sandbox.part(Site)


def logged_in(sandbox: Context, browser: str, pages: int) -> int:
    """How many of this many pages find the browser logged in."""
    return sum(site(sandbox).page(browser, quiet=True).logged_in for _ in range(pages))


@contextlib.contextmanager
def guests_logged_in(sandbox: Context, count: int) -> Iterator[list[str]]:
    """The names of this many new browsers that have logged in; they are closed afterwards."""
    with site(sandbox).guests(count) as names:
        for name in names:
            site(sandbox).log_in(name, quiet=True)
        yield names


def restart_instance(sandbox: Context, instance: str) -> None:
    """Restart an instance, and wait until the balancer has found that it answers."""
    sandbox.server(instance, "restart")

    def is_used() -> bool:
        engine = sandbox.servers["balancer"].engine
        with contextlib.suppress(ServerDown):
            return isinstance(engine, Balancer) and letter(instance) in engine.instances_up()
        return False

    sandbox.wait_until(is_used, deadline_s=5.0)


def kill_home(sandbox: Sandbox) -> str:
    """Kill the instance that logged the first browser in. Raises NotNow if none has."""
    login = site(sandbox).browser(FIRST).login
    if login is None or not login.instance:
        raise NotNow("Mia has not logged in yet.", hint="Press Log in in Mia’s browser first.")
    return sandbox.server(node_of(login.instance), "kill")


def bring_back(sandbox: Sandbox) -> str:
    """Restart every instance that is down. Raises NotNow if none is."""
    instances = sandbox.lab.topology.of_engine("instance")
    down = [node for node in instances if sandbox.servers[node.name].state == "down"]
    if not down:
        raise NotNow("Both instances are up.")
    for node in down:
        restart_instance(sandbox, node.name)
    return f"{' and '.join(node.label for node in down)} answers again, with an empty memory."


def in_words(visit: Visit) -> str:
    """A response as the sentence that answers a button."""
    who = f"{visit.instance} answered" if visit.answered else visit.status
    return f"{who}: {visit.message}"
