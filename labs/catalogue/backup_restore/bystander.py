"""The Memcached next to the cluster: the pages that it holds, and its own answers to commands that
could mean a backup.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.caching.cache import CacheDown
from labs.clients.address import Address, straight
from labs.clients.memcached import MemcachedClient
from labs.engines.memcached import Memcached
from labs.errors import NotNow, ServerDown, ServerNotUp
from labs.lab import Column, Table
from labs.load.clients import LeanMemcached
from labs.sandbox.experiment import observed
from labs.sandbox.sandbox import Sandbox
from labs.setups.changes import shop_data

NODE = "memcached-001"
ITEMS = 500
ANSWERS_S = 1.0
COMMANDS = ("save", "bgsave", "backup", "dump", "restore")
REFUSALS = ("ERROR", "CLIENT_ERROR", "SERVER_ERROR")
ANSWERS = Table(
    "answers",
    "What Memcached answered",
    (Column("command", "Asked for"), Column("answer", "It answered")),
    "Ask it for a backup.",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What Memcached answered to each command; what it held, and which files it had, before and
    after a restart.
    """

    answers: tuple[tuple[str, str], ...]
    items_before: int
    items_after: int
    pids: tuple[int, int]
    files: tuple[str, ...]

    @property
    def refused(self) -> bool:
        """True if it carried out no command."""
        return all(answer.startswith(REFUSALS) for _, answer in self.answers)


def fill(sandbox: Sandbox) -> None:
    """Give it the same pages as the cluster. Raises ServerDown."""
    client = LeanMemcached(straight(sandbox.servers[NODE].engine.address))
    try:
        for command in shop_data.commands(ITEMS * 12):
            if command[0] == "SET" and str(command[1]).startswith("page:"):
                client.set(str(command[1]), str(command[2]), 0)
    except CacheDown as exc:
        raise ServerDown("Memcached does not answer.") from exc
    finally:
        client.shut()


def ask(sandbox: Sandbox) -> Asked:
    """Send it every command that could mean a backup, then restart it."""
    server, engine = sandbox.servers[NODE], sandbox.servers[NODE].engine
    if not isinstance(engine, Memcached):
        raise NotNow("Nothing real runs in this sandbox.")
    if server.state != "up":
        raise ServerNotUp("Memcached is not up.", hint="Restart it first.")
    answers = tuple((command, answer_to(engine.address, command)) for command in COMMANDS)
    before, pid = engine.count(), server.pid
    sandbox.server(NODE, "restart")
    files = sorted(path.name for path in engine.directory.iterdir() if path.name != "log")
    asked = Asked(answers, before, engine.count(), (pid, server.pid), tuple(files))
    return observed(sandbox, asked)


def answer_to(address: Address, command: str) -> str:
    """The first line that it answers to a command. Raises ServerDown."""
    client = MemcachedClient(straight(address), timeout_s=ANSWERS_S)
    try:
        return client.first_line(command.encode()).decode(errors="replace")
    except OSError as exc:
        raise ServerDown("Memcached does not answer.") from exc
    finally:
        client.close()
