"""The load of numbered writes: one client sends the next number when the last one is answered, and
reports which were acknowledged, and when.
"""

from __future__ import annotations

import contextlib
import math
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from labs.clients.access import Access
from labs.clients.address import Way
from labs.clients.resp import ReplyError, RespClient, Word
from labs.errors import ServerDown
from labs.lab import Strategy
from labs.load.batches import Batch, flow
from labs.load.commits import Commits
from labs.load.failures import words_of
from labs.load.program import ScheduledProgram, WorkloadSpec
from labs.network.links import Route

TIMEOUT_S = 2.0
TRY_AGAIN_S = 0.02
NO_ANSWER = "no answer"

OnCommand = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersSpec(WorkloadSpec):
    """Numbers from `first` to `last`, written through a strategy over one link to one server."""

    strategy: Strategy
    link: str
    server: Route
    access: Access
    first: int
    last: int

    label = "redis", "numbers"

    def program(self, commits: Commits) -> Numbers:
        """The program, made in the client's process."""
        return Numbers(self)


@dataclass(slots=True)
class Written(Batch):
    """A batch with the numbers that were acknowledged since the last batch, and the monotonic
    seconds of each answer.
    """

    numbers: array[int] = field(default_factory=lambda: array("Q"))
    moments: array[float] = field(default_factory=lambda: array("d"))

    def acknowledge(self, number: int) -> None:
        """Note that the server has acknowledged this number."""
        self.numbers.append(number)
        self.moments.append(time.monotonic())


class Client(RespClient):
    """A client of the server. Every command raises ServerDown if there is no answer.

    `on_command` is called with each command, its reply and its ms. `refused` is the newest error
    reply.
    """

    refused = ""

    def __init__(
        self,
        way: Way,
        access: Access,
        *,
        on_command: OnCommand = lambda _command, _reply, _ms: None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(way, access, timeout_s=timeout_s)
        self._on_command = on_command

    def command(self, *words: Word) -> str | None:
        """The server's answer to a command, an error included."""
        began = time.perf_counter()
        shown, answer = " ".join(map(str, words)), NO_ANSWER
        try:
            reply = super().command(*words)
            if isinstance(reply, ReplyError):
                self.refused = str(reply)
            text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
            answer = "(nil)" if reply is None else text
        except OSError as exc:
            raise ServerDown("The server did not answer.", detail=str(exc)) from exc
        finally:
            self._on_command(shown, answer, (time.perf_counter() - began) * 1000)
        return None if reply is None else text

    def post(self, *words: Word) -> None:
        """Send a command without waiting for its reply, which is thrown away when it arrives."""
        try:
            super().post(*words)
        except OSError as exc:
            raise ServerDown("The server did not answer.", detail=str(exc)) from exc

    def connect(self) -> None:
        """Try to connect now, so that the first command is not slower than the others."""
        with contextlib.suppress(OSError):
            if self.ended():
                self.close()
            super().connect()


class Numbers(ScheduledProgram):
    """Writes the next number when the last one is answered; one that was not answered is written
    again.
    """

    def __init__(self, spec: NumbersSpec) -> None:
        super().__init__(spec, jitter=False)
        self._client = Client(spec.server.open(), spec.access)
        self._spec = spec
        self._next = spec.first
        self._batch = Written(*spec.label)
        self._stop_at_last()

    @property
    def due(self) -> float:
        """When the next number should be written; infinity after the last one."""
        return self.schedule.next_at if self._next <= self._spec.last else math.inf

    def reconfigure(self, spec: WorkloadSpec) -> None:
        """Go on with other settings."""
        assert isinstance(spec, NumbersSpec)
        self._spec = spec
        self.set_rate(spec)

    def once(self, now: float) -> None:
        """Write one number."""
        self.schedule.take(now)
        write = self._spec.strategy.write
        assert write is not None
        began, self._client.refused = time.monotonic(), ""
        try:
            write(self._client, self._batch, self._next)
        except ServerDown as exc:
            # The same number again: the client can’t say whether it arrived.
            self._failed(words_of(exc))
            return
        self._next += 1
        if self._client.refused:
            self._failed(self._client.refused)
            self._stop_at_last()
            return
        self._batch.done += 1
        self._batch.flows[flow(self._spec.link, "write")] += 1
        self._batch.times["write"].append(int((time.monotonic() - began) * 1e6))
        self._stop_at_last()

    def take_batch(self) -> Batch:
        """What was done since the last call."""
        batch, self._batch = self._batch, Written(*self._spec.label)
        return self.counted(batch)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _failed(self, words: str) -> None:
        """Count a write that failed, and pause."""
        self._batch.errors += 1
        self._batch.error = words
        self._batch.flows[flow(self._spec.link, "error")] += 1
        self.schedule.next_at = max(self.schedule.next_at, time.monotonic() + TRY_AGAIN_S)

    def _stop_at_last(self) -> None:
        if self._next > self._spec.last:
            self._batch.idle_because = (
                f"number {self._spec.last:,} is the last one that its client "
                "writes; an empty disk begins with 1 again"
            )
