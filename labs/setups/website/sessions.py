"""What sessions are now: always read from their store and never through a browser, because its
request would extend the session.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable

from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.engines.web import Instance
from labs.errors import ServerDown
from labs.events import Value
from labs.sandbox.context import Context
from labs.setups.website.browsers import FIRST, SECOND, USERS, letter, object_from

IN_MEMORY = ("memory", "sticky")
KEY = "session:"
REFRESH_EVERY_S, REFRESH_WHEN_QUIET_S = 0.5, 2.0


class Sessions:
    """The sessions of a site as their store has them, and the table that shows those of the two
    browsers. `sid_of` gives the id that a browser has, empty if it has none.
    """

    def __init__(self, context: Context, sid_of: Callable[[str], str]) -> None:
        self._context = context
        self._sid_of = sid_of
        self._shown: list[dict[str, Value]] = []
        self._refreshing = threading.Lock()
        self._closed = threading.Event()

    def open(self) -> None:
        """Show the sessions, and refresh them twice a second."""
        threading.Thread(target=self._refresh_often, name="sessions", daemon=True).start()
        self.refresh()

    def close(self) -> None:
        """Refresh no more."""
        self._closed.set()

    def clear(self) -> None:
        """Show the sessions again at the next refresh, even if they are as they were."""
        self._shown = []

    def kept(self, sid: str, instance: str = "") -> tuple[str, float] | None:
        """A session as its store has it now: its text and the seconds that it has left, -1 if it
        never ends. In memory: as the instance at node `instance` has it, or any.

        Raises ServerDown if the store does not answer.
        """
        if not sid or not self._context.is_real:
            return None
        if self._store not in IN_MEMORY:
            return self._engine().item(KEY + sid)
        asked = [instance] if instance else self._instances
        found = (engine.session(sid) for node in asked if (engine := self._running(node)))
        return next((one for one in found if one is not None), None)

    def ttl_s(self, sid: str) -> float | None:
        """The seconds that a session has left; None if there is no such session or its store does
        not answer.
        """
        try:
            found = self.kept(sid)
        except ServerDown:
            return None
        return found[1] if found else None

    def count(self) -> float | None:
        """How many sessions the store holds now; None if it does not answer."""
        if not self._context.is_real:
            return None
        with contextlib.suppress(ServerDown):
            if self._store not in IN_MEMORY:
                return float(self._engine().count())
            running = [engine for node in self._instances if (engine := self._running(node))]
            return sum(engine.counters()["sessions"] for engine in running)
        return None

    def refresh(self) -> None:
        """Ask the store what each browser's session is now, and show it if that changed."""
        if not self._context.is_real or self._closed.is_set():
            return
        with self._refreshing:
            rows = [self._row(name) for name in (FIRST, SECOND)]
            if rows != self._shown:
                self._shown = rows
                self._context.tabulate("sessions", rows)

    def _refresh_often(self) -> None:
        while True:
            quiet = not any(row["value"] for row in self._shown)
            if self._closed.wait(REFRESH_WHEN_QUIET_S if quiet else REFRESH_EVERY_S):
                return
            self.refresh()

    def _row(self, name: str) -> dict[str, Value]:
        sid = self._sid_of(name)
        places = {"redis": "Redis", "memcached": "Memcached"}
        row: dict[str, Value] = {
            "browser": name,
            "user": USERS[name],
            "key": KEY + sid if sid else "",
            "value": "",
            "ttl_s": "",
            "where": places.get(self._store, "an instance’s memory"),
        }
        for node in self._instances:
            row[letter(node).lower()] = self._known_at(node, sid, row)
        return row

    def _known_at(self, node: str, sid: str, row: dict[str, Value]) -> str:
        """Whether an instance would recognise the browser now, in words; fills in the session where
        it is found.
        """
        context = self._context
        if context.servers[node].state != "up":
            return "down"
        if not sid:
            return "logged out"
        try:
            if self._store not in IN_MEMORY and any(
                link.source == node and context.link_states[link.name] == "cut"
                for link in context.lab.topology.links_to(self._store)
            ):
                return "cannot ask"
            found = self.kept(sid, node)
        except ServerDown:
            return "cannot ask"
        if found is None:
            return "logged out"
        text, left_s = found
        row["value"] = text
        row["ttl_s"] = "no limit" if left_s < 0 else float(math.ceil(left_s))
        return "logged in" if object_from(text.encode()).get("user") else "a visitor"

    @property
    def _store(self) -> str:
        return str(self._context.settings["store"])

    @property
    def _instances(self) -> list[str]:
        return [node.name for node in self._context.lab.topology.of_engine("instance")]

    def _running(self, node: str) -> Instance | None:
        server = self._context.servers[node]
        if server.state == "up" and isinstance(server.engine, Instance):
            return server.engine
        return None

    def _engine(self) -> Redis | Memcached:
        server = self._context.servers[self._store]
        if server.state != "up" or not isinstance(server.engine, Redis | Memcached):
            raise ServerDown(f"{self._store} does not answer.")
        return server.engine
