"""The load of numbered writes: one client sends the next number when the last one is answered, and
reports which were acknowledged, and when.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import hiredis

from labs.clients.address import Way
from labs.errors import ServerDown
from labs.lab import Strategy
from labs.load.batches import Batch
from labs.load.commits import Commits
from labs.load.program import ScheduledProgram, WorkloadSpec
from labs.network.links import Route

TIMEOUT_S = 2.0
TRY_AGAIN_S = 0.02
ENGINE, NUMBERS = "redis", "numbers"

OnCommand = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersSpec(WorkloadSpec):
    """Numbers from `first` to `last`, written through a strategy to one server."""

    strategy: Strategy
    server: Route
    password: str
    first: int
    last: int

    @property
    def label(self) -> tuple[str, str]:
        """The engine and the strategy under which its batches are counted."""
        return ENGINE, NUMBERS

    def program(self, commits: Commits) -> Numbers:
        """The program, made in the client's process."""
        return Numbers(self)


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

    Every call raises ServerDown if there is no answer. `on_command` is called with each
    command, its reply and its ms.
    """

    def __init__(
        self,
        way: Way,
        *,
        password: str,
        on_command: OnCommand = lambda _command, _reply, _ms: None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._way = way
        self._password = password
        self._on_command = on_command
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
            self._on_command(shown, "nobody answers", (time.perf_counter() - began) * 1000)
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
        self._on_command(
            shown, "(nil)" if text is None else text, (time.perf_counter() - began) * 1000
        )
        return text

    def post(self, *words: str | int) -> None:
        """Send a command without waiting for the answer, which is thrown away."""
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


class Numbers(ScheduledProgram):
    """Writes the next number when the last one is answered; one that was not answered is written
    again.
    """

    def __init__(self, spec: NumbersSpec) -> None:
        super().__init__(spec, jitter=False)
        self._client = Client(spec.server.open(), password=spec.password)
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
        began = time.monotonic()
        try:
            write(self._client, self._batch, self._next)
        except ServerDown:
            # The same number again: whether it arrived cannot be known.
            self._batch.errors += 1
            self.schedule.next_at = max(self.schedule.next_at, time.monotonic() + TRY_AGAIN_S)
            return
        self._next += 1
        self._batch.done += 1
        self._batch.times["write"].append(int((time.monotonic() - began) * 1e6))
        self._stop_at_last()

    def take_batch(self) -> Batch:
        """What was done since the last call."""
        batch, self._batch = self._batch, Written(*self._spec.label)
        return self.counted(batch)

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _stop_at_last(self) -> None:
        if self._next > self._spec.last:
            self._batch.idle_because = (
                f"number {self._spec.last:,} is the last one that its client "
                "writes; an empty disk begins with 1 again"
            )
