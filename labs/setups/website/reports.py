"""What instances report of a request, over a socket: each command to a store as it is made, and
each line that a stepped request waits before.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from labs.errors import NotNow
from labs.events import CommandRan
from labs.sandbox.context import Context
from labs.sandbox.ledger import Trip
from labs.sandbox.stepper import Stepper
from labs.source import Source

REPORTED_WITHIN_S = 0.5


@dataclass(slots=True)
class Report:
    """What an instance has reported of one request so far. A `quiet` one emits no events.

    `complete` is set when the instance has closed its connection.
    """

    quiet: bool
    trips: list[Trip] = field(default_factory=list)
    complete: threading.Event = field(default_factory=threading.Event)


class RemoteStepper(Stepper):
    """Steps a request whose handler runs in another process: that process asks before each line."""

    _statements: Mapping[int, tuple[int, int]]
    _standing = (0, 0)

    def stand(self, line: int) -> None:
        """Wait before the statement of this line, unless the request stands in it already."""
        span = self._statements.get(line, (line, line))
        if span != self._standing:
            self._standing = span
            self._stand(span)

    def _run(self, code: CodeType, source: Source, call: Callable[[], object]) -> None:
        self._statements, self._standing = source.statements, (0, 0)
        try:
            with contextlib.suppress(NotNow):
                call()
        finally:
            self._running = False
            self._move()


class Reports:
    """The socket to which instances report, and the requests that reports are expected of."""

    def __init__(self, context: Context, stepper: RemoteStepper) -> None:
        self.path = context.directory / "reports"
        self._context = context
        self._stepper = stepper
        self._expected: dict[str, Report] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def open(self) -> None:
        """Accept reports from now on."""
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, name="reports", daemon=True).start()

    def close(self) -> None:
        """Accept no more reports."""
        self._listener.close()

    def expect(self, number: int, *, quiet: bool) -> Report:
        """The report of request `number`, which fills while the request is handled."""
        report = self._expected[str(number)] = Report(quiet)
        return report

    def finish(self, number: int, *, answered: bool) -> None:
        """The response is here: wait for the rest of its report, if an instance `answered`."""
        report = self._expected[str(number)]
        if answered:
            report.complete.wait(REPORTED_WITHIN_S)
        del self._expected[str(number)]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._read, args=(connection,), name="report", daemon=True
            ).start()

    def _read(self, connection: socket.socket) -> None:
        report: Report | None = None
        node = number = ""
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    message = json.loads(line)
                    if "request" in message:
                        number, node = str(message["request"]), str(message["instance"])
                        report = self._expected.get(number)
                    elif report is not None and "command" in message:
                        self._on_command(int(number), node, report, message)
                    elif report is not None and "line" in message:
                        self._stepper.stand(int(message["line"]))
                        connection.sendall(b"g")
        if report is not None:
            report.complete.set()

    def _on_command(
        self, number: int, node: str, report: Report, message: Mapping[str, Any]
    ) -> None:
        server, took_ms = str(message["server"]), float(message["took_ms"])
        meaning = message["meaning"]
        report.trips.append(Trip(server, str(message["command"]), meaning, took_ms))
        if report.quiet:
            return
        links = self._context.lab.topology.links_to(server)
        self._context.emit(
            CommandRan(
                request=number,
                server=server,
                command=str(message["command"])[:600],
                reply=str(message["reply"])[:300],
                took_ms=round(took_ms, 4),
                meaning=meaning,
                link=next((link.name for link in links if link.source == node), ""),
            )
        )
