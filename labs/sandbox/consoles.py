"""The consoles of a sandbox: one for each server that has one, made when it is first used, and
again after its server was replaced.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines.registry import registry
from labs.errors import BadInput, LabsError
from labs.sandbox.console import Answer, Console
from labs.sandbox.context import Context
from labs.sandbox.memcached_console import MemcachedConsole
from labs.sandbox.redis_cli.console import RedisConsole
from labs.sandbox.sql_console import SqlConsole

CONSOLES: dict[str, Callable[[Address, Access], Console]] = {
    "resp": RedisConsole,
    "memcached": MemcachedConsole,
    "sql": SqlConsole,
}
"""The console for each value of `console` of a kind of engine."""
LEARNER = "learner"
"""The user that every engine with users has for its console."""


class Consoles:
    """Any thread may call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._consoles: dict[str, Console] = {}

    def run(self, name: str, command: str) -> Answer:
        """Run a command in a server's console, and note it on the timeline."""
        answer = self._console(name).run(command)
        shown = command.strip().split("\n")[0][:80]
        self._context.say(
            f"Console {name}: {shown}" + (" (refused by the server)" if answer.failed else "")
        )
        return answer

    def complete(self, name: str, text: str) -> list[str]:
        """How a console command could go on."""
        return self._console(name).complete(text[:200])

    def close_one(self, name: str) -> None:
        """Close a console's connection; the next command opens another."""
        with self._lock:
            console = self._consoles.pop(name, None)
        if console is not None:
            with contextlib.suppress(LabsError, OSError):
                console.close()

    def close(self) -> None:
        """Close all connections."""
        for name in list(self._consoles):
            self.close_one(name)

    def _console(self, name: str) -> Console:
        node = self._context.topology.node(name)
        if name not in self._context.servers or not node.has_console:
            raise BadInput(f"{name[:40]} has no console.")
        with self._lock:
            if name not in self._consoles:
                self._consoles[name] = self._made(name)
            return self._consoles[name]

    def _made(self, name: str) -> Console:
        server, doubles = self._context.servers[name], self._context.doubles
        if doubles is not None:
            return doubles.console(name, lambda: self._context.servers[name].state == "up")
        console = CONSOLES[registry[server.engine.kind].console]
        return console(server.engine.address, server.engine.access(LEARNER))
