"""Replies of RESP2 and RESP3, kept only as far as they are shown: a reply may be larger than the
memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from labs.clients.resp import NotResp
from labs.sandbox.redis_cli.quoting import fitting

DEEPEST = 64
"""Aggregates inside aggregates: what lies deeper is not shown."""
_OF_AN_ELEMENT = 8
"""Bytes that an element takes on the page apart from its text and its indent."""
_AGGREGATES = {b"*", b"%", b"~", b">"}
_STRINGS = {b"$", b"=", b"!"}
_LINES = {b"+", b"-", b":", b",", b"(", b"#", b"_"}


@dataclass(frozen=True, slots=True)
class Text:
    """A reply that is one value: its mark in RESP, its first bytes, and how many there are."""

    mark: str
    data: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Many:
    """A reply of several: its mark in RESP, the first elements, and how many there are.

    A map has its keys and values in turn.
    """

    mark: str
    count: int
    items: list[Reply] = field(default_factory=list)


Reply = Text | Many
NIL = Text("_", b"", 0)


def is_error(reply: Reply) -> bool:
    """True for an error reply; one inside another reply is a value."""
    return isinstance(reply, Text) and reply.mark == "-"


def errors_in(reply: Reply) -> list[str]:
    """What an error reply says, or what those say that are elements of it, as in EXEC's answer."""
    parts = reply.items if isinstance(reply, Many) else [reply]
    return [
        part.data.decode(errors="replace")
        for part in parts
        if isinstance(part, Text) and is_error(part)
    ]


def is_cut(reply: Reply) -> bool:
    """True if less is kept than there was."""
    if isinstance(reply, Text):
        return len(reply.data) < reply.length
    return len(reply.items) < reply.count or any(is_cut(item) for item in reply.items)


class ReplyReader:
    """Reads one reply after another; `read` gives the next bytes of the connection."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._buffer = bytearray()
        self._at = 0
        self._left = 0

    def reply(self, most_bytes: int) -> Reply:
        """The next reply, with as much of it as prints into these bytes; the rest is read and
        dropped. Raises NotResp, and what `read` raises.
        """
        self._left = most_bytes
        return self._next(indent=0, depth=0)

    def _next(self, indent: int, depth: int) -> Reply:
        line, length = self._line()
        while line[:1] == b"|":
            # Attributes of the reply that follows; redis-cli has no way to show them.
            self._skip(2 * self._count(line[1:]))
            line, length = self._line()
        mark, rest = line[:1], line[1:]
        self._left -= _OF_AN_ELEMENT + indent
        if mark in _LINES:
            return NIL if mark == b"_" else self._kept(mark, rest, length - 1)
        count = self._count(rest)
        if count < 0:
            return NIL
        if mark in _STRINGS:
            data = self._take(count)
            if mark == b"=":
                # A verbatim string begins with what kind of text it is: "txt:".
                return self._kept(mark, data[4:], count - 4)
            return self._kept(b"-" if mark == b"!" else mark, data, count)
        if mark not in _AGGREGATES:
            raise NotResp(f"{line[:20]!r} is no reply of RESP")
        width = len(str(count // 2 if mark == b"%" else count)) + 2
        return self._many(mark, 2 * count if mark == b"%" else count, indent + width, depth + 1)

    def _many(self, mark: bytes, count: int, indent: int, depth: int) -> Many:
        many = Many(mark.decode(), count)
        step = 2 if mark == b"%" else 1
        while len(many.items) < count and self._left > 0 and depth <= DEEPEST:
            many.items.extend([self._next(indent, depth) for _ in range(step)])
        self._skip(count - len(many.items))
        return many

    @property
    def _most(self) -> int:
        """Bytes that one value may have now: a short one is shown whole."""
        return max(64, self._left)

    def _kept(self, mark: bytes, data: bytes, length: int) -> Text:
        data, width = fitting(data, self._most)
        self._left -= width
        return Text(mark.decode(), data, length)

    def _skip(self, replies: int) -> None:
        """Drop this number of replies, whatever they hold: there may be millions."""
        buffer = self._buffer
        while replies > 0:
            if (end := buffer.find(b"\r\n", self._at)) < 0:
                line = self._line()[0]
            else:
                line, self._at = bytes(buffer[self._at : min(end, self._at + 24)]), end + 2
            mark, replies = line[:1], replies - 1
            if mark in _LINES:
                continue
            count = self._count(line[1:])
            if count < 0:
                continue
            if mark in _STRINGS:
                self._drop(count + 2)
            elif mark in _AGGREGATES:
                replies += 2 * count if mark == b"%" else count
            elif mark == b"|":
                replies += 2 * count + 1
            else:
                raise NotResp(f"{line[:20]!r} is no reply of RESP")

    def _line(self) -> tuple[bytes, int]:
        """The next line without its end, as much of it as may be shown, and its length."""
        most = self._most
        kept, dropped = b"", 0
        while (end := self._buffer.find(b"\r\n", self._at)) < 0:
            if len(self._buffer) - self._at > most:
                # The last byte may be the first half of the line's end.
                part = bytes(self._buffer[self._at : -1])
                kept, dropped = kept or part, dropped + len(part)
                self._at += len(part)
            self._more()
        part = bytes(self._buffer[self._at : end])
        self._at = end + 2
        return (kept or part)[: most + 1], dropped + len(part)

    def _take(self, count: int) -> bytes:
        """The first bytes of a string of this length, as many as may be shown; the rest is
        dropped, with the line end after it.
        """
        wanted = min(count, self._most)
        while len(self._buffer) - self._at < wanted:
            self._more()
        data = bytes(self._buffer[self._at : self._at + wanted])
        self._at += wanted
        self._drop(count - wanted + 2)
        return data

    def _drop(self, count: int) -> None:
        while (there := len(self._buffer) - self._at) < count:
            count -= there
            self._at = len(self._buffer)
            self._more()
        self._at += count

    def _more(self) -> None:
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += self._read()

    @staticmethod
    def _count(text: bytes) -> int:
        try:
            return int(text)
        except ValueError:
            raise NotResp(f"{text[:20]!r} is no length of RESP") from None
