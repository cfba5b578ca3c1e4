"""The console of Memcached: a session of its text protocol, in which several lines may come at
once.

A storage command alone on its line waits for its value, as the server does: the prompt shows how
many bytes are still to be typed. `set k 0 0 4 text` has its value on the same line, byte for byte
from the first space after the number on, and in `set k 0 0 text` the number is filled in.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import replace

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.memcached import MemcachedClient
from labs.clients.stream import ServerClosed
from labs.errors import LabsError, ServerDown
from labs.printable import visible_bytes
from labs.sandbox.console import (
    CONNECT_DEADLINE_S,
    MOST_TOGETHER,
    OUTPUT_LIMIT,
    REPLY_DEADLINE_S,
    Answer,
    ms_since,
)
from labs.sandbox.memcached_lines import VERBS, Lines, Request, lines_of

_LAST = b"mn"
"""A command that does nothing: its answer says that the one before was answered, or has none."""
_LAST_ANSWER = b"MN"
MOST_READ = 16 * 1024 * 1024
_ERRORS = (b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")


class MemcachedConsole:
    """Any thread may call."""

    def __init__(self, address: Address, access: Access) -> None:
        timeouts = {"timeout_s": REPLY_DEADLINE_S, "connect_timeout_s": CONNECT_DEADLINE_S}
        self._client = MemcachedClient(straight(address), tls=access.tls, **timeouts)
        self._lines = Lines()
        self._lock = threading.Lock()

    def run(self, command: str) -> Answer:
        with self._lock:
            answers: list[Answer] = []
            lines, waited = deque(lines_of(command)), self._lines.missing > 0
            while lines:
                line = lines.popleft()
                try:
                    request = self._lines.take(line)
                    if request is not None:
                        answers.append(self._answered(request))
                    is_full = len(answers) == MOST_TOGETHER
                    if request is not None and lines and (request.head or is_full):
                        # What follows a refused storage command was meant as its value.
                        answers[-1] = replace(answers[-1], notice=_not_run(len(lines)))
                        break
                except LabsError as exc:
                    # An error leaves the prompt as it was, and no value is waited for any more.
                    if not answers and not waited:
                        raise
                    said = f"{exc} {exc.hint}".strip()
                    answers.append(Answer(said, True, 0.0, notice=_not_run(len(lines))))
                    break
                if not lines and self._lines.waits_for_nothing:
                    lines.append("")
            return _together(answers, self._lines.missing)

    def complete(self, text: str) -> list[str]:
        return [verb for verb in VERBS if verb.startswith(text.lower())]

    def close(self) -> None:
        """No connection is held between commands; a command that waits for its value is dropped."""
        self._lines.forget()

    def _answered(self, request: Request) -> Answer:
        began = time.perf_counter()
        alone = request.head or request.lists
        reply = Reply(count=2 if request.verb == "mn" else 1, first=request.head)
        try:
            with contextlib.closing(self._client), self._client.within(REPLY_DEADLINE_S):
                self._client.connect()
                self._client.write(request.data if alone else request.data + _LAST + b"\r\n")
                while not reply.ended and not (request.lists and reply.listed):
                    reply.take(self._client.read())
        except OSError as exc:
            if not (isinstance(exc, ServerClosed) and reply.lines):
                raise _no_answer(exc) from exc
        took_ms = ms_since(began)
        lines = reply.lines
        raw = b"\n".join(lines)
        text = visible_bytes(raw)
        notices = [request.notice]
        if not lines:
            notices.append("Memcached answers nothing to this.")
        cut = len(text) > OUTPUT_LIMIT
        if cut:
            more = "more than " if reply.total > MOST_READ else ""
            notices.append(
                f"The first {OUTPUT_LIMIT:,} characters of {more}{reply.total:,} bytes are shown."
            )
        if "\\" in text and "\\" not in raw.decode(errors="replace"):
            notices.append("Bytes that can't be shown are written as escapes, such as \\x00.")
        return Answer(
            text[:OUTPUT_LIMIT],
            bool(lines) and lines[0].split(b" ", 1)[0] in _ERRORS,
            took_ms,
            cut=cut,
            notice=" ".join(filter(None, notices)),
        )


class Reply:
    """What a server answers, as lines: a value is one of them, whatever its bytes are. It ends with
    the answer to the last of `count` commands that do nothing, or with its `first` line.
    """

    def __init__(self, count: int, *, first: bool) -> None:
        self.lines: list[bytes] = []
        self.total = 0
        self._left = count
        self._first = first
        self._newest = b""
        self._buffer = b""
        self._value = -1
        self._kept = 0

    @property
    def ended(self) -> bool:
        """True when all was answered, or more than this console reads."""
        done = self._left == 0 or (self._first and bool(self.lines))
        return done or self.total > MOST_READ

    @property
    def listed(self) -> bool:
        """True when the newest line ends a list, or is there in place of one."""
        word = self._newest.split(b" ", 1)[0]
        return word in (b"END", b"BUSY", *_ERRORS)

    def take(self, data: bytes) -> None:
        """Go on with what has arrived."""
        self.total += len(data)
        self._buffer += data
        while not self.ended and self._next():
            pass

    def _next(self) -> bool:
        if self._value >= 0:
            if len(self._buffer) < self._value + 2:
                return False
            self._keep(self._buffer[: self._value])
            self._buffer, self._value = self._buffer[self._value + 2 :], -1
            return True
        # The protocol ends a line with CR LF; what `lru_crawler metadump` lists has LF alone.
        line, found, rest = self._buffer.partition(b"\n")
        if not found:
            return False
        self._buffer, line = rest, line.removesuffix(b"\r")
        if line == _LAST_ANSWER:
            self._left -= 1
            if self._left == 0:
                self.total -= len(_LAST_ANSWER) + 2
                return True
        self._newest = line
        self._keep(line)
        words = line.split(b" ")
        if words[0] == b"VALUE" and len(words) >= 4 and words[3].isdigit():
            self._value = int(words[3])
        elif words[0] == b"VA" and len(words) >= 2 and words[1].isdigit():
            self._value = int(words[1])
        return True

    def _keep(self, line: bytes) -> None:
        """Keep as much as is shown, and a little more, by which is seen that there is more."""
        if self._kept <= OUTPUT_LIMIT:
            self.lines.append(line[: OUTPUT_LIMIT + 1])
            self._kept += len(line) + 1


def _together(answers: list[Answer], missing: int) -> Answer:
    """The answers of a session in one, and what it waits for."""
    notices = [answer.notice for answer in answers]
    if missing:
        bytes_, them = ("1 byte", "it") if missing == 1 else (f"{missing:,} bytes", "them")
        notices.append(f"Memcached waits for {bytes_} of the value: type {them} on the next line.")
    text = "\n".join(answer.output for answer in answers if answer.output)
    return Answer(
        text[:OUTPUT_LIMIT],
        any(answer.failed for answer in answers),
        round(sum(answer.took_ms for answer in answers), 3),
        cut=len(text) > OUTPUT_LIMIT or any(answer.cut for answer in answers),
        prompt=f"({missing} bytes)" if missing else "",
        notice=" ".join(dict.fromkeys(filter(None, notices))),
    )


def _not_run(left: int) -> str:
    """What is said of lines after one that was refused."""
    if left == 0:
        return ""
    return "The line after it was not run." if left == 1 else f"{left} lines were not run."


def _no_answer(exc: OSError) -> ServerDown:
    """The error for a server that did not answer: one sentence for each cause."""
    if isinstance(exc, ConnectionRefusedError):
        return ServerDown(
            "Memcached refuses the connection: no server runs there.",
            hint="Start it again in the drawing.",
            detail=str(exc),
        )
    if isinstance(exc, TimeoutError):
        return ServerDown(
            f"Memcached did not answer within {REPLY_DEADLINE_S:g} seconds, and this console "
            "waits no longer.",
            hint="It may be paused or cut off: look at the drawing.",
            detail=str(exc),
        )
    return ServerDown(
        "Memcached closed the connection before it answered.",
        hint="It ended, or it expects TLS: look at the drawing.",
        detail=str(exc),
    )
