"""One client of a load of numbered writes: sends the next number when the last one is answered, and
reports which were acknowledged, and when.
"""

from __future__ import annotations

import contextlib
import gc
import select
import signal
import socket
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe

import hiredis

from labs.clients.address import Way
from labs.errors import ServerDown
from labs.events import Value
from labs.load.batches import BATCH_S, Batch
from labs.load.shape import Schedule
from labs.load.worker import strategy_of
from labs.network.links import Route

TIMEOUT_S = 2.0
TRY_AGAIN_S = 0.02
ENGINE, NUMBERS = "redis", "numbers"

Tell = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True)
class NumberOrders:
    """What the writer needs to know: the lab and its settings, the way to the server, its first
    number and its last.
    """

    lab: str
    wrong: str
    settings: dict[str, Value]
    server: Route
    password: str
    first: int
    last: int
    seed: int
    worker: int = 0
    workers: int = 1


@dataclass(slots=True)
class Written(Batch):
    """A batch that names the numbers that were acknowledged since the last one, and the monotonic
    seconds of each answer.
    """

    numbers: array[int] = field(default_factory=lambda: array("Q"))
    moments: array[float] = field(default_factory=lambda: array("d"))

    def acknowledge(self, number: int) -> None:
        """The strategy counts on this number from now on."""
        self.numbers.append(number)
        self.moments.append(time.monotonic())


class Client:
    """A connection to the server, made when it is needed and dropped when it fails.

    Every call raises ServerDown if there is no answer. `tell` hears of each command, its reply and
    its ms.
    """

    def __init__(
        self,
        way: Way,
        *,
        password: str,
        tell: Tell = lambda _command, _reply, _ms: None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._way = way
        self._password = password
        self._tell = tell
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader()
        self._address = way()

    def command(self, *words: str | int) -> str | None:
        """The server's answer to a command."""
        began = time.perf_counter()
        shown = " ".join(str(word) for word in words)
        try:
            reply = self._exchange(words)
        except OSError as exc:
            self.close()
            self._tell(shown, "nobody answers", (time.perf_counter() - began) * 1000)
            raise ServerDown("The server did not answer.", detail=str(exc)) from exc
        text = (
            None
            if reply is None
            else str(reply)
            if isinstance(reply, Exception)
            else reply.decode(errors="replace")
            if isinstance(reply, bytes)
            else str(reply)
        )
        self._tell(shown, "(nil)" if text is None else text, (time.perf_counter() - began) * 1000)
        return text

    def post(self, *words: str | int) -> None:
        """Send a command and wait for nothing. What the server answers is thrown away."""
        try:
            connected = self._connected()
            connected.sendall(hiredis.pack_command(words))
            while select.select([connected], [], [], 0)[0]:
                if not connected.recv(65_536):
                    raise ConnectionResetError("the server closed the connection")
        except OSError as exc:
            self.close()
            raise ServerDown("The server did not answer.", detail=str(exc)) from exc

    def close(self) -> None:
        """Give the connection back; the next command opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def connect(self) -> None:
        """Connect now if it can be done, so that the first command is not charged for it."""
        with contextlib.suppress(OSError):
            if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
                self.close()  # an idle connection that has something to say has ended
            self._connected()

    def _exchange(self, words: tuple[str | int, ...]) -> object:
        connected = self._connected()
        connected.sendall(hiredis.pack_command(words))
        while (reply := self._reader.gets()) is False:
            data = connected.recv(65_536)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._reader.feed(data)
        return reply

    def _connected(self) -> socket.socket:
        now = self._way()
        if now is not self._address:
            self.close()
            self._address = now
        if self._socket is None:
            self._reader = hiredis.Reader()
            self._socket = socket.create_connection((now.host, now.port), timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                reply = self._exchange(("AUTH", "shop", self._password))
                if isinstance(reply, Exception):
                    raise ConnectionError(str(reply))
            except BaseException:
                self.close()
                raise
        return self._socket


def write_numbers(orders: NumberOrders, pipe: Pipe) -> None:
    """Run until told to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.disable()
    _Numbers(orders, pipe).run()


class _Numbers:
    """The loop and what it holds."""

    def __init__(self, orders: NumberOrders, pipe: Pipe) -> None:
        self._pipe = pipe
        self._client = Client(orders.server.open(), password=orders.password)
        self._next = orders.first
        self._obey(orders)
        self._schedule = Schedule(self._rate(), time.monotonic())
        self._batch = Written(ENGINE, NUMBERS)
        self._rest_at_last()

    def run(self) -> None:
        batch_due = time.monotonic() + BATCH_S
        while True:
            now = time.monotonic()
            if now >= batch_due:
                self._send()
                batch_due = now + BATCH_S
            wait_s = (
                min(self._schedule.wait_s(now), batch_due - now)
                if self._next <= self._orders.last
                else batch_due - now
            )
            if self._pipe.poll(max(0.0, wait_s)):
                told = self._pipe.recv()
                if not isinstance(told, NumberOrders):
                    break
                self._obey(told)
                self._schedule.set_rate(self._rate(), time.monotonic())
                continue
            now = time.monotonic()
            if self._next <= self._orders.last and self._schedule.wait_s(now) <= 0:
                self._schedule.take(now)
                self._write()
        self._send()
        self._pipe.close()

    def _obey(self, orders: NumberOrders) -> None:
        self._orders = orders
        self._strategy = strategy_of(orders.lab, orders.wrong, orders.settings)

    def _rate(self) -> float:
        return max(0.5, float(self._orders.settings["rate_per_s"]))

    def _write(self) -> None:
        assert self._strategy.write is not None
        began = time.monotonic()
        try:
            self._strategy.write(self._client, self._batch, self._next)
        except ServerDown:
            # The same number again: whether it arrived, nobody knows.
            self._batch.errors += 1
            self._schedule.next_at = max(self._schedule.next_at, time.monotonic() + TRY_AGAIN_S)
            return
        self._next += 1
        self._batch.done += 1
        self._batch.times["write"].append(int((time.monotonic() - began) * 1e6))
        self._rest_at_last()

    def _rest_at_last(self) -> None:
        if self._next > self._orders.last:
            self._batch.rests = (
                f"number {self._orders.last:,} is the last one that its client "
                "writes; an empty disk begins with 1 again"
            )

    def _send(self) -> None:
        batch, self._batch = self._batch, Written(ENGINE, NUMBERS)
        batch.scheduled, self._schedule.scheduled = self._schedule.scheduled, 0
        batch.dropped, self._schedule.dropped = self._schedule.dropped, 0
        with contextlib.suppress(BrokenPipeError):
            self._pipe.send(batch)
