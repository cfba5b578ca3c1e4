"""What a labs host knows of a sandbox, and what a sandbox and a machine may use."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import psutil

from labs.state import SandboxState

CALLS_PER_S, CALLS_IN_A_ROW = 50.0, 200.0
"""Of one sandbox: a browser sends six at once, and no person types as fast."""
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What a machine and a sandbox may use.

    `room` 0 means: as many as fit into `share` of the memory. `most` is for all that the memory
    does not bound.
    """

    room: int = 0
    most: int = 2_000
    share: float = 0.6
    expected_mb: int = 80
    budget_mb: int = 384
    disk_mb: int = 512
    idle_s: float = 30 * 60
    warn_s: float = 2 * 60
    longest_s: float = 4 * 3600
    queue: int = 200
    queued_s: float = 120.0

    @property
    def sandboxes(self) -> int:
        """How many sandboxes may be open at once."""
        fit = int(psutil.virtual_memory().total * self.share / (self.expected_mb * MB))
        return min(self.most, self.room or max(1, fit))


@dataclass(slots=True)
class SandboxRecord:
    """A sandbox with its owner, its status and what is known of it."""

    id: str
    owner: str
    lab: str
    settings: dict[str, Any]
    met: tuple[str, ...] = ()
    """The checks of the lab that its owner has met before."""
    status: str = "queued"
    reason: str = ""
    opened_at: float = 0.0
    touched_at: float = field(default_factory=time.monotonic)
    closed_at: float = 0.0
    warned: bool = False
    closing: bool = False
    calls: int = 0
    allowance: float = CALLS_IN_A_ROW
    allowed_at: float = field(default_factory=time.monotonic)
    event_bytes: float = 200.0
    state: SandboxState = field(default_factory=SandboxState)
