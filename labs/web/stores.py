"""Where an instance keeps sessions: its own memory, Redis or Memcached.

Each command is reported with its reply and its time.
"""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

TIMEOUT_S = 0.5
KEY = "session:"

Session = dict[str, Any]
OnCommand = Callable[[str, str, float, str], None]
"""`on_command(command, reply, took_ms, meaning)`."""
Answer = tuple[Any, str, str]
"""What a command answered: its value, the reply in words, and its meaning."""


class StoreDown(Exception):
    """The store did not answer."""


class Store:
    """What `labs.caching.sessions` sees of any store: four commands. Each raises StoreDown when
    there is no answer in time.
    """

    def __init__(self, on_command: OnCommand) -> None:
        self._on_command = on_command

    def load(self, sid: str) -> Session | None:
        """The session of this id, or None."""
        raise NotImplementedError

    def save(self, sid: str, session: Session, seconds: float) -> None:
        """Store it for this many seconds; infinity: without a time to live."""
        raise NotImplementedError

    def renew(self, sid: str, seconds: float) -> None:
        """Have it end this many seconds from now."""
        raise NotImplementedError

    def forget(self, sid: str) -> None:
        """Delete it; no harm if it was not there."""
        raise NotImplementedError


class Memory:
    """A process's own sessions: key to (when it ends, text). Gone with the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: dict[str, tuple[float, str]] = {}

    def get(self, key: str) -> tuple[float, str] | None:
        """Seconds that are left and the text, or None."""
        with self.lock:
            ends, text = self.kept.get(key, (0.0, ""))
            left = ends - time.monotonic()
            if left <= 0:
                self.kept.pop(key, None)
                return None
            return left, text

    def count(self) -> int:
        """How many have not ended."""
        with self.lock:
            now = time.monotonic()
            self.kept = {key: kept for key, kept in self.kept.items() if kept[0] > now}
            return len(self.kept)


class MemoryStore(Store):
    """Sessions in a dictionary of this process: no other instance can see it."""

    def __init__(self, memory: Memory, on_command: OnCommand) -> None:
        super().__init__(on_command)
        self._memory = memory

    def load(self, sid: str) -> Session | None:
        found = self._memory.get(KEY + sid)
        text, meaning = (found[1], "hit") if found else ("None", "miss")
        self._on_command(f"sessions.get({KEY + sid!r})", text, 0.0, meaning)
        return json.loads(text) if found else None

    def save(self, sid: str, session: Session, seconds: float) -> None:
        text = json.dumps(session)
        with self._memory.lock:
            self._memory.kept[KEY + sid] = time.monotonic() + seconds, text
        self._wrote(f"sessions[{KEY + sid!r}] = {text}, for {seconds:.0f} s")

    def renew(self, sid: str, seconds: float) -> None:
        with self._memory.lock:
            if kept := self._memory.kept.get(KEY + sid):
                self._memory.kept[KEY + sid] = time.monotonic() + seconds, kept[1]
        self._wrote(f"for {seconds:.0f} s from now: {KEY + sid!r}")

    def forget(self, sid: str) -> None:
        with self._memory.lock:
            self._memory.kept.pop(KEY + sid, None)
        self._wrote(f"del sessions[{KEY + sid!r}]")

    def _wrote(self, command: str) -> None:
        self._on_command(command, "", 0.0, "write")


class Line:
    """A connection to a store, read by lines and by lengths. Raises OSError."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send it all."""
        self._socket.sendall(data)

    def line(self) -> bytes:
        """Up to the next end of line, without it."""
        return self._whole(self._file.readline())

    def exactly(self, length: int) -> bytes:
        """This many bytes, without the end of line after them."""
        return self._whole(self._file.read(length + 2))

    def ended(self) -> bool:
        """True if the other side closed it in the meantime."""
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self._socket.settimeout(TIMEOUT_S)

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._socket.close()

    def _whole(self, data: bytes) -> bytes:
        if not data.endswith(b"\r\n"):
            raise ConnectionResetError("the store closed the connection")
        return data[:-2]


class Pool:
    """Connections to one store, as many as are in use at once."""

    def __init__(
        self, host: str, port: int, greet: Callable[[Line], object] = lambda _: None
    ) -> None:
        self._address = host, port
        self._greet = greet
        self._idle: list[Line] = []

    def run(self, command: Callable[[Line], Answer]) -> Answer:
        """The answer on an idle connection; once more on a new one if the idle one had ended.
        Raises OSError. Every command here may be sent twice.
        """
        while True:
            line, used = self._take()
            try:
                answer = command(line)
            except BaseException as exc:
                line.close()
                if used and isinstance(exc, ConnectionError):
                    continue
                raise
            self._idle.append(line)
            return answer

    def _take(self) -> tuple[Line, bool]:
        """A connection, and whether it was used before."""
        while self._idle:
            line = self._idle.pop()
            if not line.ended():
                return line, True
            line.close()
        line = Line(self._address)
        self._greet(line)
        return line, False


class _Remote(Store):
    """A store behind a connection."""

    def __init__(self, pool: Pool, on_command: OnCommand) -> None:
        super().__init__(on_command)
        self._pool = pool

    def _timed(self, shown: str, command: Callable[[Line], Answer]) -> Any:
        began = time.perf_counter()
        try:
            value, reply, meaning = self._pool.run(command)
        except (OSError, ValueError) as exc:
            took_ms = (time.perf_counter() - began) * 1000
            self._on_command(shown, str(exc) or type(exc).__name__, took_ms, "error")
            raise StoreDown("The session store does not answer.") from exc
        self._on_command(shown, reply, (time.perf_counter() - began) * 1000, meaning)
        return value


class RedisStore(_Remote):
    """Sessions in Redis: one key each, with a time to live."""

    def load(self, sid: str) -> Session | None:
        def get(line: Line) -> Answer:
            text = resp(line, "GET", KEY + sid)
            return (
                (None, "(nil)", "miss") if text is None else (json.loads(text), f'"{text}"', "hit")
            )

        found: Session | None = self._timed(f"GET {KEY}{sid}", get)
        return found

    def save(self, sid: str, session: Session, seconds: float) -> None:
        life = () if math.isinf(seconds) else ("PX", str(math.ceil(seconds * 1000)))
        self._write("SET", KEY + sid, json.dumps(session), *life)

    def renew(self, sid: str, seconds: float) -> None:
        self._write("PEXPIRE", KEY + sid, str(math.ceil(seconds * 1000)))

    def forget(self, sid: str) -> None:
        self._write("DEL", KEY + sid)

    def _write(self, *words: str) -> None:
        def write(line: Line) -> Answer:
            reply = resp(line, *words)
            return None, f"(integer) {reply}" if isinstance(reply, int) else str(reply), "write"

        self._timed(" ".join(words), write)


class MemcachedStore(_Remote):
    """Sessions in Memcached, which counts time to live in whole seconds."""

    def load(self, sid: str) -> Session | None:
        def get(line: Line) -> Answer:
            line.send(f"get {KEY}{sid}\r\n".encode())
            first = line.line()
            if first == b"END":
                return None, "END", "miss"
            if not first.startswith(b"VALUE "):
                raise ValueError(first.decode(errors="replace"))
            text = line.exactly(int(first.split()[3])).decode()
            line.line()
            return json.loads(text), text, "hit"

        found: Session | None = self._timed(f"get {KEY}{sid}", get)
        return found

    def save(self, sid: str, session: Session, seconds: float) -> None:
        text = json.dumps(session)
        self._write(f"set {KEY}{sid} 0 {_exptime(seconds)} {len(text.encode())}", text)

    def renew(self, sid: str, seconds: float) -> None:
        self._write(f"touch {KEY}{sid} {_exptime(seconds)}")

    def forget(self, sid: str) -> None:
        self._write(f"delete {KEY}{sid}")

    def _write(self, *lines: str) -> None:
        def write(line: Line) -> Answer:
            line.send("".join(f"{text}\r\n" for text in lines).encode())
            reply = line.line().decode(errors="replace")
            return None, reply, "error" if "ERROR" in reply else "write"

        self._timed(" ".join(lines), write)


def resp(line: Line, *words: str) -> Any:
    """The reply of Redis to a command: text, a whole number or None. Raises ValueError for an error
    reply.
    """
    line.send(
        f"*{len(words)}\r\n".encode()
        + b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
    )
    first = line.line()
    kind, rest = first[:1], first[1:].decode(errors="replace")
    if kind == b"-":
        raise ValueError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else line.exactly(int(rest)).decode(errors="replace")
    return rest


def _exptime(seconds: float) -> int:
    """The time to live as Memcached takes it: whole seconds, and 0 for no end."""
    return 0 if math.isinf(seconds) else max(1, math.ceil(seconds))
