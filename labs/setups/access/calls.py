"""Calls to a server, each from a connection of its own to the answer: how far it came, in whose
words, and what the server counted of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from labs.clients.access import Access
from labs.clients.address import straight
from labs.clients.resp import LoginRefused, ReplyError, RespClient, Word
from labs.engines.redis import Redis, parse_info
from labs.events import Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.setups.access.bench import SERVER, require_up, show_newest, show_on_link

TIMEOUT_S = 2.0
"""How long a caller waits for a connection, and for each answer."""
TABLE = Table(
    "calls",
    "Who has called",
    (
        Column("source", "From"),
        Column("login", "With"),
        Column("in_force", "In force"),
        Column("ended", "It was"),
        Column("answer", "In these words"),
        Column("took_ms", "After", "ms", 1),
        Column("connections", "Connections counted", help="total_connections_received of Redis"),
    ),
    empty="No call has been made yet.",
)

Ended = Literal["answered", "refused by the server", "not let in", "refused on the way"]

_IN_A_WORD: dict[Ended, str] = {
    "answered": "answered",
    "refused by the server": "refused",
    "not let in": "dropped",
    "refused on the way": "refused",
}


@dataclass(frozen=True, slots=True)
class Call:
    """How a call ended. `login` says with what the caller wanted to be let in, `in_force` what
    would let callers in at that moment. `answer` is the server's own words, or the operating
    system's.
    """

    source: str
    login: str
    in_force: tuple[str, ...]
    ended: Ended
    answer: str
    took_ms: float
    connections_before: int
    connections_after: int

    @property
    def is_answered(self) -> bool:
        """True if the server did what the caller asked for."""
        return self.ended == "answered"

    def is_refused(self, word: str) -> bool:
        """True if the server refused, with an error of this word."""
        return self.ended == "refused by the server" and self.answer.startswith(word)

    @property
    def connections(self) -> int:
        """How many connections the server counted meanwhile."""
        return self.connections_after - self.connections_before


def redis_of(context: Context) -> Redis:
    """The server's engine. Raises NotNow unless the server is up, and where nothing real runs."""
    require_up(context, SERVER)
    engine = context.servers[SERVER].engine
    assert isinstance(engine, Redis)
    return engine


def call(
    context: Context,
    source: str,
    access: Access,
    login: str,
    in_force: Iterable[str],
    *words: Word,
) -> Call:
    """Connect from a source, log in if `access` has a password, send one command. The call is kept
    for the checks and shown in the table. Raises NotNow unless the server is up.
    """
    engine = redis_of(context)
    link = next(one.name for one in context.topology.links_to(SERVER) if one.source == source)
    client = RespClient(straight(context.addresses.of_link(link)), access, timeout_s=TIMEOUT_S)
    before, began = connections_of(engine), time.perf_counter()
    with contextlib.closing(client):
        ended, answer = _ended(client, *words)
        took_ms = round((time.perf_counter() - began) * 1000, 1)
    after = connections_of(engine)
    made = Call(source, login, tuple(in_force), ended, answer, took_ms, before, after)
    show_on_link(context, link, _IN_A_WORD[ended], is_answered=made.is_answered)
    observed(context, made)

    def row(one: Call) -> dict[str, Value]:
        return {
            "source": context.topology.node(one.source).label,
            "login": one.login,
            "in_force": ", ".join(one.in_force) or "nothing",
            "ended": one.ended,
            "answer": one.answer,
            "took_ms": one.took_ms,
            "connections": one.connections,
        }

    show_newest(context, TABLE, Call, row)
    return made


def count_of(engine: Redis, command: str) -> int:
    """How often a server has run a command since its start, by its own count."""
    stats = parse_info(engine.run("INFO", "commandstats"))
    calls, _, _ = stats.get(f"cmdstat_{command.lower()}", "calls=0").partition(",")
    return int(calls.removeprefix("calls="))


def connections_of(engine: Redis) -> int:
    """How many connections a server has accepted since its start, by its own count."""
    return int(engine.info("stats")["total_connections_received"])


def _ended(client: RespClient, *words: Word) -> tuple[Ended, str]:
    try:
        client.connect()
        reply = client.command(*words)
    except LoginRefused as exc:
        return "refused by the server", str(exc)
    except TimeoutError:
        return "not let in", f"timed out after {TIMEOUT_S:g} s"
    except OSError as exc:
        return "refused on the way", exc.strerror or str(exc)
    if isinstance(reply, ReplyError):
        return "refused by the server", str(reply)
    return "answered", text_of(reply)


def text_of(reply: object) -> str:
    """A reply in one line."""
    if isinstance(reply, list):
        return " ".join(map(text_of, reply))
    if isinstance(reply, bytes):
        return reply.decode(errors="replace")
    return "(nil)" if reply is None else str(reply)
