"""A flight: a fault of a replication group and what came of it, as the recorder keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.events import Value

_CHANGES = {
    "kill": "was killed",
    "pause": "is frozen",
    "resume": "goes on",
    "restart": "is back",
}


def words_for(server: str, verb: str) -> str:
    """How a recording describes that a server was killed, paused, resumed or restarted."""
    return f"{server} {_CHANGES[verb]}"


@dataclass(frozen=True, slots=True)
class Isolated:
    """What a primary did after the fault that cut it off from all others: the numbers that it
    acknowledged and that are lost, those of them after another was promoted, its NOREPLICAS errors,
    when the first of these came (ms), and what it acknowledged after that.
    """

    lost: int
    lost_after_promotion: int
    refused: int
    first_refusal_ms: float
    lost_after_refusal: int


@dataclass(slots=True)
class Flight:
    """A fault and what came of it.

    `at` is monotonic seconds; every field after `before` is set when the flight is over.

    `agreed` is how many sentinels held the server to be down, `accepted_after` the numbers that
    were acknowledged when writes went on, and kept. `gap` is the longest time without an
    acknowledged write, in monotonic seconds; its end is None if it has not ended.
    """

    number: int
    verb: str
    server: str
    zone: str
    words: str
    at: float
    wall: float
    settings: dict[str, Value]
    list_name: str
    marks: list[tuple[float, str]] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    results: dict[str, Value] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    isolated: Isolated = field(default_factory=lambda: Isolated(0, 0, 0, 0.0, 0))
    agreed: int = 0
    accepted_after: tuple[int, ...] = ()
    gap: tuple[float, float | None] = (0.0, None)
    ended_at: float = 0.0
    client: str = ""
    client_after: str = ""

    @property
    def name(self) -> str:
        """The name of its record."""
        return f"flight-{self.number}"

    @property
    def replicas_before(self) -> int:
        """How many replicas the group had when the fault happened."""
        return list(self.before.values()).count("replica")
