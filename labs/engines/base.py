"""What a sandbox asks of every engine, and what kinds of engine add to it."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines.readings import Counters, of_cache, of_database
from labs.runtime.launch import Launch

LISTENS_TIMEOUT_S = 0.5


class Engine(ABC):
    """One server: how it is started, what it counts.

    All that asks the server raises ServerDown when it does not answer in time, and may be called
    from any thread.
    """

    kind: str
    """Its name in labs.engines.registry."""
    name: str
    """The node that it stands at."""
    address: Address
    """Where it listens."""
    directory: Path
    """Its own, with its configuration and its data."""

    @abstractmethod
    def launch(self) -> Launch:
        """How to start it. Raises DidNotStart if it is not installed."""

    def listens(self) -> bool:
        """True once it seems to accept connections: a cheap question to ask before `ready`."""
        with socket.socket() as probe:
            probe.settimeout(LISTENS_TIMEOUT_S)
            return probe.connect_ex((self.address.host, self.address.port)) == 0

    @abstractmethod
    def ready(self, timeout_s: float) -> str:
        """The server's version once it answers its own question."""

    def counters(self) -> dict[str, float]:
        """What the server has counted, all at one moment; here nothing that a lab shows."""
        return {}

    def readings(self, before: Counters, after: Counters, seconds: float) -> dict[str, float]:
        """Metrics (names of labs.measure.metrics) between two calls of `counters`; pure."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Give our connection back; the next question opens another."""

    @classmethod
    def build(
        cls, name: str, address: Address, directory: Path, password: str, options: Mapping[str, Any]
    ) -> Engine:
        """An engine for a node; `options` are the node's. An engine without users leaves out the
        password.
        """
        make: Callable[..., Engine] = cls
        return make(name, address, directory, password, **options)

    def access(self, user: str) -> Access:
        """How a client is let in as this user; here without logging in."""
        return Access()

    def configure(self) -> None:  # noqa: B027 - a hook
        """Take other settings while it runs. Most engines have none that can change."""

    def after_restart(self) -> str:
        """A sentence for the learner: what a restart has cost."""
        return "It has lost what it held in memory."


class CacheEngine(Engine):
    """An engine that keeps values by key, and counts hits and misses."""

    def readings(self, before: Counters, after: Counters, seconds: float) -> dict[str, float]:
        return of_cache(before, after, seconds)

    def hits(self) -> int:
        """How many lookups found a value since the server started."""
        return int(self.counters()["hits"])

    def misses(self) -> int:
        """How many lookups found none since the server started."""
        return int(self.counters()["misses"])

    @abstractmethod
    def flush(self) -> None:
        """Delete every key."""

    @abstractmethod
    def item(self, key: str) -> tuple[str, float] | None:
        """A value as it is stored, and the seconds that it has left (-1: for ever); None if there
        is none.
        """

    @abstractmethod
    def count(self) -> int:
        """How many keys there are."""


class DatabaseEngine(Engine):
    """An engine that answers statements in SQL, and counts those of the application."""

    def readings(self, before: Counters, after: Counters, seconds: float) -> dict[str, float]:
        return of_database(before, after, seconds)

    def queries(self) -> int:
        """How many statements the application has had answered since the server started; exact at
        once.
        """
        return int(self.counters()["queries"])

    @abstractmethod
    def query(self, statement: str, parameters: Mapping[str, object]) -> tuple[object, ...]:
        """The first row of the answer, as a role without rights of its own; (None,) if there is
        none.
        """
