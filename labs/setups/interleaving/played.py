"""What was seen when a schedule was played: each step, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from labs.events import Sense

Role = Literal["reader", "writer", "eviction"]
Outcome = Literal["fresh", "empty", "stale", "impossible"]
OUTCOMES: tuple[Outcome, ...] = ("fresh", "empty", "stale", "impossible")


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was taken.

    `cached` and `committed` are what the servers held after it, if the race was watched.
    """

    letter: str
    role: str
    name: str
    server: str = ""
    command: str = ""
    reply: str = ""
    took_ms: float = 0.0
    meaning: Sense = "none"
    cached: int | None = None
    committed: int | None = None
    waited: bool = False


@dataclass(frozen=True, slots=True)
class Blocked:
    """A worker that waited for the row lock of another, as pg_blocking_pids reports it."""

    letter: str
    by: str
    pid: int
    by_pid: int


@dataclass(frozen=True, slots=True)
class Played:
    """One schedule: its letters, the workers that could have gone at each step, and how it ended.

    Versions are the servers' own at the end. `left_ms` is the time to live that the cache reports
    of what it holds; None: without end. `old_answers` are reads that answered with less than the
    database had committed before they began. `schedule` of an impossible one ends with the step
    that waited.
    """

    schedule: str
    waiting: tuple[str, ...]
    outcome: Outcome
    steps: tuple[Step, ...] = field(repr=False, default=())
    cached: int | None = None
    committed: int = 0
    left_ms: int | None = None
    old_answers: int = 0
    blocked: Blocked | None = None
    problem: str = ""
