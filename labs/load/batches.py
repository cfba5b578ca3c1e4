"""What a client of the load reports ten times a second: counts, durations, and of a flight
recorder's clients every single operation.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

BATCH_S = 0.1


def flow(link: str, sense: str) -> str:
    """The name under which operations of a link that meant this are counted."""
    return f"{link} {sense}"


class Times(dict[str, "array[int]"]):
    """Durations in microseconds by kind; a kind begins when it is first used."""

    def __missing__(self, kind: str) -> array[int]:
        durations = self[kind] = array("Q")
        return durations


class Operation(NamedTuple):
    """One attempt of a flight recorder's client: when it began (monotonic seconds), how long it
    took, how it ended (labs.setups.replication.workload), and its number; of a read: how long it
    saw the list.
    """

    reads: bool
    began: float
    took_s: float
    ended_as: str
    number: int


@dataclass(slots=True, kw_only=True)
class Counts:
    """How many requests were wanted, dropped, done and so on."""

    scheduled: int = 0
    dropped: int = 0
    done: int = 0
    errors: int = 0
    stale: int = 0


@dataclass(slots=True)
class Batch(Counts):
    """What a client did since its last batch.

    `times` are microseconds by kind. Of a shop, `response` counts from when a request should have
    begun, `behind` are writes that went to the database behind the application's back, `staleness`
    is how long before a stale read began the first version after the one that it got was committed.
    `flows` counts operations by the link that they took and what they meant (`flow`), `error` has
    the first words of the newest failure. `connected_at` is when a flight recorder's client last
    connected (monotonic seconds), `idle_because` says once why the client does no more.
    """

    engine: str
    strategy: str
    problem: str = ""
    error: str = ""
    connected_at: float = 0.0
    idle_because: str = ""
    times: Times = field(default_factory=Times)
    flows: Counter[str] = field(default_factory=Counter)
    operations: list[Operation] = field(default_factory=list)
