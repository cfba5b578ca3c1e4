"""A lab's memcached: its command line, its question, its counters.

Starts nothing. It has no users: every client that can reach it may do everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any
from urllib.parse import unquote

from labs.clients.address import Address, straight
from labs.clients.memcached import MemcachedClient
from labs.engines import binaries, readings
from labs.engines.base import CacheEngine
from labs.engines.control import TIMEOUT_S, Control
from labs.runtime.launch import Launch, or_none


@dataclass(frozen=True)
class Memcached(CacheEngine):
    """One memcached."""

    name: str
    address: Address
    directory: Path
    maxmemory_mb: int = 32
    kind = "memcached"
    _control: Control[MemcachedClient] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        client = MemcachedClient(straight(self.address))
        object.__setattr__(self, "_control", Control(self.name, client))

    @classmethod
    def build(
        cls,
        name: str,
        address: Address,
        directory: Path,
        password: str,
        options: Mapping[str, Any],
    ) -> Memcached:
        """An engine for a node. It has no users, so the password is left out."""
        return cls(name, address, directory, **options)

    def launch(self) -> Launch:
        """How to start it."""
        return Launch(
            argv=(
                str(binaries.find("memcached")),
                "-l",
                self.address.host,
                "-p",
                str(self.address.port),
                "-U",
                "0",
                "-m",
                str(self.maxmemory_mb),
                "-c",
                "256",
                "-I",
                "1m",
                "-t",
                "1",
                "-R",
                "20",
                "-B",
                "ascii",
                "-W",
            ),
            env=binaries.environment(),
            ready=or_none(self.ready),
            death_signal=Signals.SIGKILL,
            stop_signal=Signals.SIGKILL,
        )

    def ready(self, timeout_s: float = TIMEOUT_S) -> str:
        """The server's version once it answers. Raises ServerDown until then."""
        return self._control.ask(MemcachedClient.version, timeout_s)

    def counters(self) -> dict[str, float]:
        """What the server has counted, all at one moment. Raises ServerDown."""
        stats = self.stats()
        return {
            "run": stats["pid"] + stats["time"] - stats["uptime"],
            "hits": stats["get_hits"],
            "misses": stats["get_misses"],
            "operations": stats["cmd_get"] + stats["cmd_set"] + stats["cmd_touch"],
            "evicted": stats["evictions"],
            "expired": stats["reclaimed"],
            "items": stats["curr_items"],
            "bytes": stats["bytes"],
            "connections": stats["curr_connections"],
        }

    def readings(
        self, before: readings.Counters, after: readings.Counters, seconds: float
    ) -> dict[str, float]:
        """Metrics between two calls of `counters`."""
        return readings.of_cache(before, after, seconds)

    def hits(self) -> int:
        """get_hits now. Raises ServerDown."""
        return int(self.stats()["get_hits"])

    def misses(self) -> int:
        """get_misses now. Raises ServerDown."""
        return int(self.stats()["get_misses"])

    def flush(self) -> None:
        """Forget all keys. Raises ServerDown."""
        self._control.ask(MemcachedClient.flush)

    def keys(self) -> list[str]:
        """Every key, by lru_crawler metadump. Raises ServerDown."""
        lines = self._control.ask(lambda client: client.lines(b"lru_crawler metadump all"))
        keys = (line.split(b" ", 1)[0].removeprefix(b"key=") for line in lines)
        return sorted(unquote(key.decode()) for key in keys)

    def item(self, key: str) -> tuple[str, float] | None:
        """A value as it is stored, and the whole seconds that it has left (-1: for ever); None if
        there is none. Raises ServerDown.
        """
        found = self._control.ask(lambda client: client.item(key))
        return (found[0].decode(errors="replace"), float(found[1])) if found else None

    def count(self) -> int:
        """How many items there are, with those that have expired and were not looked up since.

        Raises ServerDown.
        """
        return int(self.stats()["curr_items"])

    def held_bytes(self) -> float:
        """What the keys and their values take: bytes. Raises ServerDown."""
        return self.stats()["bytes"]

    def stats(self) -> dict[str, float]:
        """The numbers among the server's `stats`. Raises ServerDown."""
        return parse_stats(self._control.ask(lambda client: client.lines(b"stats")))

    def close(self) -> None:
        """Give our connection back; the next question opens another."""
        self._control.close()


def parse_stats(lines: Iterable[bytes]) -> dict[str, float]:
    """The numbers in an answer to `stats`; what is no number is left out."""
    values: dict[str, float] = {}
    for line in lines:
        match line.decode(errors="replace").split(" "):
            case ["STAT", name, value] if value.replace(".", "", 1).isdigit():
                values[name] = float(value)
    return values
