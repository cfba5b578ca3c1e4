"""A server with TLS whose default user has a token, as a replication group with AUTH has: the
tokens that it accepts, the one that the application has, and how one replaces another.

A token is never shown: it is called by its number.
"""

from __future__ import annotations

import secrets
import string
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Literal

from labs.clients.access import Access
from labs.clients.address import straight
from labs.clients.resp import RespClient
from labs.engines.redis import Redis
from labs.errors import NotNow
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.setups.access.bench import APP, SERVER, visits
from labs.setups.access.calls import Call, call, redis_of, text_of
from labs.setups.access.server import TlsServers
from labs.setups.access.wire import Overheard, overhear
from labs.setups.access.workload import Visitors

SHORTEST, LONGEST = 16, 128
SPECIAL = "!&#$^<>-"
ALLOWED = frozenset(string.ascii_letters + string.digits + SPECIAL)
"""As the service documents it for an AUTH token."""
NONE, WRONG = "none", "a wrong one"
"""What the page calls no token, and one that the server never had."""
OPEN = "no password"
"""What is in force while the default user has none."""
SETTLES_S = 0.6
"""How much longer than a client keeps its connection until each has logged in again."""

Login = Literal["none", "wrong", "own"]


@dataclass(frozen=True, slots=True)
class TokenTried:
    """A token that was held against the rules: its length, and what is wrong with it."""

    length: int
    problem: str


@dataclass(frozen=True, slots=True)
class BothTried:
    """Calls with two tokens after ROTATE, and how many passwords the server has then."""

    passwords: int
    older: Call
    newer: Call


@dataclass(frozen=True, slots=True)
class Rotation:
    """One token took the place of another while clients of the application ran. `steps` are what
    was done, in order; `failed` of the visits from the first step until every client had connected
    again.
    """

    steps: tuple[str, ...]
    done: int
    failed: int
    seconds: float
    old: Call
    """A call with the token that was replaced, after the last step."""


def name_of(number: int) -> str:
    """What the page calls a token."""
    return f"token {number}"


class Tokens(TlsServers):
    """The tokens of the server, oldest first; the server's default user accepts those `accepted`.

    `app` is the number of the token that the application has, `steps` is what was done since a
    rotation began. Any thread may call.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._lock = threading.RLock()
        self.made: list[str] = []
        self.accepted: list[int] = []
        self.app = 1
        self.is_open = False
        self.steps: list[str] = []
        self._counted_from: tuple[float, int, int] | None = None
        self._begin()

    def opened(self) -> None:
        """Have the server accept the first token."""
        self.apply()

    def server_changed(self, server: str, verb: str) -> None:
        """A server that has started knows no token."""
        if verb in ("restart", "exchange"):
            self.apply()

    def clear(self) -> None:
        """Forget all tokens but a new first one."""
        self._begin()

    def restarted(self) -> None:
        """Have the server accept the first token."""
        self.apply()

    def access(self, number: int) -> Access:
        """How a client is let in that has the token of this number."""
        return self._access(self.made[number - 1])

    @property
    def in_force(self) -> list[str]:
        """What lets a caller in now."""
        return [OPEN] if self.is_open else [name_of(number) for number in self.accepted]

    def try_login(self, login: Login) -> Call:
        """Call without a token, with a wrong one, or with the one that the application has."""
        if login == "own":
            return self.call(self.app)
        shown, password = {"none": (NONE, ""), "wrong": (WRONG, _new_token())}[login]
        return call(self.context, APP, self._access(password), shown, self.in_force, "PING")

    def call(self, number: int) -> Call:
        """Call with the token of this number."""
        access, shown = self.access(number), name_of(number)
        return call(self.context, APP, access, shown, self.in_force, "PING")

    def rotate(self) -> BothTried:
        """Have the server accept a new token and the newest one before it, and call with each. A
        server without a password stays open. Raises NotNow unless the server is up, as each change
        of a token does, and then nothing has changed.
        """
        with self._change():
            self.steps = ["ROTATE"]
            running = self.context.load.running
            self._counted_from = (time.monotonic(), *visits(self.context)) if running else None
            self.made.append(_new_token())
            older, newer = self.accepted[-1], len(self.made)
            self.accepted = [older, newer]
        shown = redis_of(self.context).run("ACL", "GETUSER", "default")
        assert isinstance(shown, list)
        passwords = len(shown[shown.index(b"passwords") + 1])
        return observed(self.context, BothTried(passwords, self.call(older), self.call(newer)))

    def hand_over(self) -> int:
        """Give the application the newest token; returns its number."""
        if self.steps:
            self.steps.append("hand over")
        self.app = len(self.made)
        return self.app

    def set_newest(self, keep_s: float) -> Rotation | None:
        """Have the server accept the newest token alone, and ask for it. If the application's
        clients run, wait until each has connected again, and return what became of their visits;
        None if they don't. Raises NotNow unless there are two tokens.
        """
        with self._change():
            if len(self.accepted) < 2:
                raise NotNow(
                    "The server accepts one token only.", hint="Press “ROTATE: add a token” first."
                )
            self.steps.append("SET")
            self.is_open = False
            old, self.accepted = self.accepted[0], self.accepted[-1:]
            (counted_from, steps), self.steps = (self._counted_from, tuple(self.steps)), []
        if counted_from is None or not self.context.load.running:
            return None
        time.sleep(keep_s + SETTLES_S)
        (began, *before), now = counted_from, visits(self.context)
        seen = self.call(old)
        done, failed = (after - earlier for after, earlier in zip(now, before, strict=True))
        took_s = time.monotonic() - began
        return observed(self.context, Rotation(steps, done, failed, took_s, seen))

    def leave_open(self) -> None:
        """Take the password off the default user: the server asks for none."""
        with self._change():
            self.is_open = True

    def close_again(self) -> None:
        """Have the server ask for the tokens again."""
        with self._change():
            self.is_open = False

    def apply(self) -> None:
        """Have the server accept what is accepted now."""
        if not self.context.is_real:
            return
        with self._lock:
            passwords = [f">{self.made[number - 1]}" for number in self.accepted]
            how = ["nopass"] if self.is_open else passwords
            engine = redis_of(self.context)
            rules = "reset", "on", *how, *engine.rights.split()
            engine.run("ACL", "SETUSER", "default", *rules)

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One change at a time, which the server accepts at the end of the block."""
        redis_of(self.context)
        with self._lock:
            yield
            self.apply()

    def _access(self, password: str) -> Access:
        return Access("", password, self.context.servers[SERVER].engine.access("shop").tls)

    def _begin(self) -> None:
        self.made, self.accepted, self.app = [_new_token()], [1], 1
        self.is_open, self.steps, self._counted_from = False, [], None


class TokenHolders(Visitors):
    """The clients of the application, with the token that it has."""

    def access(self) -> Access:
        tokens = self.context.part(Tokens)
        return tokens.access(tokens.app)


def problem_of(token: str) -> str:
    """What is wrong with a token, by the service's rules; empty if nothing is."""
    if not SHORTEST <= len(token) <= LONGEST:
        return f"It has {len(token)} characters; a token has {SHORTEST} to {LONGEST}."
    if wrong := sorted(set(token) - ALLOWED):
        return f"It has {' '.join(wrong)} in it; a token has letters, digits and {SPECIAL}."
    return ""


def try_token(context: Context, token: str) -> TokenTried:
    """Hold a token against the rules of the service. It is kept nowhere."""
    return observed(context, TokenTried(len(token), problem_of(token)))


def log_in_without_tls(context: Context, server: str, token: str) -> Overheard:
    """Give a Redis without TLS this token, and overhear a login with it."""

    def log_in() -> str:
        engine = context.servers[server].engine
        assert isinstance(engine, Redis)
        engine.run("ACL", "SETUSER", "default", "reset", "on", *engine.rights.split())
        engine.run("CONFIG", "SET", "requirepass", token)
        way = straight(context.addresses.of_link(server))
        with closing(RespClient(way, Access("", token))) as client:
            return text_of(client.command("PING"))

    return overhear(context, server, log_in, tokens=token)


def _new_token() -> str:
    return secrets.token_hex(SHORTEST)
