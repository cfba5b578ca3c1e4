"""The clients of a flight recorder: one writes numbers through the primary endpoint, the others
read through the reader endpoint. Every attempt is reported, however it ended.

They have two addresses and no other: the endpoints decide which server answers. A number is
sent once: a failed write is not sent again, so that no two attempts are taken for one.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.resp import ReplyError, RespClient, Word
from labs.load.batches import Batch, Operation, flow
from labs.load.commits import Commits
from labs.load.failures import words_of
from labs.load.program import WorkloadSpec

ACKNOWLEDGED, LOST, UNCONFIRMED, READONLY, NO_REPLICAS = "alwon"
OTHER_ERROR, RESET, TIMED_OUT, REFUSED, READ = "ertfh"
"""How an attempt ended.

`lost` is known later, from reading the survivors; `unconfirmed` was acknowledged, but by fewer
replicas than WAIT asked for.
"""
_OF_ERROR = {"READONLY": READONLY, "NOREPLICAS": NO_REPLICAS}
_OF_EXCEPTION = ((TimeoutError, TIMED_OUT), (ConnectionRefusedError, REFUSED), (OSError, RESET))
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.5


def own_read(link: str) -> str:
    """The name under which the latency of reads of own writes over this link is counted."""
    return f"own read {link}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec(WorkloadSpec):
    """One client of an endpoint. `reads` makes it a reader of the list `list_name`; else it writes
    numbers to that list.

    `wait` is how many replicas each write waits for (WAIT). After `keep_connection_s` a reader
    connects again; 0: never. A writer reads each acknowledged write back at `own_reads_at`, on a
    connection of its own, if that is set. `link` is the name of the link to the endpoint,
    `own_link` of that to the other.
    """

    endpoint: Address
    link: str
    access: Access
    list_name: str
    reads: bool
    timeout_s: float = 0.5
    retry: str = "fixed"
    wait: int = 0
    keep_connection_s: float = 0.0
    own_reads_at: Address | None = None
    own_link: str = ""

    label = "group", "recorder"

    def program(self, commits: Commits) -> EndpointClient:
        """The program, made in the client's process."""
        return EndpointClient(self)


class Connection(RespClient):
    """A connection to an endpoint, made when it is needed; after a failure that breaks it, the next
    command makes another, by the endpoint's name.
    """

    error = ""

    def __init__(self, endpoint: Address, access: Access) -> None:
        super().__init__(straight(endpoint), access)

    def ask(self, timeout_s: float, *words: Word) -> tuple[str, object]:
        """How it ended, and the reply. `error` has the words of the newest failure."""
        self.set_timeout(timeout_s)
        try:
            self.connect()
            reply = self.command(*words)
        except OSError as exc:
            self.error = words_of(exc)
            return next(letter for kind, letter in _OF_EXCEPTION if isinstance(exc, kind)), None
        if isinstance(reply, ReplyError):
            self.error = words_of(reply)
            ended_as = _OF_ERROR.get(str(reply).split(" ", 1)[0], OTHER_ERROR)
            if ended_as == READONLY:
                self.close()  # a server that answers this is no longer the primary
            return ended_as, None
        return ACKNOWLEDGED, reply

    def connect(self) -> None:
        """Connect and log in. Raises ConnectionRefusedError as well when the connection is reset
        before the login is answered.
        """
        try:
            super().connect()
        except ConnectionResetError as exc:
            # The listener accepts before it finds that the server is down, and closes then.
            raise ConnectionRefusedError from exc


class EndpointClient:
    """One client of an endpoint, with a pace of its own: each request is due an even step after the
    last one was due, but not before the pause after a failure is over.
    """

    def __init__(self, spec: EndpointSpec) -> None:
        self._spec = spec
        self._connection = Connection(spec.endpoint, spec.access)
        self._own: Connection | None = None
        self._number = 0
        self._pause_s = 0.0
        self._random = random.Random(spec.seed + spec.client)
        self._batch = Batch(*spec.label)
        self.due = time.monotonic() + self._random.random() / spec.client_rate_per_s

    def reconfigure(self, spec: WorkloadSpec) -> None:
        """Go on with other settings."""
        assert isinstance(spec, EndpointSpec)
        self._spec = spec
        self.due = min(self.due, time.monotonic() + 1 / spec.client_rate_per_s)

    def once(self, now: float) -> None:
        """Make one attempt, and record it however it ends."""
        self._batch.scheduled += 1
        self._attempt()
        self.due = max(
            self.due + 1 / self._spec.client_rate_per_s, time.monotonic() + self._pause_s
        )

    def take_batch(self) -> Batch:
        """What was done since the last call."""
        batch, self._batch = self._batch, Batch(*self._spec.label)
        batch.connected_at = self._connection.connected_at
        return batch

    def close(self) -> None:
        """Give every connection back."""
        self._connection.close()
        if self._own is not None:
            self._own.close()

    def _attempt(self) -> None:
        began = time.monotonic()
        self._number += 1
        reads = self._spec.reads
        ended_as, number = self._read() if reads else (self._write(self._number), self._number)
        took_s = time.monotonic() - began
        self._batch.operations.append(Operation(reads, began, took_s, ended_as, number))
        if ended_as in (ACKNOWLEDGED, UNCONFIRMED, READ):
            self._batch.done += 1
            self._batch.times["read" if reads else "write"].append(int(took_s * 1e6))
            self._batch.flows[flow(self._spec.link, "hit" if reads else "write")] += 1
            self._pause_s = 0.0
        else:
            self._batch.errors += 1
            self._batch.error = self._connection.error
            self._batch.flows[flow(self._spec.link, "error")] += 1
            self._pause_s = self._next_pause_s()
        if ended_as == ACKNOWLEDGED:
            self._read_own_write(number)

    def _next_pause_s(self) -> float:
        """After a failure: always the same, or twice as long each time, with jitter."""
        if self._spec.retry == "fixed":
            return FIRST_PAUSE_S
        return min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, self._pause_s * 2)) * (
            0.5 + self._random.random()
        )

    def _write(self, number: int) -> str:
        spec = self._spec
        ended_as, _ = self._connection.ask(spec.timeout_s, "RPUSH", spec.list_name, number)
        if ended_as != ACKNOWLEDGED or not spec.wait:
            return ended_as
        waited, replicas = self._connection.ask(
            spec.timeout_s, "WAIT", spec.wait, int(spec.timeout_s * 500)
        )
        confirmed = waited == ACKNOWLEDGED and isinstance(replicas, int) and replicas >= spec.wait
        return ACKNOWLEDGED if confirmed else UNCONFIRMED

    def _read(self) -> tuple[str, int]:
        spec = self._spec
        connected_for_s = time.monotonic() - self._connection.connected_at
        if spec.keep_connection_s and connected_for_s > spec.keep_connection_s:
            self._connection.close()
        ended_as, length = self._connection.ask(spec.timeout_s, "LLEN", spec.list_name)
        if ended_as == ACKNOWLEDGED and isinstance(length, int):
            return READ, length
        return ended_as, 0

    def _read_own_write(self, number: int) -> None:
        """Look for the number that was just acknowledged where this client reads."""
        spec = self._spec
        if spec.own_reads_at is None:
            return
        if self._own is None or self._own.address != spec.own_reads_at:
            self._own = Connection(spec.own_reads_at, spec.access)
        began = time.monotonic()
        ended_as, found = self._own.ask(spec.timeout_s, "LINDEX", spec.list_name, -1)
        if ended_as == ACKNOWLEDGED:
            took_us = int((time.monotonic() - began) * 1e6)
            self._batch.times[own_read(spec.own_link)].append(took_us)
            is_old = not isinstance(found, bytes) or not found.isdigit() or int(found) < number
            self._batch.stale += is_old
            self._batch.flows[flow(spec.own_link, "stale" if is_old else "hit")] += 1
