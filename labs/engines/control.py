"""The connection that watches a server: opened when it is needed, kept, dropped when it breaks.

Refuses to wait longer than it was told.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from labs.clients.address import Address
from labs.errors import ServerDown

TIMEOUT_S = 0.3

_Answer = TypeVar("_Answer")


class Stream:
    """A connected socket with a deadline for all that is done on it."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self.deadline = deadline

    def send(self, data: bytes) -> None:
        """Send it all. Raises OSError."""
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """What has come, at least a byte. Raises OSError, also at the end of the stream."""
        self._socket.settimeout(self._left())
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data

    def receive_until(self, end: bytes) -> bytes:
        """Everything up to and with a text that ends the answer."""
        data = self.receive()
        while not data.endswith(end):
            data += self.receive()
        return data

    def ended(self) -> bool:
        """True if the other side has closed it: an idle connection that has something to say has
        ended.
        """
        return bool(select.select([self._socket], [], [], 0)[0])

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left


class Control:
    """One connection for one caller at a time; any thread may call."""

    def __init__(
        self, name: str, address: Address, greet: Callable[[Stream], None] | None = None
    ) -> None:
        self._name = name
        self._address = address
        self._greet = greet
        self._stream: Stream | None = None
        self._lock = threading.Lock()

    def ask(self, exchange: Callable[[Stream], _Answer], timeout_s: float = TIMEOUT_S) -> _Answer:
        """What `exchange` makes of the server's answer.

        Raises ServerDown if there is none in time.
        """
        with self._lock:
            deadline = time.monotonic() + timeout_s
            try:
                stream = self._connected(deadline)
                return exchange(stream)
            except (OSError, ValueError) as exc:
                # A late answer must not be taken for the next one.
                self._drop()
                raise down(self._name, exc) from exc

    def close(self) -> None:
        """Give the connection back; the next question opens another."""
        with self._lock:
            self._drop()

    def _connected(self, deadline: float) -> Stream:
        if self._stream is not None and self._stream.ended():
            self._drop()
        if self._stream is None:
            timeout_s = max(0.001, deadline - time.monotonic())
            connected = socket.create_connection(
                (self._address.host, self._address.port), timeout=timeout_s
            )
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._stream = Stream(connected, deadline)
            if self._greet is not None:
                self._greet(self._stream)
        self._stream.deadline = deadline
        return self._stream

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def down(name: str, exc: Exception) -> ServerDown:
    """The error for a server that did not answer."""
    return ServerDown(
        f"The {name} does not answer.",
        hint="It may be killed, paused or cut off: look at the drawing.",
        detail=f"{type(exc).__name__}: {exc}",
    )
