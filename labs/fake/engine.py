"""An engine that is ready at once, and whose counters are those of its sandbox's state."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from labs.clients.address import Address
from labs.engines import readings
from labs.engines.base import CacheEngine, DatabaseEngine
from labs.fake.state import NOBODY_LISTENS, FakeState
from labs.runtime.launch import Launch

CACHES = ("redis", "memcached")


@dataclass(frozen=True, slots=True)
class FakeEngine(CacheEngine, DatabaseEngine):
    """An engine that is ready at once."""

    name: str
    kind: str
    state: FakeState
    address: Address = NOBODY_LISTENS

    def launch(self) -> Launch:
        if self.kind == "postgres":
            self.state.queries = 0
        elif self.kind in CACHES:
            self.state.hits = self.state.misses = 0
            self.flush()
        return Launch(argv=("fake",))

    def listens(self) -> bool:
        return True

    def ready(self, timeout_s: float) -> str:
        return "fake"

    def counters(self) -> dict[str, float]:
        held = self.state
        if self.kind == "postgres":
            return {"queries": held.queries}
        if self.kind not in CACHES:
            return {}
        lookups = held.hits + held.misses
        return {
            "hits": held.hits,
            "misses": held.misses,
            "operations": lookups,
            "evicted": 0,
            "expired": 0,
            "items": len(held.stored),
            "bytes": 0,
            "connections": 0,
        }

    def readings(
        self, before: readings.Counters, after: readings.Counters, seconds: float
    ) -> dict[str, float]:
        if self.kind == "postgres":
            return readings.of_database(before, after, seconds)
        return readings.of_cache(before, after, seconds) if self.kind in CACHES else {}

    def query(self, statement: str, parameters: Mapping[str, object]) -> tuple[object, ...]:
        """The version of the item that is asked for, whatever the statement."""
        (item,) = parameters.values()
        return (self.state.versions.get(int(str(item)), 1),)

    def item(self, key: str) -> tuple[str, float] | None:
        if key not in self.state.stored:
            return None
        value, until = self.state.stored[key]
        return value.decode(), -1 if until == math.inf else until - time.monotonic()

    def count(self) -> int:
        return len(self.state.stored)

    def flush(self) -> None:
        self.state.stored.clear()

    def close(self) -> None:
        """There is no connection."""
