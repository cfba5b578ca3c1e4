"""The lean clients of the load: one socket each, hiredis to read replies.

As fast as Python gets, and nothing that a strategy could notice.

Each call's time goes to `times`, in whole microseconds, and what it meant to `seen`; the worker
empties both.
"""

from __future__ import annotations

import socket
import time
from array import array
from typing import Protocol

import hiredis

from labs.caching.cache import Cache, CacheDown
from labs.caching.local import CHANNEL, Local
from labs.clients.address import Way
from labs.errors import ServerDown
from labs.load.listener import Listener

TIMEOUT_S = 1.0


class LeanCache(Cache, Protocol):
    """A lean client: what it timed and what the last calls meant."""

    times: array[int]
    hits: int
    misses: int

    def close(self) -> None:
        """Close the socket; the next command opens another."""

    def shut(self) -> None:
        """Close all that it holds, for good."""


class _Socket:
    """A connection that is made when it is needed and dropped when it fails."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._address = way()
        self._socket: socket.socket | None = None
        self.times: array[int] = array("Q")
        self.hits = 0
        self.misses = 0

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def shut(self) -> None:
        """Close all that it holds, for good."""
        self.close()

    def _looked(self, _key: str, found: bool, _took_ms: float) -> None:
        """A look into the process's own memory is a hit or a miss like any other."""
        self.hits += found
        self.misses += not found

    def _connected(self) -> socket.socket:
        now = self._way()
        if now is not self._address:
            self.close()
            self._address = now
        if self._socket is None:
            made = socket.create_connection(
                (self._address.host, self._address.port), timeout=TIMEOUT_S
            )
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = made
            try:
                self._greet()
            except BaseException:
                self.close()
                raise
        return self._socket

    def _greet(self) -> None:
        """What a protocol says first."""


class LeanRedis(_Socket):
    """The commands over RESP2."""

    def __init__(self, way: Way, *, user: str, password: str) -> None:
        super().__init__(way)
        self._login = (user, password)
        self._reader = hiredis.Reader()
        self._local: Local | None = None
        self._listener: Listener | None = None

    def get(self, key: str) -> bytes | None:
        value = self._timed(("GET", key))
        if value is None:
            self.misses += 1
            return None
        self.hits += 1
        assert isinstance(value, bytes)
        return value

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self._timed(("SET", key, value, "PX", int(ttl_s * 1000)) if ttl_s else ("SET", key, value))

    def delete(self, key: str) -> None:
        self._timed(("DEL", key))

    def incr(self, key: str) -> int:
        number = self._timed(("INCR", key))
        assert isinstance(number, int)
        return number

    def publish(self, channel: str, message: str) -> None:
        self._timed(("PUBLISH", channel, message))

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        return self._timed(("EVAL", script, len(keys), *keys, *args))

    @property
    def local(self) -> Local:
        if self._local is None:
            self._local = Local(self._looked)
            user, password = self._login
            self._listener = Listener(
                self._way, user=user, password=password, channel=CHANNEL, heard=self._local.forget
            )
        return self._local

    def shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self.close()

    def _greet(self) -> None:
        self._reader = hiredis.Reader()
        answer = self._ask(("AUTH", *self._login))
        if isinstance(answer, Exception):
            raise ServerDown(f"The cache refused the application: {answer}")

    def _timed(self, command: tuple[str | int, ...]) -> object:
        began = time.perf_counter_ns()
        try:
            self._connected()
            answer = self._ask(command)
        except (OSError, ServerDown) as exc:
            self.close()
            raise CacheDown("The cache did not answer.") from exc
        finally:
            self.times.append((time.perf_counter_ns() - began) // 1000)
        if isinstance(answer, Exception):
            raise CacheDown(str(answer))
        return answer

    def _ask(self, command: tuple[str | int, ...]) -> object:
        assert self._socket is not None
        # its stub knows only one word
        self._socket.sendall(hiredis.pack_command(command))  # type: ignore[arg-type]
        while (answer := self._reader.gets()) is False:
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionResetError("the cache closed the connection")
            self._reader.feed(data)
        result: object = answer
        return result


class LeanMemcached(_Socket):
    """The commands over the text protocol."""

    def __init__(self, way: Way) -> None:
        super().__init__(way)
        self._buffer = b""
        self.local = Local(self._looked)

    def get(self, key: str) -> bytes | None:
        value = self._timed(b"get %b\r\n" % key.encode(), self._read_value)
        if value is None:
            self.misses += 1
        else:
            self.hits += 1
        return value

    def set(self, key: str, value: str, ttl_s: float) -> None:
        data = value.encode()
        seconds = max(1, round(ttl_s)) if ttl_s else 0
        self._timed(
            b"set %b 0 %d %d\r\n%b\r\n" % (key.encode(), seconds, len(data), data), self._read_line
        )

    def delete(self, key: str) -> None:
        self._timed(b"delete %b\r\n" % key.encode(), self._read_line)

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        raise CacheDown("Memcached runs no scripts.")

    def incr(self, key: str) -> int:
        # Memcached counts only what is there.
        self._timed(b"add %b 0 0 1\r\n0\r\n" % key.encode(), self._read_line)
        return int(self._timed(b"incr %b 1\r\n" % key.encode(), self._read_line) or 0)

    def publish(self, channel: str, message: str) -> None:
        raise CacheDown("Memcached has no publish and subscribe.")

    def _greet(self) -> None:
        self._buffer = b""

    def _timed(self, command: bytes, read: object) -> bytes | None:
        assert callable(read)
        began = time.perf_counter_ns()
        try:
            self._connected().sendall(command)
            answer: bytes | None = read()
        except OSError as exc:
            self.close()
            raise CacheDown("The cache did not answer.") from exc
        finally:
            self.times.append((time.perf_counter_ns() - began) // 1000)
        return answer

    def _read_line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        if line.startswith((b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")):
            raise OSError(line.decode(errors="replace"))
        return line

    def _read_value(self) -> bytes | None:
        line = self._read_line()
        if line == b"END":
            return None
        length = int(line.rsplit(b" ", 1)[1])
        while len(self._buffer) < length + 7:
            self._more()
        value, self._buffer = self._buffer[:length], self._buffer[length + 7 :]
        return value

    def _more(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionResetError("the cache closed the connection")
        self._buffer += data
