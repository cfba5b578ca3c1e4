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


class StoreDown(Exception):
    """The store did not answer."""


class Store:
    """What `labs.caching.sessions` sees of any store: four commands.

    Each raises StoreDown when there is no answer in time.
    """

    def __init__(self, on_command: OnCommand) -> None:
        self._on_command = on_command

    def load(self, sid: str) -> Session | None:
        """The session of this id, or None."""
        raise NotImplementedError

    def save(self, sid: str, session: Session, seconds: float) -> None:
        """Store it for this many seconds."""
        raise NotImplementedError

    def renew(self, sid: str, seconds: float) -> None:
        """Have it end this many seconds from now."""
        raise NotImplementedError

    def forget(self, sid: str) -> None:
        """Forget it; no harm if it was not there."""
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
        """How many are alive."""
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
        self._on_command(
            f"sessions.get({KEY + sid!r})",
            found[1] if found else "None",
            0.0,
            "hit" if found else "miss",
        )
        return json.loads(found[1]) if found else None

    def save(self, sid: str, session: Session, seconds: float) -> None:
        with self._memory.lock:
            self._memory.kept[KEY + sid] = time.monotonic() + seconds, json.dumps(session)
        self._on_command(
            f"sessions[{KEY + sid!r}] = {json.dumps(session)}, for {seconds:.0f} s",
            "",
            0.0,
            "write",
        )

    def renew(self, sid: str, seconds: float) -> None:
        with self._memory.lock:
            if KEY + sid in self._memory.kept:
                self._memory.kept[KEY + sid] = (
                    time.monotonic() + seconds,
                    self._memory.kept[KEY + sid][1],
                )
        self._on_command(f"for {seconds:.0f} s from now: {KEY + sid!r}", "", 0.0, "write")

    def forget(self, sid: str) -> None:
        with self._memory.lock:
            self._memory.kept.pop(KEY + sid, None)
        self._on_command(f"del sessions[{KEY + sid!r}]", "", 0.0, "write")


class Pool:
    """Connections to one store, as many as are in use at once."""

    def __init__(
        self, host: str, port: int, greet: Callable[[Line], None] = lambda _: None
    ) -> None:
        self._address = host, port
        self._greet = greet
        self._idle: list[Line] = []

    def take(self) -> tuple[Line, bool]:
        """A connection, and whether it was used before. Raises OSError."""
        while self._idle:
            line = self._idle.pop()
            if not line.ended():
                return line, True
            line.close()
        line = Line(socket.create_connection(self._address, timeout=TIMEOUT_S))
        self._greet(line)
        return line, False

    def give_back(self, line: Line) -> None:
        """Keep it for the next command."""
        self._idle.append(line)


class Line:
    """A connection to a store, read by lines and by lengths."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(TIMEOUT_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._left = b""

    def send(self, data: bytes) -> None:
        """Send it all."""
        self._socket.sendall(data)

    def line(self) -> bytes:
        """Up to the next end of line, without it."""
        while b"\r\n" not in self._left:
            self._more()
        found, _, self._left = self._left.partition(b"\r\n")
        return found

    def exactly(self, length: int) -> bytes:
        """This many bytes, without the end of line after them."""
        while len(self._left) < length + 2:
            self._more()
        found, self._left = self._left[:length], self._left[length + 2 :]
        return found

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
        self._socket.close()

    def _more(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionResetError("the store closed the connection")
        self._left += data


class _Remote(Store):
    """A store behind a connection."""

    def __init__(self, pool: Pool, on_command: OnCommand) -> None:
        super().__init__(on_command)
        self._pool = pool

    def _timed(self, command: str, run: Callable[[Line], tuple[Any, str, str]]) -> Any:
        began = time.perf_counter()
        try:
            value, reply, meaning = self._run(run)
        except (OSError, ValueError) as exc:
            self._on_command(
                command,
                str(exc) or type(exc).__name__,
                (time.perf_counter() - began) * 1000,
                "error",
            )
            raise StoreDown("The session store does not answer.") from exc
        self._on_command(command, reply, (time.perf_counter() - began) * 1000, meaning)
        return value

    def _run(self, run: Callable[[Line], tuple[Any, str, str]]) -> tuple[Any, str, str]:
        """The command on a connection of the pool; once more on a new one if that had ended.

        Every command here may be sent twice.
        """
        while True:
            line, used = self._pool.take()
            try:
                answer = run(line)
            except ConnectionError:
                line.close()
                if not used:
                    raise
                continue
            except BaseException:
                line.close()
                raise
            self._pool.give_back(line)
            return answer


class RedisStore(_Remote):
    """Sessions in Redis: one key each, with a time to live."""

    def load(self, sid: str) -> Session | None:
        def run(line: Line) -> tuple[Any, str, str]:
            value = resp(line, "GET", KEY + sid)
            return (
                (None, "(nil)", "miss")
                if value is None
                else (json.loads(value), f'"{value}"', "hit")
            )

        found: Session | None = self._timed(f"GET {KEY}{sid}", run)
        return found

    def save(self, sid: str, session: Session, seconds: float) -> None:
        text, ms = json.dumps(session), str(math.ceil(seconds * 1000))
        self._timed(
            f"SET {KEY}{sid} {text} PX {ms}",
            lambda line: (None, str(resp(line, "SET", KEY + sid, text, "PX", ms)), "write"),
        )

    def save_for_ever(self, sid: str, session: Session) -> None:
        """As plain SET does: without a time to live."""
        text = json.dumps(session)
        self._timed(
            f"SET {KEY}{sid} {text}",
            lambda line: (None, str(resp(line, "SET", KEY + sid, text)), "write"),
        )

    def renew(self, sid: str, seconds: float) -> None:
        ms = str(math.ceil(seconds * 1000))
        self._timed(
            f"PEXPIRE {KEY}{sid} {ms}",
            lambda line: (None, f"(integer) {resp(line, 'PEXPIRE', KEY + sid, ms)}", "write"),
        )

    def forget(self, sid: str) -> None:
        self._timed(
            f"DEL {KEY}{sid}",
            lambda line: (None, f"(integer) {resp(line, 'DEL', KEY + sid)}", "write"),
        )


class MemcachedStore(_Remote):
    """Sessions in Memcached, which counts time to live in whole seconds."""

    def load(self, sid: str) -> Session | None:
        def run(line: Line) -> tuple[Any, str, str]:
            line.send(f"get {KEY}{sid}\r\n".encode())
            first = line.line()
            if first == b"END":
                return None, "END", "miss"
            if not first.startswith(b"VALUE "):
                raise ValueError(first.decode(errors="replace"))
            text = line.exactly(int(first.split()[3])).decode()
            line.line()
            return json.loads(text), text, "hit"

        found: Session | None = self._timed(f"get {KEY}{sid}", run)
        return found

    def save(self, sid: str, session: Session, seconds: float) -> None:
        self._save(sid, session, _whole(seconds))

    def save_for_ever(self, sid: str, session: Session) -> None:
        """With exptime 0."""
        self._save(sid, session, 0)

    def renew(self, sid: str, seconds: float) -> None:
        self._plain(f"touch {KEY}{sid} {_whole(seconds)}")

    def forget(self, sid: str) -> None:
        self._plain(f"delete {KEY}{sid}")

    def _save(self, sid: str, session: Session, seconds: int) -> None:
        text = json.dumps(session)
        self._plain(f"set {KEY}{sid} 0 {seconds} {len(text.encode())}", text)

    def _plain(self, command: str, text: str = "") -> None:
        def run(line: Line) -> tuple[Any, str, str]:
            line.send(f"{command}\r\n{text}{chr(13) + chr(10) if text else ''}".encode())
            reply = line.line().decode(errors="replace")
            return None, reply, "error" if "ERROR" in reply else "write"

        self._timed(f"{command} {text}".strip(), run)


def resp(line: Line, *words: str) -> Any:
    """The reply of Redis to a command: text, a whole number or None.

    Raises ValueError for an error reply.
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


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))
