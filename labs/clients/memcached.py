"""A client of memcached: the text protocol over one connection.

It has no users: every client that can connect may do everything.
"""

from __future__ import annotations

from labs.clients.stream import Stream

_ERRORS = (b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")


class MemcachedError(ValueError):
    """The server answered a command with an error, or with something that is no answer to it; the
    text is the server's own.
    """


class MemcachedClient(Stream):
    """Commands to one server. Each raises MemcachedError for an error."""

    _buffer = b""

    def command(self, line: bytes) -> bytes:
        """The first line of the answer to a command."""
        answer = self.first_line(line)
        if answer.startswith(_ERRORS):
            raise MemcachedError(answer.decode(errors="replace"))
        return answer

    def first_line(self, line: bytes) -> bytes:
        """The first line of the answer to a command, an error included."""
        self.write(line + b"\r\n")
        return self._line()

    def lines(self, line: bytes) -> list[bytes]:
        """The lines of an answer that `END` closes."""
        answer = [self.command(line)]
        while answer[-1] != b"END":
            answer.append(self._line())
        return answer[:-1]

    def get(self, key: str) -> bytes | None:
        """The value of a key, None if there is none."""
        head = self.command(b"get %b" % key.encode())
        if head == b"END":
            return None
        if not head.startswith(b"VALUE "):
            raise self._unexpected(head)
        value = self._value(int(head.split(b" ")[3]))
        self._line()
        return value

    def set(self, key: str, value: bytes, ttl_s: int = 0) -> bool:
        """Store a value for some seconds, or for ever (0). False if the server did not store it."""
        return self._store(b"set", key, value, ttl_s)

    def add(self, key: str, value: bytes, ttl_s: int = 0) -> bool:
        """Store a value unless there is one; False then."""
        return self._store(b"add", key, value, ttl_s)

    def delete(self, key: str) -> bool:
        """Delete a key; False if there was none."""
        return self.command(b"delete %b" % key.encode()) == b"DELETED"

    def incr(self, key: str, by: int = 1) -> int | None:
        """The number after it was increased, None if there is none."""
        answer = self.command(b"incr %b %d" % (key.encode(), by))
        return int(answer) if answer.isdigit() else None

    def item(self, key: str) -> tuple[bytes, int] | None:
        """A value, and the seconds that it has left (-1: for ever); None if there is none."""
        head = self.command(b"mg %b v t" % key.encode())
        if head == b"EN":
            return None
        if not head.startswith(b"VA "):
            raise self._unexpected(head)
        _, length, *flags = head.split(b" ")
        left = next(flag[1:] for flag in flags if flag.startswith(b"t"))
        return self._value(int(length)), int(left)

    def version(self) -> str:
        """The server's version."""
        answer = self.command(b"version")
        if not answer.startswith(b"VERSION "):
            raise self._unexpected(answer)
        return answer.removeprefix(b"VERSION ").decode()

    def flush(self) -> None:
        """Delete every key."""
        answer = self.command(b"flush_all")
        if answer != b"OK":
            raise self._unexpected(answer)

    def _open(self) -> None:
        super()._open()
        self._buffer = b""

    def _store(self, verb: bytes, key: str, value: bytes, ttl_s: int) -> bool:
        head = b"%b %b 0 %d %d\r\n" % (verb, key.encode(), ttl_s, len(value))
        return self.command(head + value) == b"STORED"

    def _line(self) -> bytes:
        # The protocol ends a line with CR LF; the answer to `lru_crawler metadump` has LF alone.
        while b"\n" not in self._buffer:
            self._buffer += self.read()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def _value(self, length: int) -> bytes:
        while len(self._buffer) < length + 2:
            self._buffer += self.read()
        value, self._buffer = self._buffer[:length], self._buffer[length + 2 :]
        return value

    def _unexpected(self, answer: bytes) -> MemcachedError:
        # Where this answer ends is unknown, so the next one can't be found.
        self.close()
        return MemcachedError(answer.decode(errors="replace"))
