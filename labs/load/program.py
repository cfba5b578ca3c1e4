"""What one client of the load runs: its specification, which crosses a process border, and the
program that is made from it in the client's own process.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Protocol

from labs.load.batches import Batch
from labs.load.commits import Commits
from labs.load.schedule import Schedule

SEED = 7
LEAST_PER_S = 0.5


class Program(Protocol):
    """What `labs.load.loop.run` drives. One thread calls it; times are monotonic seconds."""

    @property
    def due(self) -> float:
        """When the next request should begin; infinity if there is none."""

    def once(self, now: float) -> None:
        """Make one request. It must end by its own timeout, and count failures in the batch."""

    def take_batch(self) -> Batch:
        """What was done since the last call."""

    def reconfigure(self, spec: WorkloadSpec) -> None:
        """Go on with other settings. `take_batch` was called just before."""

    def close(self) -> None:
        """Give every connection back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSpec:
    """The workload of one client: number `client` of `clients`.

    `rate_per_s` is wanted of all clients together. After `requests` requests of its own the client
    only waits to be stopped; 0: no end. A specification is pickled, so it holds module-level
    functions and no lambdas.
    """

    rate_per_s: float
    client: int = 0
    clients: int = 1
    seed: int = SEED
    requests: int = 0

    @property
    def label(self) -> tuple[str, str]:
        """The engine and the strategy under which its batches are counted."""
        raise NotImplementedError

    @property
    def client_rate_per_s(self) -> float:
        """The rate of this client alone."""
        return max(LEAST_PER_S, self.rate_per_s / self.clients)

    def program(self, commits: Commits) -> Program:
        """The program, made in the client's process. `commits` is shared by all clients."""
        raise NotImplementedError


class ScheduledProgram:
    """A program whose requests follow an open-loop schedule. `random` is seeded by the client."""

    def __init__(self, spec: WorkloadSpec, *, even: bool = True, jitter: bool = True) -> None:
        self.random = random.Random(spec.seed * 1_000 + spec.client)
        rate, now = spec.client_rate_per_s, time.monotonic()
        first = now + self.random.random() / rate if jitter else now
        self.schedule = Schedule(rate, first, chance=None if even else self.random)

    @property
    def due(self) -> float:
        """When the next request should begin."""
        return self.schedule.next_at

    def set_rate(self, spec: WorkloadSpec) -> None:
        """Go on at the specification's rate."""
        self.schedule.set_rate(spec.client_rate_per_s, time.monotonic())

    def counted(self, batch: Batch) -> Batch:
        """The batch, with what the schedule wanted and dropped since the last one."""
        batch.scheduled, self.schedule.scheduled = self.schedule.scheduled, 0
        batch.dropped, self.schedule.dropped = self.schedule.dropped, 0
        return batch
