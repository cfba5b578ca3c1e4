"""A server with users, each with an access string, as a user group of the service has: what each
may do is found by trying.
"""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass

from labs.clients.access import Access
from labs.errors import BadInput, ServerDown
from labs.events import Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.setups.access.bench import APP, SERVER, show_newest
from labs.setups.access.calls import Call, call, redis_of
from labs.setups.access.server import TlsServers
from labs.setups.access.workload import Visitors

JOB = (("GET", "app:1"), ("SET", "app:1", "new"), ("INCR", "app:visits"))
"""What the application has to do."""
OTHER = (
    ("GET", "billing:1"),
    ("SET", "billing:1", "0"),
    ("SCAN", "0"),
    ("KEYS", "*"),
    ("CONFIG", "GET", "maxmemory"),
    ("FLUSHALL",),
)
"""What it has no business with."""
SEED = {"app:1": "page", "app:visits": "0", "billing:1": "4000"}
USERS = ("app", "report")
_RULE = re.compile(
    r"on|off|allkeys|resetkeys|allchannels|resetchannels|allcommands|nocommands"
    r"|(%(R|W|RW))?~\S+|&\S+|[+-]@?[a-z][a-z0-9_|-]*"
)
"""What an access string may consist of: everything but passwords."""


def text_of(command: tuple[str, ...]) -> str:
    """A command as one types it."""
    return " ".join(command)


def _column(command: tuple[str, ...]) -> str:
    return re.sub(r"\W+", "_", text_of(command)).strip("_").lower()


TABLE = Table(
    "tried",
    "What each user may do",
    (
        Column("user", "User"),
        Column("string", "Access string"),
        *(Column(_column(command), text_of(command)) for command in (*JOB, *OTHER)),
    ),
    empty="No command has been tried yet.",
    shown=False,
)


@dataclass(frozen=True, slots=True)
class Tried:
    """All commands, tried as a user with this access string: a call for each, in order."""

    user: str
    string: str
    calls: tuple[Call, ...]

    def of(self, command: tuple[str, ...]) -> Call:
        """The call with this command."""
        return self.calls[(*JOB, *OTHER).index(command)]

    def allowed(self, commands: tuple[tuple[str, ...], ...]) -> list[str]:
        """Which of these commands were answered."""
        return [text_of(one) for one in commands if self.of(one).is_answered]


class Users(TlsServers):
    """The users of the server, with their access strings. Any thread may call."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._lock = threading.RLock()
        """Of one user's rights at a time, from the rules to the last command that is tried."""
        self._passwords = {name: secrets.token_urlsafe(24) for name in USERS}
        self.strings = dict.fromkeys(USERS, "")

    def opened(self) -> None:
        """Make the users, without any right, and the data."""
        self._apply()

    def server_changed(self, server: str, verb: str) -> None:
        """A server that has started knows no user of ours."""
        if verb in ("restart", "exchange"):
            self._apply()

    def clear(self) -> None:
        """Take every right away again."""
        self.strings = dict.fromkeys(USERS, "")

    def restarted(self) -> None:
        """Make the users and the data again."""
        self._apply()

    def grant(self, user: str, string: str) -> Tried:
        """Give a user these rights, and no others, and try every command as this user, on data that
        is the same each time. Raises BadInput with the server's own words.
        """
        rules = string.split()
        for rule in rules:
            if not _RULE.fullmatch(rule):
                raise BadInput(
                    f"“{rule[:40]}” is no rule of an access string.",
                    hint="It has on or off, keys like ~app:*, channels like &news, categories like "
                    "+@read and commands like +get or -flushall. A password is never part of it.",
                )
        with self._lock:
            try:
                self._set_user(user, rules)
            except ServerDown as exc:
                self._set_user(user, self.strings[user].split())
                raise BadInput(f"Redis did not take this access string: {exc}") from exc
            self.strings[user] = " ".join(rules)
            return self._try_all(user)

    def access(self, user: str) -> Access:
        """How a client is let in as a user."""
        tls = self.context.servers[SERVER].engine.access(user).tls
        return Access(user, self._passwords[user], tls)

    def _try_all(self, user: str) -> Tried:
        string = self.strings[user]
        calls = []
        for command in (*JOB, *OTHER):
            self._seed()
            login, in_force = f"user {user}", (string or "no rule",)
            calls.append(call(self.context, APP, self.access(user), login, in_force, *command))
        self._seed()
        tried = observed(self.context, Tried(user, string, tuple(calls)))
        show_newest(self.context, TABLE, Tried, _row)
        return tried

    def _set_user(self, user: str, rules: list[str]) -> None:
        own = f">{self._passwords[user]}"
        redis_of(self.context).run("ACL", "SETUSER", user, "reset", own, *rules)

    def _seed(self) -> None:
        redis_of(self.context).run_all([("SET", key, value) for key, value in SEED.items()])

    def _apply(self) -> None:
        if not self.context.is_real:
            return
        with self._lock:
            for user, string in self.strings.items():
                self._set_user(user, string.split())
            self._seed()


class UsersOfTheApp(Visitors):
    """The clients of the application, as its user."""

    visits = "app:visits"

    def access(self) -> Access:
        return self.context.part(Users).access("app")


def _row(tried: Tried) -> dict[str, Value]:
    words = {_column(command): _in_a_word(tried.of(command)) for command in (*JOB, *OTHER)}
    return {"user": tried.user, "string": tried.string or "none", **words}


def _in_a_word(call_: Call) -> str:
    """yes, or which kind of refusal."""
    if call_.is_answered:
        return "yes"
    return next(
        (
            word
            for part, word in (("the keys", "no: key"), ("command", "no: command"))
            if part in call_.answer
        ),
        "no: login",
    )
