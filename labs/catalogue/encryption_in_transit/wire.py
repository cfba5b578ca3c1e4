"""What the lab encryption-in-transit sends over the wire, and to which servers."""

from __future__ import annotations

from contextlib import closing

from labs.clients.access import Access
from labs.clients.address import straight
from labs.clients.memcached import MemcachedClient
from labs.clients.resp import RespClient
from labs.engines.redis import Redis
from labs.lab import Link, Node, Topology
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.bench import APP
from labs.setups.access.wire import Overheard, overhear

USER, PASSWORD, KEY, VALUE = "till", "blue-elephant-1894", "card", "4111-1111-1111-1111"
"""Made for this lab, and shown: no secret of a sandbox."""
ENGINES = {"redis": "Redis", "memcached": "Memcached"}
SECURED = tuple(f"{engine}-tls" for engine in ENGINES)
TOPOLOGY = Topology(
    nodes=(
        Node(APP, "Application", "app", about="sends a password and a card number"),
        Node("redis", "Redis", "redis", about="without TLS"),
        Node("redis-tls", "Redis with TLS", "redis", about="TLS 1.2 and 1.3"),
        Node("memcached", "Memcached", "memcached", about="without TLS"),
        Node("memcached-tls", "Memcached with TLS", "memcached", about="TLS 1.2 and 1.3"),
    ),
    links=tuple(Link(name, APP, name) for name in (*ENGINES, *SECURED)),
)


def send(sandbox: Sandbox, server: str) -> Overheard:
    """Log in where the engine has users, store the card number and read it, and overhear that."""
    texts = {"passwords": PASSWORD, "values": VALUE}
    return overhear(sandbox, server, lambda: _store_and_read(sandbox, server), **texts)


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
