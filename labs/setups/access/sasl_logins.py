"""Clients that ask a Memcached with SASL and one without, and how that ends."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from typing import Literal

from bmemcached import Client
from bmemcached.exceptions import MemcachedException

from labs.clients.address import Address
from labs.events import Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.setups.access import handshakes
from labs.setups.access.bench import require_up, show_newest, show_on_link
from labs.setups.access.sasl import REALM, USER, sasl_memcached

SASL, PLAIN = "memcached-sasl", "memcached"
"""The servers of a lab with these logins."""
LOGINS = {"none": "no login", "wrong": "a wrong password", "right": "the right password"}
KEY, VALUE = "page:1", "hello"
TABLE = Table(
    "logins",
    "Who has asked",
    (
        Column("server", "Server"),
        Column("client", "Client"),
        Column("login", "With"),
        Column("ended", "It was"),
        Column("answer", "In these words"),
        Column("took_ms", "After", "ms", 1),
    ),
    empty="No client has asked yet.",
    shown=False,
)

_SAID = re.compile(r"Code: (\d+) Message: b'(.*)'")

Ended = Literal["answered", "refused", "not answered"]
Protocol = Literal["text", "binary"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A client that asked a server, and how it ended. `auth_errors` is what the server with SASL
    counted meanwhile.
    """

    server: str
    client: Protocol
    login: str
    ended: Ended
    answer: str
    took_ms: float
    auth_errors: int

    @property
    def is_answered(self) -> bool:
        """True if the client got what it asked for."""
        return self.ended == "answered"


def ask(context: Context, server: str, client: Protocol, login: str = "none") -> Asked:
    """Ask a server with a client of this protocol. Raises NotNow unless the server is up."""
    require_up(context, server)
    address, before = context.addresses.of_link(server), _errors(context)
    began = time.perf_counter()
    ended, answer = _text(address) if client == "text" else _binary(address, *_user(context, login))
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    made = Asked(server, client, login, ended, answer, took_ms, _errors(context) - before)
    show_on_link(context, server, ended, is_answered=made.is_answered)
    observed(context, made)

    def row(one: Asked) -> dict[str, Value]:
        return {
            "server": context.topology.node(one.server).label,
            "client": f"{one.client} protocol",
            "login": LOGINS[one.login],
            "ended": one.ended,
            "answer": one.answer,
            "took_ms": one.took_ms,
        }

    show_newest(context, TABLE, Asked, row)
    return made


def _user(context: Context, login: str) -> tuple[str | None, str | None]:
    if login == "none":
        return None, None
    right = sasl_memcached(context.servers[SASL]).passwords[USER]
    return f"{USER}@{REALM}", right if login == "right" else secrets.token_hex(8)


def _text(address: Address) -> tuple[Ended, str]:
    symptom = handshakes.plain(address, b"version\r\n")
    ended: Ended = "answered" if symptom.ended == "answered" else "not answered"
    return ended, symptom.words


def _binary(address: Address, user: str | None, password: str | None) -> tuple[Ended, str]:
    client = Client((f"{address.host}:{address.port}",), user, password, socket_timeout=2.0)
    try:
        stored = client.set(KEY, VALUE)
        value = client.get(KEY)
    except MemcachedException as exc:
        return "refused", _SAID.sub(_words, str(exc.args[0]))
    finally:
        client.disconnect_all()
    if not stored or value != VALUE:
        return "not answered", "the client gave up"
    return "answered", f"stored, and read back: {value}"


def _words(said: re.Match[str]) -> str:
    """The server's words and its status, out of what the client makes of them."""
    return f"{said[2].rstrip('.')} (status 0x{int(said[1]):02x})"


def _errors(context: Context) -> int:
    """How many logins the server with SASL has refused, by its own count; 0 if it is down."""
    server = context.servers[SASL]
    if server.state != "up":
        return 0
    return int(sasl_memcached(server).stats().get("auth_errors", "0"))
