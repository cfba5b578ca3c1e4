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

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.memcached import MemcachedClient
from labs.engines import binaries
from labs.engines.base import CacheEngine
from labs.engines.control import TIMEOUT_S, Control
from labs.engines.identity import Identity
from labs.runtime.launch import Launch


@dataclass(frozen=True)
class Memcached(CacheEngine):
    """One memcached. With an `identity` it speaks TLS, and nothing else."""

    name: str
    address: Address
    directory: Path
    maxmemory_mb: int = 32
    identity: Identity | None = None
    kind = "memcached"
    _control: Control[MemcachedClient] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        client = MemcachedClient(straight(self.address), tls=self.access("").tls)
        object.__setattr__(self, "_control", Control(self.name, client))

    @classmethod
    def build(
        cls, name: str, address: Address, directory: Path, password: str, options: Mapping[str, Any]
    ) -> Memcached:
        return cls(name, address, directory, **options)

    def launch(self) -> Launch:
        options = (
            f"-l {self.address.host} -p {self.address.port} -U 0 -m {self.maxmemory_mb} -c 256 "
            "-I 1m -t 1 -R 20 -B ascii -W"
        )
        if self.identity:
            files = f"ssl_chain_cert={self.identity.certificate},ssl_key={self.identity.key}"
            options += f" -Z -o {files}"
        return Launch(
            argv=(str(binaries.find("memcached")), *options.split()),
            env=binaries.environment(),
            death_signal=Signals.SIGKILL,
            stop_signal=Signals.SIGKILL,
        )

    def access(self, user: str) -> Access:
        return Access(tls=self.identity.trusted if self.identity else None)

    def ready(self, timeout_s: float = TIMEOUT_S) -> str:
        return self._control.ask(MemcachedClient.version, timeout_s)

    def counters(self) -> dict[str, float]:
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

    def flush(self) -> None:
        self._control.ask(MemcachedClient.flush)

    def keys(self) -> list[str]:
        """Every key, by lru_crawler metadump. Raises ServerDown."""
        lines = self._control.ask(lambda client: client.lines(b"lru_crawler metadump all"))
        keys = (line.split(b" ", 1)[0].removeprefix(b"key=") for line in lines)
        return sorted(unquote(key.decode()) for key in keys)

    def item(self, key: str) -> tuple[str, float] | None:
        found = self._control.ask(lambda client: client.item(key))
        return (found[0].decode(errors="replace"), float(found[1])) if found else None

    def count(self) -> int:
        """With those that have expired and were not looked up since."""
        return int(self.stats()["curr_items"])

    def held_bytes(self) -> float:
        """What the keys and their values take: bytes. Raises ServerDown."""
        return self.stats()["bytes"]

    def stats(self) -> dict[str, float]:
        """The numbers among the server's `stats`. Raises ServerDown."""
        return parse_stats(self._control.ask(lambda client: client.lines(b"stats")))

    def close(self) -> None:
        self._control.close()


def parse_stats(lines: Iterable[bytes]) -> dict[str, float]:
    """The numbers in an answer to `stats`; what is no number is left out."""
    values: dict[str, float] = {}
    for line in lines:
        match line.decode(errors="replace").split(" "):
            case ["STAT", name, value] if value.replace(".", "", 1).isdigit():
                values[name] = float(value)
    return values
