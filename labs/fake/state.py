"""What the doubles of one sandbox hold instead of servers."""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.clients.address import Address

NOBODY_LISTENS = Address("127.0.0.1", 1)


@dataclass(slots=True)
class FakeState:
    """What the fake servers of one sandbox hold, and what they would have counted.

    Stored values have the moment of their end.
    """

    stored: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0
    queries: int = 0
