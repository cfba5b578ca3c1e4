"""One writer of a load that only writes: changes prices in a Redis, and notes in a file of its own
which of its changes were acknowledged, and when.

Each change is a transaction: the product's price, signed with the writer and its number, and the
writer's count. So whatever copy of the data one holds, it says by itself how far each writer had
come; the notebook says how far it had come in truth.
"""

from __future__ import annotations

import contextlib
import gc
import random
import signal
import struct
import time
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from io import RawIOBase
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from labs.caching.cache import CacheDown
from labs.events import Value
from labs.load.batches import BATCH_S, Batch
from labs.load.clients import LeanRedis
from labs.load.shape import Schedule
from labs.network.links import Route

ENGINE, WRITERS = "redis", "writers"
MOST_NOTES = 500_000
"""A notebook is full then, and its writer rests and says so: 8 MB of a sandbox's room on the disk.
"""
_NOTE = struct.Struct("=IId")


@dataclass(frozen=True, slots=True)
class Notes:
    """The changes of one writer that were acknowledged, in order: their numbers, their products,
    and when the answers came (monotonic seconds). Arrays, for there may be half a million.
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


@dataclass(frozen=True, slots=True)
class WriterOrders:
    """What a writer needs to know: the lab's settings, the way to its Redis, its notebook, and
    which of how many it is.
    """

    settings: dict[str, Value]
    redis: Route
    password: str
    notebook: str
    products: int
    worker: int
    workers: int
    seed: int


def product_key(product: int) -> str:
    """The key of a product's hash."""
    return f"product:{product}"


def count_key(writer: int) -> str:
    """The key of a writer's own count."""
    return f"writer:{writer}"


def note(number: int, product: int, acknowledged: float) -> bytes:
    """A change as it stands in a notebook."""
    return _NOTE.pack(number, product, acknowledged)


def notes(notebook: Path) -> Notes:
    """What a writer noted; nothing if it never wrote.

    A note that is only half written is left out.
    """
    data = notebook.read_bytes() if notebook.exists() else b""
    data = data[: len(data) // _NOTE.size * _NOTE.size]
    whole, times = array("I", data), array("d", data)
    return Notes(whole[0::4], whole[1::4], times[1::2])


def write(orders: WriterOrders, pipe: Pipe) -> None:
    """Run until told to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.disable()
    # Unbuffered: who reads it knows of every change that was acknowledged before.
    with open(orders.notebook, "ab", buffering=0) as notebook:
        before = notes(Path(orders.notebook))
        Writer(
            orders, pipe, notebook, written=len(before), last=before.numbers[-1] if before else 0
        ).run()


class Changes(LeanRedis):
    """A lean client that changes prices, each change in one trip."""

    def change(self, product: int, price: float, sign: str, writer: int, number: int) -> None:
        """The price and the count, both or neither. Raises CacheDown unless it was acknowledged."""
        began = time.perf_counter_ns()
        try:
            replies = self.pipeline(
                (
                    ("MULTI",),
                    ("HSET", product_key(product), "price", f"{price:.2f}", "change", sign),
                    ("SET", count_key(writer), number),
                    ("EXEC",),
                )
            )
        except OSError as exc:
            raise CacheDown("The cache did not answer.") from exc
        finally:
            self.times.append((time.perf_counter_ns() - began) // 1000)
        refused = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if refused is not None:
            raise CacheDown(str(refused))


class Writer:
    """The loop and what it holds."""

    def __init__(
        self, orders: WriterOrders, pipe: Pipe, notebook: RawIOBase, *, written: int, last: int
    ) -> None:
        self._orders = orders
        self._pipe = pipe
        self._notebook = notebook
        self._number, self._written, self._rests = last, written, False
        self._random = random.Random(orders.seed * 1_000 + orders.worker)
        self._redis = self._client()
        now = time.monotonic()
        self._schedule = Schedule(self._rate(), now + self._random.random() / self._rate())
        self._batch = Batch(ENGINE, WRITERS)

    def run(self) -> None:
        batch_due = time.monotonic() + BATCH_S
        while True:
            now = time.monotonic()
            if now >= batch_due:
                self._send()
                batch_due = now + BATCH_S
            if self._pipe.poll(max(0.0, min(self._schedule.wait_s(now), batch_due - now))):
                message = self._pipe.recv()
                if not isinstance(message, WriterOrders):
                    break
                self._obey(message)
                continue
            now = time.monotonic()
            if self._schedule.wait_s(now) <= 0:
                self._change(self._schedule.take(now))
        self._send()
        self._pipe.close()

    def _obey(self, orders: WriterOrders) -> None:
        before, self._orders = self._orders, orders
        if orders.redis != before.redis:
            self._redis.shut()
            self._redis = self._client()
        self._schedule.set_rate(self._rate(), time.monotonic())

    def _client(self) -> Changes:
        return Changes(self._orders.redis.open(), user="shop", password=self._orders.password)

    def _rate(self) -> float:
        return max(0.5, float(self._orders.settings["rate_per_s"]) / self._orders.workers)

    def _change(self, due: float) -> None:
        if self._written >= MOST_NOTES:
            if not self._rests:
                self._rests = True
                self._batch.rests = (
                    f"a writer’s notebook is full with {MOST_NOTES:,} changes; "
                    "a cluster that is filled anew begins another"
                )
            return
        self._number += 1
        product = 1 + self._random.randrange(self._orders.products)
        began = time.monotonic()
        try:
            self._redis.change(
                product,
                1 + self._random.random() * 199,
                f"{self._orders.worker}:{self._number}",
                self._orders.worker,
                self._number,
            )
        except CacheDown:
            self._batch.errors += 1
            return
        ended = time.monotonic()
        self._notebook.write(note(self._number, product, ended))
        self._written += 1
        self._batch.done += 1
        self._batch.times["write"].append(int((ended - began) * 1e6))
        self._batch.times["response"].append(int((ended - due) * 1e6))

    def _send(self) -> None:
        batch = self._batch
        batch.times["cache"], self._redis.times = self._redis.times, array("Q")
        batch.scheduled, self._schedule.scheduled = self._schedule.scheduled, 0
        batch.dropped, self._schedule.dropped = self._schedule.dropped, 0
        with contextlib.suppress(BrokenPipeError):
            self._pipe.send(batch)
        self._batch = Batch(ENGINE, WRITERS)
