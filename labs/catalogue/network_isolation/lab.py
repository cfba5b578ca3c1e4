"""Network isolation: rules decide who may open a connection at all, before any password."""

from __future__ import annotations

from functools import partial

from labs.catalogue.network_isolation import checks, guide, mutants
from labs.catalogue.network_isolation.checks import BASTION, GROUPS, STRANGER
from labs.lab import Choice, Lab, Link, Node, Topology
from labs.sandbox.experiment import make_ready, refuted, say_done, until_met
from labs.sandbox.sandbox import Sandbox
from labs.setups.access import bench, calls, gate
from labs.setups.access.bench import APP, SERVER
from labs.setups.access.gate import Gate, Rule
from labs.setups.access.workload import Visitors

LABELS = {APP: "Application", BASTION: "Bastion", STRANGER: "Stranger"}
SOURCE = Choice("source", "From", tuple(LABELS.items()), APP)
PASSWORD = Choice("password", "With its password", (("yes", "yes"), ("no", "no")), "yes")
GROUP = Choice("group", "Source group", tuple((name, name) for name in GROUPS.values()), "sg-app")
PORT = Choice("port", "Port", (("6379", "6379"), ("6380", "6380"), ("11211", "11211")), "6379")
MANY = 100
"""Visits after which every client has connected."""

lab = Lab(
    id="network-isolation",
    title="Network isolation",
    view="Rules of the cache’s security group",
    question="Who can reach the cache at all, and what does everybody else see?",
    about="Redis behind a security group, and three callers: the application, a bastion, a "
    "stranger. Write the rules, and let each of them call.",
    minutes=15,
    topology=Topology(
        nodes=(
            *(Node(name, LABELS[name], "app", about=f"in {GROUPS[name]}") for name in GROUPS),
            Node(SERVER, "Redis", "redis", about="behind its security group"),
        ),
        links=(
            bench.LINK,
            Link("from-bastion", BASTION, SERVER),
            Link("from-stranger", STRANGER, SERVER),
        ),
    ),
    parts=(partial(Gate, groups=GROUPS), Visitors),
    controls=bench.controls(),
    gears=("step", "load", "break"),
    charts=bench.CHARTS,
    tiles=bench.TILES,
    tables=(gate.TABLE, calls.TABLE),
    checks=(
        checks.closed_by_default,
        checks.other_port,
        checks.let_in,
        checks.stranger_waits,
        checks.not_a_login,
        checks.existing_go_on,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.action("Try to connect", gear="step", fields=(SOURCE, PASSWORD), primary=True)
def call(sandbox: Sandbox, source: str, password: str) -> str:
    made = sandbox.part(Gate).call(source, has_password=password == "yes")
    label = LABELS[source]
    said = {
        "answered": f"{label} was answered: {made.answer}.",
        "refused by the server": f"Redis refused: {made.answer}",
        "not let in": f"{label} got no answer in {calls.TIMEOUT_S:g} s.",
        "refused on the way": f"{label} was refused on the way: {made.answer}.",
    }[made.ended]
    counted = f"{made.connections} new connection{'' if made.connections == 1 else 's'}"
    return sandbox.caption(said, f"Redis counted {counted}.")


@lab.action(
    "Add the rule",
    gear="view",
    fields=(GROUP, PORT),
    here="the rules open and close the links to Redis.",
    aws="an inbound rule of the cache’s security group. Its source is the application’s security "
    "group, its port 6379, or 11211 for Memcached.",
)
def add_rule(sandbox: Sandbox, group: str, port: str) -> str:
    rule = Rule(group, int(port))
    sandbox.part(Gate).add(rule)
    return sandbox.caption(f"The rule {rule} is in force.", "It holds for the next connection.")


@lab.action(
    "Remove the rule",
    gear="view",
    fields=(GROUP, PORT),
    here="new connections are dropped; those that exist go on.",
    aws="connections that are tracked are not interrupted at once when a rule is removed. A "
    "network ACL cuts them.",
)
def remove_rule(sandbox: Sandbox, group: str, port: str) -> str:
    rule = Rule(group, int(port))
    removal = sandbox.part(Gate).remove(rule)
    after = "It is missing from the next connection on."
    if removal is not None:
        after = (
            f"In the {removal.seconds:g} s after it Redis answered {removal.commands:,} commands "
            "on connections that existed."
        )
    return sandbox.caption(f"The rule {rule} is gone.", after)


@lab.prediction(
    "No rule lets the stranger in. It tries to connect, and waits two seconds. How many "
    "connections does Redis count?",
    unit="connections",
    unit_of_one="connection",
    why="None: the network drops the packets of a caller that no rule lets in.",
)
def counted_of_a_stranger(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    part = sandbox.part(Gate)
    while rule := part.let_in_by(STRANGER):
        part.remove(rule)
        say_done(sandbox, [f"the rule {rule} was removed"])
    return float(part.call(STRANGER, has_password=True).connections)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """No caller gets in; then the application, then the bastion without a password. A rule goes
    under load.
    """
    part = sandbox.part(Gate)

    def try_app(_sandbox: Sandbox) -> calls.Call:
        return part.call(APP, has_password=True)

    until_met(sandbox, checks.closed_by_default, try_app)
    add_rule(sandbox, "sg-app", "11211")
    until_met(sandbox, checks.other_port, try_app)
    remove_rule(sandbox, "sg-app", "11211")
    add_rule(sandbox, "sg-app", "6379")
    sandbox.measurements["let_in_ms"] = try_app(sandbox).took_ms
    stranger = part.call(STRANGER, has_password=True)
    sandbox.measurements["dropped_after_ms"] = stranger.took_ms
    add_rule(sandbox, "sg-bastion", "6379")
    part.call(BASTION, has_password=False)
    if refuted(sandbox):
        return
    bench.load_until_visited(sandbox, MANY)
    remove_rule(sandbox, "sg-app", "6379")
    try_app(sandbox)
    sandbox.stop_load()
