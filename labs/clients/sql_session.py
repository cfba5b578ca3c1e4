"""A session with Postgres over its Unix socket, with simple queries alone.

Written against the protocol itself, version 3.0: libpq holds a whole row and every notification in
memory, and this reads each message in pieces and keeps no more of it than its caller takes.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Mapping

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.stream import Stream

_PROTOCOL = 3 << 16
_CANCEL = 1234 << 16 | 5678
_CANCEL_TIMEOUT_S = 1.0
_BODY_LIMIT = 256 * 1024
"""Bytes: the names of the 1,664 columns that a row may have are fewer."""


class LoginRefused(OSError):
    """The server refused the session; the text is the body of its message."""

    def __init__(self, body: bytes) -> None:
        super().__init__("the server refused the session")
        self.body = body


class SqlSession(Stream):
    """One session for one thread at a time. Every method raises OSError when the server is away or
    late, and there is no session then.

    After `ask`, read message by message: `head`, then `body`, `row` or `skip`. `close` ends it; it
    is `open` alone that begins another.
    """

    def __init__(
        self,
        address: Address,
        access: Access,
        *,
        settings: Mapping[str, str],
        connect_timeout_s: float,
    ) -> None:
        super().__init__(
            straight(address), timeout_s=connect_timeout_s, connect_timeout_s=connect_timeout_s
        )
        self._path = access.socket
        self._startup = {"user": access.user, "database": "shop", **settings}
        self._data, self._at = b"", 0
        self._key = b""
        self.status = "I"
        """I: idle, or no session; T: in a transaction; E: in a failed transaction."""

    def ask(self, statement: str) -> None:
        """Send one or several statements."""
        self.write(_packed(b"Q", statement.encode() + b"\0"))

    def fail_copy(self, why: str) -> None:
        """Refuse to send the rows that COPY FROM STDIN waits for."""
        self.write(_packed(b"f", why.encode() + b"\0"))

    def cancel(self) -> None:
        """Ask the server to cancel the statement that runs. Any thread may call: it waits by a
        timeout of its own, not by the deadline of the thread that runs the statement.
        """
        with contextlib.suppress(OSError), self._connected(_CANCEL_TIMEOUT_S) as other:
            other.sendall(struct.pack("!ii", 8 + len(self._key), _CANCEL) + self._key)
            other.recv(1)

    def head(self) -> tuple[str, int]:
        """The letter of the next message, and the bytes that follow."""
        letter, size = struct.unpack("!ci", self._take(5))
        if size < 4:
            raise self.unreadable()
        return letter.decode("latin-1"), size - 4

    def body(self, size: int) -> bytes:
        """The message's body; beyond 256 KiB it is left out."""
        taken = self._take(min(size, _BODY_LIMIT))
        self.skip(size - len(taken))
        return taken

    def row(self, size: int, *, columns: int, longest: int) -> list[bytes | None]:
        """The first columns of a row, of each value the first bytes."""
        values: list[bytes | None] = []
        (count,) = struct.unpack("!h", self._take(2))
        left = size - 2
        for _ in range(min(count, columns)):
            (length,) = struct.unpack("!i", self._take(4))
            left -= 4 + max(length, 0)
            values.append(self._take(min(length, longest)) if length >= 0 else None)
            self.skip(length - longest)
        self.skip(left)
        return values

    def skip(self, count: int) -> None:
        """Let this number of bytes pass; none if it is below 1."""
        while count > 0:
            here = min(count, len(self._data) - self._at)
            self._at += here
            count -= here
            if count:
                self._data, self._at = self.read(), 0

    def unreadable(self) -> ConnectionError:
        """The error for a message that is not of the protocol; the session has ended then."""
        self.close()
        return ConnectionError("the server's answer can't be read")

    def waiting(self, timeout_s: float = 0.0) -> bool:
        """True as soon as there is something to read, False after `timeout_s`."""
        return self._at < len(self._data) or self.readable(max(0.0, timeout_s))

    def ready(self, body: bytes) -> None:
        """Take in what the server said of its transaction when it was ready (message Z)."""
        self.status = body.decode("latin-1")

    def close(self) -> None:
        self._data, self._at, self.status = b"", 0, "I"
        super().close()

    def _open(self) -> None:
        self._answered = False
        self._data, self._at, self.status = b"", 0, "I"
        self._socket = self._connected(self._opening_s())

    def _greet(self) -> None:
        pairs = "".join(f"{name}\0{value}\0" for name, value in self._startup.items())
        text = struct.pack("!i", _PROTOCOL) + pairs.encode() + b"\0"
        self.write(struct.pack("!i", len(text) + 4) + text)
        while True:
            letter, size = self.head()
            body = self.body(size)
            if letter == "E":
                raise LoginRefused(body)
            if letter == "R" and body != bytes(4):
                raise LoginRefused(b"")
            if letter == "K":
                self._key = body
            if letter == "Z":
                return

    def _connected(self, timeout_s: float) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(timeout_s)
            made.connect(self._path)
        except BaseException:
            made.close()
            raise
        return made

    def _take(self, count: int) -> bytes:
        while len(self._data) - self._at < count:
            self._data, self._at = self._data[self._at :] + self.read(), 0
        self._at += count
        return self._data[self._at - count : self._at]


def _packed(letter: bytes, body: bytes) -> bytes:
    return letter + struct.pack("!i", len(body) + 4) + body
