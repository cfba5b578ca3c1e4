"""The connection to one sandbox's agent, and the one thread that reads all connections.

A sandbox is hostile: frames are bounded in size and rate, events are checked field by field.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import queue
import selectors
import socket
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from typing import Any

from labs import wire
from labs.errors import (
    BadInput,
    LabsError,
    UnknownSandbox,
    from_data,
    has_ended,
    no_answer_in_time,
)
from labs.events import Entry
from labs.events.decoding import decode
from labs.printable import all_visible, visible

log = logging.getLogger("labs.connection")

MESSAGES_PER_S = 500
BYTES_PER_S = 16 * 1024 * 1024
OUTCOMES = 2_000
LOG_ENTRIES = 50
"""Of one sandbox: more than a person would read."""
SEND_DEADLINE_S = 5.0


class Connection:
    """Calls to an agent and its messages. Any thread may call; one thread reads."""

    def __init__(self, sock: socket.socket, sandbox: str) -> None:
        sock.settimeout(SEND_DEADLINE_S)
        self.sock = sock
        self.sandbox = sandbox
        self.on_event: Callable[[Entry], None] = lambda _: None
        self.on_outcome: Callable[[dict[str, Any]], None] = lambda _: None
        self.waiting: dict[int, Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._unpacker = wire.Unpacker()
        self._send_lock = threading.Lock()
        self._last_seq = 0
        self._interval_began, self._messages, self._bytes_before = 0.0, 0, 0
        self._outcomes = self._logged = 0
        self._closed = False

    def call(
        self,
        call: str,
        args: dict[str, Any],
        deadline_s: float,
        more_s: Callable[[], float] = lambda: 0.0,
    ) -> dict[str, Any]:
        """What the agent answers; raises the LabsError that it raised, TooSlow, or UnknownSandbox.
        `more_s` is asked at the deadline: the seconds that it gives do not count.
        """
        number, future = next(self._numbers), Future[dict[str, Any]]()
        self.waiting[number] = future
        try:
            frame = wire.pack({"id": number, "call": call, "args": args})
            with self._send_lock:
                self.sock.sendall(frame)
            if self._closed:
                raise has_ended()
            waited_s = 0.0
            while (left_s := deadline_s + more_s() - waited_s) > 0:
                wait({future}, timeout=left_s)
                if future.done():
                    return future.result()
                waited_s += left_s
            raise TimeoutError
        except TimeoutError:
            raise no_answer_in_time() from None
        except OSError as exc:
            raise UnknownSandbox(
                "There is no such sandbox.",
                hint="It has ended. Open the lab again: your progress is kept.",
                detail=str(exc),
            ) from exc
        finally:
            self.waiting.pop(number, None)

    def read(self) -> bool:
        """Take in what has arrived; False at the end of the stream.

        Raises what a hostile sandbox's messages break.
        """
        try:
            messages = wire.receive(self.sock, self._unpacker)
        except OSError:
            return False
        for message in messages or ():
            self.on_message(message)
        return messages is not None

    def on_message(self, message: dict[str, Any]) -> None:
        """Hand one message on. Raises LabsError where it breaks a rule."""
        self._count()
        if "event" in message:
            entry = decode(message["event"])
            if entry.seq != self._last_seq + 1:
                raise BadInput("An event is out of order.")
            self._last_seq = entry.seq
            self.on_event(entry)
        elif "outcome" in message:
            self._outcomes += 1
            if self._outcomes > OUTCOMES:
                raise BadInput("More outcomes than a sandbox may have.")
            self.on_outcome(_checked_outcome(message["outcome"]))
        elif "log" in message:
            self._logged += 1
            if self._logged <= LOG_ENTRIES:
                log.warning("sandbox %s says:\n%s", self.sandbox, quoted(message["log"]))
        elif "failed" in message:
            log.error("sandbox %s failed:\n%s", self.sandbox, quoted(message.get("detail")))
            self._fail_calls(_error(message["failed"]))
        else:
            self._on_reply(message)

    def close(self) -> None:
        """End the stream in both directions: calls that wait fail, and the reader sees its end.

        The reader closes the socket itself, so its number is not reused while it is read.
        """
        self._closed = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self._fail_calls(has_ended())

    def _count(self) -> None:
        now = time.monotonic()
        if now - self._interval_began > 1.0:
            self._interval_began, self._messages = now, 0
            self._bytes_before = self._unpacker.fed
        self._messages += 1
        if self._messages > MESSAGES_PER_S or self._unpacker.fed - self._bytes_before > BYTES_PER_S:
            raise BadInput("More messages a second than a sandbox may send.")

    def _on_reply(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        waiting = self.waiting.get(number) if isinstance(number, int) else None
        if waiting is None:
            return
        # A call fails at the moment at which its connection is closed, in another thread.
        with contextlib.suppress(InvalidStateError):
            if "error" in message:
                waiting.set_exception(_error(message["error"]))
            elif isinstance(message.get("reply"), dict):
                waiting.set_result(_visible(message["reply"]))
            else:
                raise BadInput("A reply holds neither an answer nor an error.")

    def _fail_calls(self, error: LabsError) -> None:
        for future in list(self.waiting.values()):
            with contextlib.suppress(InvalidStateError):
                future.set_exception(error)


class Reader:
    """One thread that reads sockets. It alone registers and closes them: a number that is closed by
    another thread could be a new sandbox's before an old event of it is looked at.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._new: queue.SimpleQueue[tuple[socket.socket, Callable[[], bool]]] = queue.SimpleQueue()
        self._wake, self._wake_end = os.pipe()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def add(self, sock: socket.socket, on_readable: Callable[[], bool]) -> None:
        """Call `on_readable` whenever there is something to read, until it returns False; then the
        socket is closed.
        """
        self._new.put((sock, on_readable))
        os.write(self._wake_end, b"x")

    def close(self) -> None:
        """Stop reading and close all sockets."""
        self._closed.set()
        os.write(self._wake_end, b"x")
        self._thread.join(timeout=SEND_DEADLINE_S)
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        os.close(self._wake)
        os.close(self._wake_end)

    def _run(self) -> None:
        while not self._closed.is_set():
            for key, _ in self._selector.select():
                if key.fileobj == self._wake:
                    os.read(self._wake, 4096)
                    while not self._new.empty():
                        sock, on_readable = self._new.get()
                        self._selector.register(sock, selectors.EVENT_READ, on_readable)
                elif not key.data():
                    self._selector.unregister(key.fileobj)
                    assert isinstance(key.fileobj, socket.socket)
                    key.fileobj.close()


def quoted(text: object) -> str:
    """A sandbox's own words, so that no line of them passes for one of ours."""
    printable = "".join(
        letter if letter.isprintable() or letter == "\n" else "?" for letter in str(text)[:4000]
    )
    return textwrap.indent(printable, "  | ", lambda _: True)


def _error(data: object) -> LabsError:
    if not isinstance(data, dict):
        raise BadInput("An error is an object.")
    return from_data({str(name): visible(str(text)[:2000]) for name, text in data.items()})


def _visible(data: dict[str, Any]) -> dict[str, Any]:
    """The same without a control character in any text: it goes to pages and into the database."""
    try:
        shown: dict[str, Any] = all_visible(data)
    except RecursionError as exc:
        raise BadInput("A message is nested too deeply.") from exc
    return shown


def _checked_outcome(outcome: object) -> dict[str, Any]:
    if not isinstance(outcome, dict) or set(outcome) != {"id", "kind", "name", "status", "data"}:
        raise BadInput("An outcome has an id, a kind, a name, a status and data.")
    for name in ("id", "kind", "name", "status"):
        if not isinstance(outcome[name], str) or len(outcome[name]) > 100:
            raise BadInput(f"An outcome's {name} is a short text.")
    if (
        outcome["kind"] not in ("check", "prediction", "figures")
        or not isinstance(outcome["data"], dict)
        or len(json.dumps(outcome["data"])) > 16_384
    ):
        raise BadInput("An outcome is about a check, a prediction or figures.")
    return _visible(outcome)
