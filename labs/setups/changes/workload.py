"""A writer: a client that changes prices in a Redis, and notes in a file of its own which of its
changes were acknowledged, and when.

Each change is a transaction: the product's price, signed with the writer and its number, and the
writer's count. So every copy of the data shows the last change of each writer that it has, and the
notebook shows the last change that was acknowledged.
"""

from __future__ import annotations

import struct
import time
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from pathlib import Path

from labs.caching.cache import CacheDown
from labs.clients.access import Access
from labs.load.batches import Batch, flow
from labs.load.clients import LeanRedis
from labs.load.commits import Commits
from labs.load.failures import words_of
from labs.load.program import ScheduledProgram, WorkloadSpec
from labs.network.links import Route

MOST_NOTES = 500_000
"""Then a notebook is full, and its writer stops and says so: 8 MB of a sandbox's space on the disk.
"""
_NOTE = struct.Struct("=IId")


@dataclass(frozen=True, slots=True)
class Notes:
    """The changes of one writer that were acknowledged, in order: their numbers, their products,
    and when the answers came (monotonic seconds). They are arrays, because there may be half a
    million.
    """

    numbers: array[int]
    products: array[int]
    times: array[float]

    def __len__(self) -> int:
        return len(self.numbers)

    def up_to(self, number: int) -> int:
        """How many of them have this number or a lower one."""
        return bisect_right(self.numbers, number)

    def has(self, number: int) -> bool:
        """True if the change of this number was acknowledged."""
        place = self.up_to(number)
        return place > 0 and self.numbers[place - 1] == number

    def between(self, began: float, ended: float) -> int:
        """How many were acknowledged between two moments."""
        return bisect_right(self.times, ended) - bisect_left(self.times, began)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesSpec(WorkloadSpec):
    """Changes of `products` products in a Redis. `notebook` is the file where the client notes each
    change that was acknowledged, `link` the one that its changes take.
    """

    link: str
    redis: Route
    access: Access
    notebook: str
    products: int

    label = "redis", "writers"

    def program(self, commits: Commits) -> Writer:
        """The program, made in the client's process."""
        return Writer(self)


def product_key(product: int) -> str:
    """The key of a product's hash."""
    return f"product:{product}"


def count_key(writer: int) -> str:
    """The key of a writer's own count."""
    return f"writer:{writer}"


def note(number: int, product: int, acknowledged: float) -> bytes:
    """A change as it is written in a notebook."""
    return _NOTE.pack(number, product, acknowledged)


def notes(notebook: Path) -> Notes:
    """What a writer noted; empty if it never wrote. A note that is half written is left out."""
    data = notebook.read_bytes() if notebook.exists() else b""
    data = data[: len(data) // _NOTE.size * _NOTE.size]
    whole, times = array("I", data), array("d", data)
    return Notes(whole[0::4], whole[1::4], times[1::2])


class Changes(LeanRedis):
    """A lean client that changes prices, each change in one trip."""

    def change(self, product: int, price: float, writer: int, number: int) -> None:
        """The price and the count, both or neither. Raises CacheDown unless it was acknowledged."""
        began = time.perf_counter_ns()
        fields = "price", f"{price:.2f}", "change", f"{writer}:{number}"
        both = ("HSET", product_key(product), *fields), ("SET", count_key(writer), number)
        try:
            replies = self.pipeline((("MULTI",), *both, ("EXEC",)))
        except OSError as exc:
            raise CacheDown("The cache did not answer.") from exc
        finally:
            self.times.append((time.perf_counter_ns() - began) // 1000)
        refused = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if refused is not None:
            raise CacheDown(str(refused))


class Writer(ScheduledProgram):
    """Changes the price of a random product, and notes the change when it was acknowledged."""

    def __init__(self, spec: ChangesSpec) -> None:
        super().__init__(spec)
        self._spec = spec
        before = notes(Path(spec.notebook))
        self._written = len(before)
        self._number = before.numbers[-1] if before else 0
        # Unbuffered: a reader of the file finds every change that was acknowledged before.
        self._notebook = open(spec.notebook, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
        self._is_full = False
        self._redis = self._client()
        self._batch = Batch(*spec.label)

    def reconfigure(self, spec: WorkloadSpec) -> None:
        """Go on with other settings."""
        assert isinstance(spec, ChangesSpec)
        before, self._spec = self._spec, spec
        if spec.redis != before.redis:
            self._redis.shut()
            self._redis = self._client()
        self.set_rate(spec)

    def once(self, now: float) -> None:
        """Make one change and note it."""
        due = self.schedule.take(now)
        if self._written >= MOST_NOTES:
            if not self._is_full:
                self._is_full = True
                self._batch.idle_because = (
                    f"a writer’s notebook is full with {MOST_NOTES:,} changes; "
                    "a cluster that is filled again begins another"
                )
            return
        self._number += 1
        product = 1 + self.random.randrange(self._spec.products)
        began = time.monotonic()
        try:
            price = 1 + self.random.random() * 199
            self._redis.change(product, price, self._spec.client, self._number)
        except CacheDown as exc:
            self._batch.errors += 1
            self._batch.error = words_of(exc)
            self._batch.flows[flow(self._spec.link, "error")] += 1
            return
        ended = time.monotonic()
        self._notebook.write(note(self._number, product, ended))
        self._written += 1
        self._batch.done += 1
        self._batch.flows[flow(self._spec.link, "write")] += 1
        self._batch.times["write"].append(int((ended - began) * 1e6))
        self._batch.times["response"].append(int((ended - due) * 1e6))

    def take_batch(self) -> Batch:
        """What was done since the last call."""
        batch, self._batch = self._batch, Batch(*self._spec.label)
        batch.times["cache"], self._redis.times = self._redis.times, array("Q")
        return self.counted(batch)

    def close(self) -> None:
        """Give the connection back and close the notebook."""
        self._redis.shut()
        self._notebook.close()

    def _client(self) -> Changes:
        return Changes(self._spec.redis.open(), self._spec.access)
