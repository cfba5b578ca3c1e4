"""The consoles of a sandbox: one for each server that has one, made when it is first used, and
again when another server stands there.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines.registry import registry
from labs.errors import BadInput, LabsError
from labs.runtime.fake import FakeEngine
from labs.sandbox.console import Answer, Console, MemcachedConsole, RedisConsole, SqlConsole
from labs.sandbox.fakes import FakeConsole

if TYPE_CHECKING:
    from labs.sandbox.sandbox import Sandbox

CONSOLES: dict[str, Callable[[Address, Access], Console]] = {
    "resp": RedisConsole,
    "memcached": MemcachedConsole,
    "sql": SqlConsole,
}
"""The console for each language that a kind of engine can name."""
LEARNER = "learner"
"""The user that every engine with users has for its console."""


class Consoles:
    """Any thread may call."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._consoles: dict[str, Console] = {}

    def run(self, name: str, command: str) -> Answer:
        """Run a command in a server's console, and say so on the timeline."""
        answer = self._console(name).run(command)
        shown = command.strip().split("\n")[0][:80]
        self._sandbox.say(
            f"Console {name}: {shown}" + (" (refused by the server)" if answer.failed else "")
        )
        return answer

    def complete(self, name: str, text: str) -> list[str]:
        """How a console command could go on."""
        return self._console(name).complete(text[:200])

    def forget(self, name: str) -> None:
        """Give a console's connection back; the next command makes another."""
        with self._lock:
            console = self._consoles.pop(name, None)
        if console is not None:
            with contextlib.suppress(LabsError, OSError):
                console.close()

    def close(self) -> None:
        """Give all connections back."""
        for name in list(self._consoles):
            self.forget(name)

    def _console(self, name: str) -> Console:
        node = self._sandbox.lab.topology.node(name)
        if name not in self._sandbox.servers or not node.has_console:
            raise BadInput(f"{name[:40]} has no console.")
        with self._lock:
            if name not in self._consoles:
                self._consoles[name] = self._made(name)
            return self._consoles[name]

    def _made(self, name: str) -> Console:
        engine = self._sandbox.servers[name].engine
        if isinstance(engine, FakeEngine):
            return FakeConsole(name, lambda: self._sandbox.servers[name].state == "up")
        console = CONSOLES[registry[engine.kind].console]
        return console(engine.address, engine.access(LEARNER))
