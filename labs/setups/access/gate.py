"""Rules in front of the server: who may open a connection at all, as a security group decides.

A caller that no rule lets in is not refused: the kernel drops what asks for a connection, and the
caller's own timeout ends the wait. Connections that exist go on when a rule goes, as connections do
that a security group tracks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from labs.clients.access import OPEN
from labs.errors import NotNow
from labs.events import Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.sandbox.part import Part
from labs.setups.access.bench import APP, SERVER
from labs.setups.access.calls import Call, call, count_of, redis_of

CLOSED = "closed"
PASSWORD, NO_PASSWORD = "its password", "no password"
"""With what a caller comes."""
WATCHED_S = 1.0
"""How long the connections that exist are watched after a rule was removed."""
TABLE = Table(
    "rules",
    "Rules of the cache’s security group",
    (Column("group", "Source group"), Column("port", "Port"), Column("lets_in", "Lets in")),
    empty="There is no rule, so no caller can connect.",
    shown=False,
)


class Rule(NamedTuple):
    """Lets the members of a group in to a port."""

    group: str
    port: int

    def __str__(self) -> str:
        return f"{self.group} to {self.port}"


@dataclass(frozen=True, slots=True)
class Removal:
    """A rule was removed that the application's clients had come in by. `commands` are theirs that
    the server counted in the `seconds` after it.
    """

    rule: str
    commands: int
    seconds: float


class Gate(Part):
    """The rules, and the links to the server, which they open and close.

    `groups` says which group each source of a link is a member of. `covers` decides whether a rule
    lets a source in; `behind` names the paths that a closed link leads to. Any thread may call.
    """

    def __init__(self, context: Context, groups: Mapping[str, str]) -> None:
        super().__init__(context)
        self.groups = groups
        self.rules: list[Rule] = []
        self.covers: Callable[[Rule, str], bool] = self._covers
        self.behind: tuple[str, ...] = (CLOSED,)
        self.on_removed: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def opened(self) -> None:
        """Close every link: a group that is new has no rule."""
        self.apply()

    def server_changed(self, server: str, verb: str) -> None:
        """Another server behind the same name has new links, which are open."""
        if verb == "exchange":
            self.apply()

    def clear(self) -> None:
        """Forget the rules."""
        with self._lock:
            self.rules.clear()

    def restarted(self) -> None:
        """Close every link again."""
        self.apply()

    def add(self, rule: Rule) -> None:
        """Put a rule in force. Raises NotNow if it is there already."""
        with self._lock:
            if rule in self.rules:
                raise NotNow(f"There is a rule {rule} already.")
            self.rules.append(rule)
        self.apply()

    def remove(self, rule: Rule) -> Removal | None:
        """Take a rule away, and count for WATCHED_S what the server answers clients that the rule
        had let in. None if there are none. Raises NotNow if there is no such rule.
        """
        engine, was_in = redis_of(self.context), self.let_in_by(APP)
        with self._lock:
            if rule not in self.rules:
                there = ", ".join(map(str, self.rules)) or "none"
                raise NotNow(f"There is no rule {rule}.", hint=f"The rules are: {there}.")
            self.rules.remove(rule)
        self.apply()
        self.on_removed()
        if not self.context.load.running or was_in is None or self.let_in_by(APP):
            return None
        before, began = count_of(engine, "INCR"), time.monotonic()
        time.sleep(WATCHED_S)
        commands = count_of(engine, "INCR") - before
        seconds = round(time.monotonic() - began, 2)
        return observed(self.context, Removal(str(rule), commands, seconds))

    def call(self, source: str, *, has_password: bool) -> Call:
        """Call the server from a source, through the rules as they are."""
        access = redis_of(self.context).access("shop") if has_password else OPEN
        login = PASSWORD if has_password else NO_PASSWORD
        return call(self.context, source, access, login, map(str, list(self.rules)), "PING")

    def let_in_by(self, source: str) -> Rule | None:
        """The first rule that lets a source in; None if there is none."""
        return next((rule for rule in list(self.rules) if self.covers(rule, source)), None)

    def apply(self) -> None:
        """Open the links of those whom a rule lets in, close the others, and show the rules."""
        context, network = self.context, self.context.network
        with self._lock:
            network.add_path(CLOSED, context.servers[SERVER].engine.address)
            network.cut(CLOSED)
            for link in context.topology.links_to(SERVER):
                is_open = self.let_in_by(link.source) is not None
                network.forward(link.name, [link.name] if is_open else self.behind)
        self._tabulate()

    def _covers(self, rule: Rule, source: str) -> bool:
        listens_on = self.context.topology.node(SERVER).kind.port
        return rule.group == self.groups[source] and rule.port == listens_on

    def _tabulate(self) -> None:
        rows: list[dict[str, Value]] = []
        for rule in list(self.rules):
            inside = [
                self.context.topology.node(source).label
                for source in self.groups
                if self.covers(rule, source)
            ]
            names = ", ".join(inside) or "none: Redis does not listen on this port"
            rows.append({"group": rule.group, "port": str(rule.port), "lets_in": names})
        self.context.tabulate(TABLE.name, rows)
