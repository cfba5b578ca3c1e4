"""The usual mistakes with TLS, made on purpose: a client connects wrongly, and what it met."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.errors import NotNow
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.setups.access.bench import require_up, show_on_link
from labs.setups.access.certificates import Authority
from labs.setups.access.handshakes import Ended, Symptom, encrypted, plain

Kind = Literal["plain", "tls", "authority", "name"]
"""No TLS with a server that requires it, TLS with a server that has none, trust in another
authority, another name than the certificate's.
"""
OTHER_NAME = "other.internal"
LINES = {"redis": b"PING\r\n", "memcached": b"version\r\n"}
"""What a client sends first, by engine."""

_IN_A_WORD: dict[Ended, str] = {
    "answered": "answered",
    "closed by the server": "closed",
    "timed out": "timed out",
    "refused by the client": "refused",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A connection that was made wrongly, and what it met."""

    kind: Kind
    server: str
    symptom: Symptom


def connect_wrongly(context: Context, kind: Kind, *, server: str, secured: str) -> Mistake:
    """Make this mistake with the one of two servers of an engine that it is about: `server` speaks
    no TLS, `secured` does. Raises NotNow unless that server is up.
    """
    target = server if kind == "tls" else secured
    require_up(context, target)
    address, line = context.addresses.of_link(target), LINES[context.topology.node(target).engine]
    authority = _authority_of(context, secured)
    if kind == "plain":
        symptom = plain(address, line)
    elif kind == "authority":
        with tempfile.TemporaryDirectory(dir=context.directory) as folder:
            other = Authority(Path(folder), "another").certificate
            symptom = encrypted(address, line, other, address.host)
    else:
        name = OTHER_NAME if kind == "name" else address.host
        symptom = encrypted(address, line, authority, name)
    word = _IN_A_WORD[symptom.ended]
    show_on_link(context, target, word, is_answered=symptom.ended == "answered")
    return observed(context, Mistake(kind, target, symptom))


def _authority_of(context: Context, server: str) -> Path:
    """The certificate of the authority that has signed the server's own."""
    engine = context.servers[server].engine
    assert isinstance(engine, Redis | Memcached)
    if engine.identity is None:
        raise NotNow(f"{context.topology.node(server).label} has no certificate.")
    return engine.identity.authority
