"""Encryption in transit: what the wire shows with and without TLS, the usual mistakes, the cost."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from labs.catalogue.encryption_in_transit import checks, guide, mutants, wire
from labs.catalogue.encryption_in_transit.checks import MISTAKES
from labs.catalogue.encryption_in_transit.wire import ENGINES, SECURED, TOPOLOGY
from labs.lab import Choice, Lab
from labs.sandbox.experiment import make_ready, refuted, until_met
from labs.sandbox.sandbox import Sandbox
from labs.setups.access import costs, mistakes
from labs.setups.access.server import TlsServers
from labs.setups.access.tap import Taps
from labs.setups.access.wire import TABLE, times

SERVER = Choice(
    "server", "Server", tuple((node.name, node.label) for node in TOPOLOGY.servers), "redis"
)
KIND = Choice("kind", "Mistake", tuple(MISTAKES.items()), "plain")
ENGINE = Choice("engine", "Engine", tuple(ENGINES.items()), "redis")

lab = Lab(
    id="encryption-in-transit",
    title="Encryption in transit",
    question="Who can read your password on its way to the cache?",
    about="Redis and Memcached, each with and without TLS, and a tap on every link. Send a card "
    "number, read the wire, and connect in the four usual wrong ways.",
    minutes=15,
    topology=TOPOLOGY,
    parts=(partial(TlsServers, names=SECURED), Taps),
    gears=("step", "break"),
    tables=(replace(TABLE, shown=False), costs.TABLE),
    checks=(
        checks.plain_is_read,
        checks.tls_is_not,
        checks.memcached_too,
        checks.plain_client,
        checks.hangs,
        checks.unknown_authority,
        checks.other_name,
        checks.cost,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.action(
    "Send a card number",
    gear="step",
    fields=(SERVER,),
    primary=True,
    here="a tap between the application and the server keeps a copy of every byte. The password "
    "and the card number are made for this lab.",
    aws="the network of a VPC is closed to others; TLS protects against a reader who gets in "
    "all the same.",
)
def send(sandbox: Sandbox, server: str) -> str:
    seen = wire.send(sandbox, server)
    label = sandbox.topology.node(server).label
    counted = {"password": seen.times_seen["passwords"], "card number": seen.times_seen["values"]}
    found = [f"the {what} {times(number)}" for what, number in counted.items() if number]
    return sandbox.caption(
        f"{label} stored and returned {seen.answer}.",
        f"The {seen.bytes_seen:,} bytes on the wire show {' and '.join(found) or 'neither'}.",
    )


@lab.action("Time the handshakes", gear="step", measures=True)
def time(sandbox: Sandbox) -> str:
    timed = costs.time_all(sandbox)
    sandbox.measurements.update(costs.figures_of(timed))
    secured, redis = timed["redis-tls"], timed["redis"]
    return sandbox.caption(
        f"With TLS Redis takes {secured.connect_ms:.2f} ms to connect and answer, without it "
        f"{redis.connect_ms:.2f} ms.",
        f"A request on an open connection: {secured.request_us:.0f} and {redis.request_us:.0f} µs.",
    )


@lab.action(
    "Connect wrongly",
    gear="break",
    fields=(KIND, ENGINE),
    primary=True,
    here="a client of Python’s standard library, with a timeout of two seconds.",
    aws="the same four symptoms. ElastiCache’s certificates are signed by Amazon Trust Services, "
    "which most systems trust.",
)
def wrongly(sandbox: Sandbox, kind: mistakes.Kind, engine: str) -> str:
    seen = mistakes.connect_wrongly(sandbox, kind, server=engine, secured=f"{engine}-tls")
    label = sandbox.topology.node(seen.server).label
    return sandbox.caption(seen.symptom.sentence, f"The server was {label}.")


@lab.prediction(
    "A client stores a card number in a Redis with TLS, and reads it back. How often does the "
    "number cross the wire in a form that can be read?",
    unit="times",
    unit_of_one="time",
    why="Never: after the handshake everything is encrypted, in both directions.",
)
def readable(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    return float(wire.send(sandbox, "redis-tls").times_seen["values"])


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """A card number to each server, the four mistakes, the cost."""
    for node in TOPOLOGY.servers:
        send(sandbox, node.name)
    for kind in MISTAKES:
        if refuted(sandbox):
            return
        wrongly(sandbox, kind, "redis")
    until_met(sandbox, checks.cost, time)
