"""An engine that is ready at once, and whose counters are those of its sandbox's state."""

from __future__ import annotations

from dataclasses import dataclass

from labs.engines import readings
from labs.engines.address import Address
from labs.engines.launch import Launch
from labs.fake.state import NOBODY_LISTENS, FakeState

CACHES = ("redis", "memcached")


@dataclass(frozen=True, slots=True)
class FakeEngine:
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
        return Launch(argv=("fake",), ready=lambda _: "fake")

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

    def hits(self) -> int:
        return self.state.hits

    def misses(self) -> int:
        return self.state.misses

    def queries(self) -> int:
        return self.state.queries

    def version_of(self, what: str, item: int) -> int:
        return self.state.versions.get(item, 1)

    def flush(self) -> None:
        self.state.stored.clear()

    def close(self) -> None:
        """There is no connection."""
