"""Readers of event streams: raw sockets in one thread.

Of every event they note how long after its `at` it was in their hands.

As a helper: a line of orders, then the problem with connecting, if any; two more lines are the
begin and the end of an interval, and what it held is answered.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import re
import selectors
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from scripts.benchmarks.learner import Learner

CONNECT_S = 30.0
ARRIVALS_PER_S = 100
SLOW_BUFFER = 2_048
HEAD, WORDS = 16_384, 80
_AT = re.compile(rb'"at": ?(\d+\.?\d*)')
_STATUS = re.compile(rb"HTTP/1\.\d (\d{3}) ")
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
_STREAM_ENDED = re.compile(rb'^event: bye\ndata: \{"reason": "(\w*)"', re.MULTILINE)


@dataclass(slots=True)
class Reader:
    """One stream: how it began, the event that is not whole yet, what was counted."""

    head: bytes = b""
    begun: bytes = b""
    greeted: bool = False
    ended: bool = False
    reason: str = ""
    moments: list[float] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        """Bytes as they come, in pieces of any size; `moments` gets the `at` of each event that is
        whole now.
        """
        self.head += data[: HEAD - len(self.head)]
        text, end, self.begun = (self.begun + data).rpartition(b"\n\n")
        if not end:
            return
        self.greeted = self.greeted or (self.status == "200" and b"event: hello" in text)
        self.moments += [float(at) for at in _AT.findall(text)]
        if bye := _STREAM_ENDED.search(text):
            self.ended, self.reason = True, bye[1].decode()

    @property
    def answer(self) -> str:
        """The first line of what came, and the reason why there is no stream."""
        if not self.head:
            return "closed without an answer" if self.ended else "no answer"
        head, _, body = self.head.decode(errors="replace").partition("\r\n\r\n")
        first_line = head.partition("\r\n")[0]
        if self.status == "200":
            return f"{first_line}, ended: {self.reason}" if self.ended else first_line
        heading = _HEADING.search(body)
        return f"{first_line}, {' '.join((heading[1] if heading else body).split())[:WORDS]}"

    @property
    def is_missing(self) -> bool:
        """True until the stream has begun, and once it has ended."""
        return not self.greeted or self.ended

    @property
    def status(self) -> str:
        """The status of the answer; empty until it is known."""
        found = _STATUS.match(self.head)
        return found[1].decode() if found else ""


class Listeners:
    """All readers of one process, and at most one that takes a byte a second."""

    def __init__(self, streams: list[dict[str, Any]], port: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._lags: list[float] = []
        self._since = 0.0
        self.readers = [Reader() for _ in streams]
        self._streams, self._port = streams, port
        self._slow: socket.socket | None = None
        self._slow_due = time.monotonic()
        for reader, stream in zip(self.readers, streams, strict=True):
            connected = self._stream(stream)
            connected.setblocking(False)
            self._selector.register(connected, selectors.EVENT_READ, reader)
            self.turn(time.monotonic() + 1 / ARRIVALS_PER_S)

    def turn(self, until: float) -> None:
        """Read what comes until a moment of the monotonic clock."""
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(min(left, 0.2)):
                self._read(key)
            if self._slow is not None and time.monotonic() >= self._slow_due:
                self._slow_due += 1.0
                self._slow.setblocking(False)
                with contextlib.suppress(OSError):
                    self._slow.recv(1)

    def begin(self, *, slow: bool) -> None:
        """Forget what was counted: an interval begins, with the slow reader or without.

        Events from before it don't count when they come late from the feed's past.
        """
        if self._slow is not None:
            self._slow.close()
        self._slow = self._stream(self._streams[0], receive_buffer=SLOW_BUFFER) if slow else None
        self._slow_due = time.monotonic()
        self._lags, self._since = [], time.time()

    def found(self) -> dict[str, Any]:
        """The interval: lags in milliseconds, streams that live, what was answered."""
        return {
            "lags": [round(lag, 2) for lag in self._lags],
            "answers": dict(Counter(reader.answer for reader in self.readers)),
            "alive": sum(not reader.ended for reader in self.readers),
            "seconds": time.time() - self._since,
        }

    def _read(self, key: selectors.SelectorKey) -> None:
        reader: Reader = key.data
        assert isinstance(key.fileobj, socket.socket)
        try:
            data = key.fileobj.recv(262_144)
        except OSError:
            data = b""
        now = time.time()
        if not data:
            reader.ended = True
            self._selector.unregister(key.fileobj)
            return
        reader.take(data)
        self._lags += [(now - at) * 1e3 for at in reader.moments if at >= self._since]
        reader.moments.clear()

    def _stream(self, stream: dict[str, Any], *, receive_buffer: int = 0) -> socket.socket:
        learner = Learner(self._port)
        learner.sandbox, learner.cookie = stream["sandbox"], stream["cookie"]
        return learner.stream(stream["after"], receive_buffer=receive_buffer)


def problem_of(readers: list[Reader]) -> str:
    """Empty if every stream has begun and goes on; else the answers of the others, counted."""
    missing = [reader for reader in readers if reader.is_missing]
    answers = ", ".join(
        f"{count} × {answer}"
        for answer, count in Counter(reader.answer for reader in missing).most_common()
    )
    return f"{len(missing)} of {len(readers)} streams did not begin: {answers}" if missing else ""


def main() -> None:
    """Obey orders: {"port", "streams"}, then {"slow"} to begin an interval and a line to end it,
    until there are no more.
    """
    gc.disable()
    orders = json.loads(_line(None))
    listeners = Listeners(orders["streams"], orders["port"])
    end = time.monotonic() + CONNECT_S
    while problem_of(listeners.readers) and time.monotonic() < end:
        listeners.turn(time.monotonic() + 0.05)
    missing = sum(reader.is_missing for reader in listeners.readers)
    print(json.dumps({"problem": problem_of(listeners.readers), "missing": missing}), flush=True)
    while True:
        listeners.begin(slow=json.loads(_line(listeners))["slow"])
        _line(listeners)
        print(json.dumps(listeners.found()), flush=True)


_said = b""


def _line(listeners: Listeners | None) -> str:
    """The next line of orders; meanwhile the streams are read.

    Ends the process at the end of the orders.
    """
    global _said
    os.set_blocking(0, listeners is None)
    while b"\n" not in _said:
        if listeners is not None:
            listeners.turn(time.monotonic() + 0.02)
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            continue
        if not data:
            sys.exit()
        _said += data
    line, _, _said = _said.partition(b"\n")
    return line.decode()


if __name__ == "__main__":
    main()
