"""A request while it arrives: says when it is whole, so that no thread has to wait for a client.

Finds where a request ends and judges nothing else: what it can't tell goes to gunicorn's parser.
"""

from __future__ import annotations

import enum
import re

from portal.web.errors import MAX_REQUEST_BYTES

HEAD_BYTES = 64 * 1024
CHUNK_LINE_BYTES = 1024
_END_OF_HEAD = re.compile(rb"\r\n\r\n|(?<!\r)\n")
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CODING = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_CONTINUE = re.compile(
    rb"HTTP/1\.1\r\n(?:.*\r\n)?expect[ \t]*:[ \t]*100-continue[ \t]*\r\n",
    re.IGNORECASE | re.DOTALL,
)
_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")


class State(enum.Enum):
    """What can be done with the bytes that have come."""

    ARRIVING = "wait for more"
    WHOLE = "a whole request is there"
    CUT = "it can be answered without its end, and the connection must be closed then"
    HEAD_TOO_LONG = "its head is too long"
    BODY_TOO_LONG = "its body is too long"
    BROKEN = "its chunks can't be read"


class Arriving:
    """The bytes of one connection that no thread has taken yet."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._scanned = 0
        self._waits = False
        self._forget_head()

    def __len__(self) -> int:
        return len(self._data)

    def add(self, data: bytes) -> State:
        """Add what came; the state after it."""
        self._data += data
        return self.look()

    def look(self) -> State:
        """The state of the request that comes first."""
        if not self._body:
            state = self._look_for_head()
            if state is not None:
                return state
        if self._chunked:
            return self._walk_chunks()
        return State.WHOLE if len(self._data) >= self._end else State.ARRIVING

    def take(self, state: State) -> bytes:
        """The request that comes first; what follows a whole one stays."""
        end = self._end if state is State.WHOLE else len(self._data)
        request = bytes(self._data[:end])
        del self._data[:end]
        self._scanned = 0
        self._forget_head()
        return request

    def should_continue(self) -> bool:
        """True once, where the client waits for "100 Continue" before it sends the body."""
        waits = self._waits and len(self._data) == self._body
        self._waits = False
        return waits

    def _forget_head(self) -> None:
        self._body = self._end = self._at = 0
        self._chunked = self._last = False
        self._waits = False

    def _look_for_head(self) -> State | None:
        """Read the head, once it is there; None then, unless the body need not be waited for."""
        if self._data.startswith(b"\r\n"):
            # RFC 9112, 2.2: an empty line before a request is passed over.
            del self._data[:2]
            self._scanned = 0
        found = _END_OF_HEAD.search(self._data, max(0, self._scanned - 3))
        self._scanned = len(self._data)
        if found is None or found.end() > HEAD_BYTES:
            too_long = found is not None or len(self._data) > HEAD_BYTES
            return State.HEAD_TOO_LONG if too_long else State.ARRIVING
        if found[0] == b"\n":
            return State.CUT
        head = bytes(self._data[: found.end() - 2])
        lengths = [length.strip(b" \t") for length in _LENGTH.findall(head)]
        self._chunked = _CODING.search(head) is not None
        if len(lengths) + self._chunked > 1 or not all(map(_is_length, lengths)):
            return State.CUT
        self._body = self._at = found.end()
        self._end = self._body + (int(lengths[0]) if lengths else 0)
        self._waits = (self._chunked or self._end > self._body) and bool(_CONTINUE.search(head))
        return None

    def _walk_chunks(self) -> State:
        """Go on from the last chunk that is whole, so that many small pieces cost no more."""
        while True:
            if self._at - self._body > 2 * MAX_REQUEST_BYTES:
                return State.BODY_TOO_LONG
            line_end = self._data.find(b"\r\n", self._at, self._at + CHUNK_LINE_BYTES)
            if line_end < 0:
                too_long = len(self._data) - self._at >= CHUNK_LINE_BYTES
                return State.BROKEN if too_long else State.ARRIVING
            if self._last:  # what follows the last chunk: trailers, then an empty line
                is_end, self._at = line_end == self._at, line_end + 2
                if is_end:
                    self._end = self._at
                    return State.WHOLE
                continue
            size = bytes(self._data[self._at : line_end]).partition(b";")[0].strip(b" \t")
            if not _SIZE.fullmatch(size):
                return State.BROKEN
            after = line_end + 2 + int(size, 16)
            if after - self._body > 2 * MAX_REQUEST_BYTES:
                return State.BODY_TOO_LONG
            if int(size, 16) == 0:
                self._last, self._at = True, after
                continue
            if len(self._data) < after + 2:
                return State.ARRIVING
            if self._data[after : after + 2] != b"\r\n":
                return State.BROKEN
            self._at = after + 2


def _is_length(value: bytes) -> bool:
    """A body of this length is waited for; of a longer one nothing is read, and the app says so."""
    return value.isdigit() and len(value) < 10 and int(value) <= MAX_REQUEST_BYTES
