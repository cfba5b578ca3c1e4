"""What the lab encryption-in-transit sends, overhears, does wrongly and times."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from labs.clients.access import Access
from labs.clients.address import straight
from labs.clients.memcached import MemcachedClient
from labs.clients.resp import RespClient
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.errors import NotNow
from labs.events import Sense, Travelled, Value
from labs.lab import Column, Link, Node, Table, Topology
from labs.sandbox.experiment import observed
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.bench import APP, require_up
from labs.setups.access.certificates import Authority
from labs.setups.access.handshakes import Ended, Symptom, encrypted, plain
from labs.setups.access.wire import overhear

USER, PASSWORD, KEY, VALUE = "till", "blue-elephant-1894", "card", "4111-1111-1111-1111"
"""Made for this lab, and shown: no secret of a sandbox."""
ENGINES = {"redis": "Redis", "memcached": "Memcached"}
SECURED = tuple(f"{engine}-tls" for engine in ENGINES)
CONNECTS, REQUESTS = 15, 300
OTHER_NAME = "other.internal"
_IN_A_WORD: dict[Ended, str] = {
    "answered": "answered",
    "closed by the server": "closed",
    "timed out": "timed out",
    "refused by the client": "refused",
    "failed": "failed",
}
LINES = {"redis": b"PING\r\n", "memcached": b"version\r\n"}

TOPOLOGY = Topology(
    nodes=(
        Node(APP, "Application", "app", about="sends a password and a card number"),
        Node("redis", "Redis", "redis", about="without TLS"),
        Node("redis-tls", "Redis with TLS", "redis", about="TLS 1.2 and 1.3"),
        Node("memcached", "Memcached", "memcached", about="without TLS"),
        Node("memcached-tls", "Memcached with TLS", "memcached", about="TLS 1.2 and 1.3"),
    ),
    links=tuple(
        Link(name, APP, name) for name in ("redis", "redis-tls", "memcached", "memcached-tls")
    ),
)
COSTS = Table(
    "costs",
    "What TLS costs",
    (
        Column("server", "Server"),
        Column("connect_ms", "Connect, and the first answer", "ms", 2),
        Column("request_us", "A request on an open connection", "µs"),
    ),
    empty="Nothing has been timed yet.",
)


@dataclass(frozen=True, slots=True)
class Overheard:
    """An exchange with a server, as the wire showed it: how many bytes crossed, and how often the
    password and the value were among them.
    """

    server: str
    answer: str
    bytes_seen: int
    passwords: int
    values: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """A connection that was made wrongly, and what it met."""

    kind: str
    server: str
    symptom: Symptom


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians for one server: to connect and be answered, and a request on an open connection."""

    server: str
    connect_ms: float
    request_us: float


def send(sandbox: Sandbox, server: str) -> Overheard:
    """Log in where the engine has users, store the value and read it, and keep what crossed."""
    require_up(sandbox, server)
    answer, seen = overhear(sandbox, server, lambda: _store_and_read(sandbox, server))
    found = (seen.count(text.encode()) for text in (PASSWORD, VALUE))
    return observed(sandbox, Overheard(server, answer, len(seen), *found))


def mistake(sandbox: Sandbox, kind: str, engine: str) -> Mistake:
    """Connect wrongly: `plain` speaks no TLS with a server that wants it, `tls` speaks TLS with one
    that has none, `authority` trusts another authority, `name` expects another name.
    """
    server = engine if kind == "tls" else f"{engine}-tls"
    require_up(sandbox, server)
    address, line = sandbox.addresses.of_link(server), LINES[engine]
    own = _authority_of(sandbox, f"{engine}-tls")
    if kind == "plain":
        symptom = plain(address, line)
    elif kind == "authority":
        with tempfile.TemporaryDirectory(dir=sandbox.directory) as folder:
            other = Authority(Path(folder), "another").certificate
            symptom = encrypted(address, line, other, address.host)
    else:
        symptom = encrypted(address, line, own, OTHER_NAME if kind == "name" else address.host)
    meaning: Sense = "hit" if symptom.ended == "answered" else "error"
    sandbox.emit(Travelled(links=[server], meaning=meaning, words=_IN_A_WORD[symptom.ended]))
    return observed(sandbox, Mistake(kind, server, symptom))


def time_all(sandbox: Sandbox) -> list[Cost]:
    """Time connections and requests of every server, straight to it."""
    costs = []
    for node in sandbox.topology.servers:
        require_up(sandbox, node.name)
        make, ask = _client(sandbox, node.name)
        connects = []
        for _ in range(CONNECTS):
            began = time.perf_counter()
            with closing(make()) as client:
                ask(client)
                connects.append((time.perf_counter() - began) * 1000)
        requests = []
        with closing(make()) as client:
            ask(client)
            for _ in range(REQUESTS):
                began = time.perf_counter()
                ask(client)
                requests.append((time.perf_counter() - began) * 1e6)
        medians = round(statistics.median(connects), 3), round(statistics.median(requests), 1)
        costs.append(observed(sandbox, Cost(node.name, *medians)))
    labels = {node.name: node.label for node in sandbox.topology.nodes}
    rows: list[dict[str, Value]] = [
        {
            "server": labels[cost.server],
            "connect_ms": cost.connect_ms,
            "request_us": cost.request_us,
        }
        for cost in costs
    ]
    sandbox.tabulate(COSTS.name, rows)
    return costs


def _store_and_read(sandbox: Sandbox, server: str) -> str:
    engine, way = sandbox.servers[server].engine, straight(sandbox.addresses.of_link(server))
    if isinstance(engine, Redis):
        rights = f"reset on >{PASSWORD} ~{KEY} -@all +get +set".split()
        engine.run("ACL", "SETUSER", USER, *rights)
        with closing(RespClient(way, Access(USER, PASSWORD, engine.trusted))) as redis:
            redis.command("SET", KEY, VALUE)
            value = redis.command("GET", KEY)
    else:
        with closing(MemcachedClient(way, tls=engine.access("").tls)) as memcached:
            memcached.set(KEY, VALUE.encode())
            value = memcached.get(KEY)
    return value.decode() if isinstance(value, bytes) else str(value)


def _client(
    sandbox: Sandbox, server: str
) -> tuple[Callable[[], RespClient | MemcachedClient], Callable[..., object]]:
    """How to make a client of a server, and how to ask it."""
    engine = sandbox.servers[server].engine
    way = straight(engine.address)
    if isinstance(engine, Redis):
        access = engine.access("shop")
        return lambda: RespClient(way, access), lambda client: client.command("GET", KEY)
    tls = engine.access("").tls
    return lambda: MemcachedClient(way, tls=tls), lambda client: client.get(KEY)


def _authority_of(sandbox: Sandbox, server: str) -> Path:
    """The certificate of the authority that has signed the server's own."""
    engine = sandbox.servers[server].engine
    assert isinstance(engine, Redis | Memcached)
    if engine.identity is None:
        raise NotNow(f"{sandbox.topology.node(server).label} has no certificate.")
    return engine.identity.authority
