"""What single requests did, with the servers' own counters before and after.

Checks judge this; strategies can't write it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from labs.events import Sense
from labs.lab import require_seen

Seen = TypeVar("Seen")
MOST_REQUESTS, MOST_OBSERVATIONS = 5_000, 5_000
LEFT_OUT_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Trip:
    """One command to a server and its answer."""

    server: str
    command: str
    meaning: Sense
    took_ms: float


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the application, alone on its servers. Times are monotonic seconds.

    `hits`, `misses` and `queries` are increases of the servers' own counters (keyspace_hits /
    get_hits, …, pg_stat_statements); they mean nothing unless `alone`. `version` is what the answer
    carried, `committed` what the database held before a read began.
    """

    number: int
    function: str
    strategy: str
    engine: str
    item: int
    what: str
    meaning: Sense
    began: float
    ended: float
    took_ms: float
    hits: int
    misses: int
    queries: int
    alone: bool
    version: int | None
    committed: int | None
    ttl_s: float
    cache_down: bool
    answered: bool
    trips: tuple[Trip, ...] = ()

    def ms_at(self, server: str) -> float:
        """How long its commands to a server took, together."""
        return sum(trip.took_ms for trip in self.trips if trip.server == server)

    @property
    def stale(self) -> bool:
        """A read that answered with less than the database had committed before it began."""
        return (
            self.function == "read"
            and self.version is not None
            and self.committed is not None
            and self.version < self.committed
        )


@dataclass(slots=True)
class Ledger:
    """The requests of this sandbox in order, since it was opened or reset; the oldest go when there
    are too many.
    """

    requests: list[Request] = field(default_factory=list)
    emptied_at: list[float] = field(default_factory=list)
    number: int = 0
    observations: list[object] = field(default_factory=list)
    """What a lab's own experiments saw on the servers, oldest first; of the lab's own types."""

    def next_number(self) -> int:
        """A number for the next request."""
        self.number += 1
        return self.number

    def add(self, request: Request) -> None:
        """Keep one more."""
        self.requests.append(request)
        if len(self.requests) > MOST_REQUESTS:
            del self.requests[:LEFT_OUT_AT_ONCE]

    def observe(self, *seen: object) -> None:
        """Keep what an experiment saw."""
        self.observations += seen
        if len(self.observations) > MOST_OBSERVATIONS:
            del self.observations[:LEFT_OUT_AT_ONCE]

    def reads(self, *, item: int | None = None) -> list[Request]:
        """Reads in order, of one item or of all."""
        return [
            r for r in self.requests if r.function == "read" and (item is None or r.item == item)
        ]

    def writes(self) -> list[Request]:
        """Writes in order."""
        return [r for r in self.requests if r.function == "write"]

    def seen(self, kind: type[Seen]) -> list[Seen]:
        """What was observed of one kind, oldest first."""
        return [one for one in self.observations if isinstance(one, kind)]

    def newest(
        self, kind: type[Seen], where: Callable[[Seen], object] = lambda _: True
    ) -> Seen | None:
        """The newest observation of one kind that fits; None if there is none."""
        return next(filter(where, reversed(self.seen(kind))), None)

    def require_newest(
        self,
        kind: type[Seen],
        message: str,
        where: Callable[[Seen], object] = lambda _: True,
        *,
        hint: str,
    ) -> Seen:
        """The newest observation of one kind that fits, which a check judges. Raises Unmet without
        evidence if there is none.
        """
        return require_seen(self.newest(kind, where), message, hint=hint)

    def clear(self) -> None:
        """Forget everything but the numbering."""
        self.requests.clear()
        self.emptied_at.clear()
        self.observations.clear()
