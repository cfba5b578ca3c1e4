"""When requests should begin: an open-loop schedule. Pure; the clock is handed in."""

from __future__ import annotations

import random
from dataclasses import dataclass

BEHIND_LIMIT_S = 2.0


@dataclass(slots=True)
class Schedule:
    """Arrivals at an even rate; with `chance`, at random moments of that rate (a Poisson process).

    A client that is more than two seconds behind drops what it missed, and counts it.
    """

    rate_per_s: float
    next_at: float
    chance: random.Random | None = None
    scheduled: int = 0
    dropped: int = 0

    def take(self, now: float) -> float:
        """Take the request that is due; returns when it should have begun."""
        if now - self.next_at > BEHIND_LIMIT_S:
            missed = int((now - self.next_at) * self.rate_per_s)
            self.dropped += missed
            self.scheduled += missed
            self.next_at += missed / self.rate_per_s
        due = self.next_at
        self.next_at += (
            self.chance.expovariate(self.rate_per_s) if self.chance else 1.0 / self.rate_per_s
        )
        self.scheduled += 1
        return due

    def set_rate(self, rate_per_s: float, now: float) -> None:
        """Go on at another rate from now."""
        self.rate_per_s = rate_per_s
        self.next_at = min(max(self.next_at, now), now + 1.0 / rate_per_s)
