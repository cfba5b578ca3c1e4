"""The clients of a flight recorder: one writes numbers through the primary endpoint, the others
read through the reader endpoint. Every attempt is told, however it ended.

They know two addresses and nothing else: which server answers is the endpoints' affair. A number is
sent once: what failed is not sent again, so that no two attempts are taken for one.
"""

from __future__ import annotations

import contextlib
import gc
import random
import signal
import socket
import time
from array import array
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

import hiredis

from labs.clients.address import Address
from labs.errors import ServerDown
from labs.events import Value
from labs.load.batches import BATCH_S, GROUP, RECORDER, Batch, Operation

(
    ACKNOWLEDGED,
    LOST,
    UNCONFIRMED,
    READONLY,
    NO_REPLICAS,
    OTHER_ERROR,
    RESET,
    TIMED_OUT,
    REFUSED,
    READ,
) = "alwonertfh"
"""How an attempt ended.

`lost` is found out later, by reading the survivors; `unconfirmed` was acknowledged, but by fewer
replicas than WAIT was told.
"""
_OF_ERROR = {"READONLY": READONLY, "NOREPLICAS": NO_REPLICAS}
_BROKEN = frozenset({READONLY, RESET, TIMED_OUT, REFUSED})
"""After these a client connects anew, by the endpoint's name.

READONLY is one: whoever says so is no primary any more.
"""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.5


@dataclass(frozen=True, slots=True)
class FlightOrders:
    """What a client needs to know.

    `reads` makes it a reader. `list_name` is the list that the numbers are pushed to.

    A writer reads its own writes at `own_reads_at`, if that is set: right after each that was
    acknowledged, on a connection of its own.
    """

    settings: dict[str, Value]
    endpoint: Address
    user: str
    password: str
    list_name: str
    reads: bool
    worker: int
    workers: int
    seed: int
    own_reads_at: Address | None = None


def fly(orders: FlightOrders, pipe: Pipe) -> None:
    """Run until told to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.disable()
    Client(orders, pipe).run()


class Connection:
    """A connection to an endpoint, made when it is needed; after a failure that breaks it, it is
    made anew, by the endpoint's name.
    """

    def __init__(self, endpoint: Address, user: str, password: str) -> None:
        self.endpoint = endpoint
        self._login = (user, password)
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader()
        self.made_at = 0.0

    def ask(self, timeout_s: float, *words: str | int) -> tuple[str, object]:
        """How it ended, and the reply."""
        ended_as, reply = self._ask(timeout_s, words)
        if ended_as in _BROKEN:
            self.drop()
        return ended_as, reply

    def drop(self) -> None:
        """Close it; the next question makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, timeout_s: float, words: tuple[str | int, ...]) -> tuple[str, object]:
        try:
            connection = self._connected(timeout_s)
            connection.sendall(hiredis.pack_command(words))
            reply = self._reply(connection)
        except TimeoutError:
            return TIMED_OUT, None
        except ConnectionRefusedError:
            return REFUSED, None
        except (OSError, ServerDown):
            return RESET, None
        if isinstance(reply, Exception):
            return _OF_ERROR.get(str(reply).split(" ", 1)[0], OTHER_ERROR), None
        return ACKNOWLEDGED, reply

    def _connected(self, timeout_s: float) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(
                (self.endpoint.host, self.endpoint.port), timeout=timeout_s
            )
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = hiredis.Reader()
            self.made_at = time.monotonic()
            self._socket.sendall(hiredis.pack_command(("AUTH", *self._login)))
            try:
                login = self._reply(self._socket)
            except ConnectionResetError as exc:
                # A link to a server that is not there can only take back the connection that it has
                # let in.
                raise ConnectionRefusedError from exc
            if isinstance(login, Exception):
                raise ServerDown(str(login))
        self._socket.settimeout(timeout_s)
        return self._socket

    def _reply(self, connection: socket.socket) -> object:
        while (reply := self._reader.gets()) is False:
            data = connection.recv(65_536)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._reader.feed(data)
        result: object = reply
        return result


class Client:
    """The loop and what it holds."""

    def __init__(self, orders: FlightOrders, pipe: Pipe) -> None:
        self._orders = orders
        self._pipe = pipe
        self._connection = Connection(orders.endpoint, orders.user, orders.password)
        self._own: Connection | None = None
        self._number = 0
        self._pause_s = 0.0
        self._random = random.Random(orders.seed + orders.worker)
        self._batch = self._new_batch()

    def run(self) -> None:
        due = time.monotonic() + self._random.random() / self._rate()
        batch_due = time.monotonic() + BATCH_S
        while True:
            now = time.monotonic()
            if now >= batch_due:
                self._send()
                batch_due = now + BATCH_S
            if self._pipe.poll(max(0.0, min(due, batch_due) - now)):
                message = self._pipe.recv()
                if not isinstance(message, FlightOrders):
                    break
                self._orders = message
                due = min(due, time.monotonic() + 1 / self._rate())
                continue
            now = time.monotonic()
            if now >= due:
                self._batch.scheduled += 1
                self._attempt()
                due = max(due + 1 / self._rate(), time.monotonic() + self._pause_s)
        self._send()
        self._connection.drop()
        self._pipe.close()

    def _rate(self) -> float:
        name = "reads_per_s" if self._orders.reads else "writes_per_s"
        return max(0.5, float(self._orders.settings[name]) / self._orders.workers)

    @property
    def _timeout_s(self) -> float:
        return float(self._orders.settings.get("client_timeout_ms", 500)) / 1000

    def _attempt(self) -> None:
        began = time.monotonic()
        self._number += 1
        ended_as, number = (
            self._read() if self._orders.reads else (self._write(self._number), self._number)
        )
        took_s = time.monotonic() - began
        self._batch.operations.append(
            Operation(self._orders.reads, began, took_s, ended_as, number)
        )
        if ended_as in (ACKNOWLEDGED, UNCONFIRMED, READ):
            self._batch.done += 1
            self._batch.times["read" if self._orders.reads else "write"].append(int(took_s * 1e6))
            self._pause_s = 0.0
        else:
            self._batch.errors += 1
            self._pause_s = self._next_pause_s()
        if ended_as == ACKNOWLEDGED:
            self._read_own_write(number)

    def _next_pause_s(self) -> float:
        """How long the client waits after a failure: always the same, or twice as long each time,
        with jitter.
        """
        if self._orders.settings.get("retry", "fixed") == "fixed":
            return FIRST_PAUSE_S
        return min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, self._pause_s * 2)) * (
            0.5 + self._random.random()
        )

    def _write(self, number: int) -> str:
        ended_as, _ = self._connection.ask(self._timeout_s, "RPUSH", self._orders.list_name, number)
        if ended_as != ACKNOWLEDGED:
            return ended_as
        wanted = int(float(self._orders.settings.get("wait", 0)))
        if not wanted:
            return ACKNOWLEDGED
        waited, replicas = self._connection.ask(
            self._timeout_s, "WAIT", wanted, int(self._timeout_s * 500)
        )
        return (
            ACKNOWLEDGED
            if waited == ACKNOWLEDGED and isinstance(replicas, int) and replicas >= wanted
            else UNCONFIRMED
        )

    def _read(self) -> tuple[str, int]:
        keep_s = float(self._orders.settings.get("keep_connections_s", 0))
        if keep_s and time.monotonic() - self._connection.made_at > keep_s:
            self._connection.drop()
        ended_as, length = self._connection.ask(self._timeout_s, "LLEN", self._orders.list_name)
        return (
            (READ, length)
            if isinstance(length, int) and ended_as == ACKNOWLEDGED
            else (ended_as, 0)
        )

    def _read_own_write(self, number: int) -> None:
        """Is the number that was just acknowledged there, where this client reads?"""
        where = self._orders.own_reads_at
        if where is None:
            return
        if self._own is None or self._own.endpoint != where:
            self._own = Connection(where, self._orders.user, self._orders.password)
        began = time.monotonic()
        ended_as, found = self._own.ask(self._timeout_s, "LINDEX", self._orders.list_name, -1)
        if ended_as == ACKNOWLEDGED:
            self._batch.times["response"].append(int((time.monotonic() - began) * 1e6))
            self._batch.stale += (
                not isinstance(found, bytes) or not found.isdigit() or int(found) < number
            )

    def _new_batch(self) -> Batch:
        return Batch(
            GROUP, RECORDER, times={kind: array("Q") for kind in ("read", "write", "response")}
        )

    def _send(self) -> None:
        self._batch.connected_at = self._connection.made_at
        with contextlib.suppress(BrokenPipeError):
            self._pipe.send(self._batch)
        self._batch = self._new_batch()
