"""How the lab memcached-sasl logs in, and what it sees."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from typing import Literal

from bmemcached import Client
from bmemcached.exceptions import MemcachedException

from labs.clients.address import Address
from labs.events import Sense, Travelled
from labs.lab import Column, Table
from labs.sandbox.experiment import observed
from labs.sandbox.sandbox import Sandbox
from labs.setups.access import handshakes
from labs.setups.access.bench import require_up
from labs.setups.access.sasl import REALM, USER, SaslMemcached

SASL, PLAIN = "memcached-sasl", "memcached"
LOGINS = {"none": "no login", "wrong": "a wrong password", "right": "the right password"}
KEY, VALUE = "page:1", "hello"
MOST_ROWS = 12
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A client that asked a server, and how it ended. `auth_errors` is what the server with SASL
    counted meanwhile.
    """

    server: str
    client: str
    login: str
    ended: Ended
    answer: str
    took_ms: float
    auth_errors: int


def ask(sandbox: Sandbox, server: str, client: str, login: str = "none") -> Asked:
    """Ask a server with the text protocol (`text`) or with the binary one (`binary`)."""
    require_up(sandbox, server)
    address, before = sandbox.addresses.of_link(server), _errors(sandbox)
    began = time.perf_counter()
    ended, answer = _text(address) if client == "text" else _binary(address, *_user(sandbox, login))
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    made = Asked(server, client, login, ended, answer, took_ms, _errors(sandbox) - before)
    meaning: Sense = "hit" if ended == "answered" else "error"
    sandbox.emit(Travelled(links=[server], meaning=meaning, words=ended))
    observed(sandbox, made)
    _tabulate(sandbox)
    return made


def _user(sandbox: Sandbox, login: str) -> tuple[str | None, str | None]:
    engine = sandbox.servers[SASL].engine
    assert isinstance(engine, SaslMemcached)
    if login == "none":
        return None, None
    password = engine.passwords[USER] if login == "right" else secrets.token_hex(8)
    return f"{USER}@{REALM}", password


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


def _errors(sandbox: Sandbox) -> int:
    """How many logins the server with SASL has refused, by its own count."""
    engine = sandbox.servers[SASL].engine
    if sandbox.servers[SASL].state != "up" or not isinstance(engine, SaslMemcached):
        return 0
    return int(engine.stats().get("auth_errors", "0"))


def _tabulate(sandbox: Sandbox) -> None:
    sandbox.tabulate(
        TABLE.name,
        [
            {
                "server": sandbox.topology.node(one.server).label,
                "client": f"{one.client} protocol",
                "login": LOGINS[one.login],
                "ended": one.ended,
                "answer": one.answer,
                "took_ms": one.took_ms,
            }
            for one in reversed(sandbox.ledger.seen(Asked)[-MOST_ROWS:])
        ],
    )
