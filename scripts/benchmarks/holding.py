"""The time of a page while clients hold connections: some never close, some never send the rest."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, at_most, median, percentile, plain
from scripts.benchmarks.pages import found_by, known_learner, largest_lesson
from scripts.benchmarks.running import Helper

ABOUT = (
    "the lesson page is asked for 40 times a second while clients hold connections; each is "
    "replaced when the site has ended it, after 2 seconds (closing) or 20 (sending); as a control, "
    "as many clients that close at once; rounds in turn, median of the rounds"
)
VISITORS, EACH_PER_S, QUIET_S = 4, 10.0, 3.0
CLOSED_AFTER_S, REFUSED_AFTER_S = 2.0, 20.0
"""How long the site keeps one of each kind: portal.serve.worker."""
LIMIT = 2.0
HOST = b"Host: 127.0.0.1\r\n"
HALF_CLOSED = b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
HALF_SENT = b"POST /labs HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nabc"


@dataclass(frozen=True, slots=True)
class Kind:
    """Clients that send the same and then wait, or close as soon as they are answered."""

    name: str
    count: int = 0
    sent: bytes = b""
    each_lives_s: float = CLOSED_AFTER_S
    closes: bool = False


NONE = Kind("no such client")
KINDS = (
    NONE,
    Kind("60 that close", 60, HALF_CLOSED, closes=True),
    Kind("60 that never close", 60, HALF_CLOSED),
    Kind("200 that close", 200, HALF_CLOSED, closes=True),
    Kind("200 that never close", 200, HALF_CLOSED),
    Kind("60 posts that are never sent whole", 60, HALF_SENT, REFUSED_AFTER_S),
    Kind("600 posts that are never sent whole", 600, HALF_SENT, REFUSED_AFTER_S),
)
"""600 are more than the threads of a worker (portal.serve.gunicorn_settings)."""


def measure(context: Context) -> Iterator[Row]:
    """Rounds over the kinds of clients."""
    seconds, rounds = (6.0 if context.quick else 10.0), context.rounds(5, 2)
    p50: dict[Kind, list[float]] = {kind: [] for kind in KINDS}
    p99: dict[Kind, list[float]] = {kind: [] for kind in KINDS}
    with context.site() as site, Helper("visits") as visitor:
        path, _ = largest_lesson(site.port)
        cookie = known_learner(site.port, path).cookie
        target = {"port": site.port, "path": path, "cookie": cookie}
        for round_ in range(rounds):
            for kind in KINDS:
                context.say(f"round {round_ + 1} of {rounds}: {kind.name}")
                times = _visit(visitor, target, seconds, Clients(site.port, kind))
                p50[kind].append(median(times))
                p99[kind].append(percentile(times, 99))
    for kind, found in p99.items():
        note = f"p50 {median(p50[kind]):.1f} ms; worst round {max(found):.1f} ms"
        yield plain(f"{kind.name}, page p99", median(found), "ms", note)
    for kind, found in p99.items():
        if kind is not NONE and not kind.closes:
            ratio = median(found) / median(p99[NONE])
            yield at_most(f"{kind.name}, page p99 to none", ratio, "times", LIMIT)


def _visit(
    visitor: Helper, target: dict[str, Any], seconds: float, clients: Clients
) -> list[float]:
    time.sleep(QUIET_S)
    with clients:
        pace = {"connections": VISITORS, "each_per_s": EACH_PER_S, "seconds": seconds}
        visitor.tell({"do": "at_a_pace", "target": target, **pace})
        times: list[float] = found_by(visitor, seconds + 60.0)
    if clients.problem:
        raise CannotMeasure(f"A client could not connect: {clients.problem}")
    return times


class Clients:
    """`kind.count` connections at any time, from the first moment: they are opened at the pace at
    which the site ends them, and the first ones before anything is measured.
    """

    def __init__(self, port: int, kind: Kind) -> None:
        self.problem = ""
        self._port, self._kind = port, kind
        self._held: list[socket.socket] = []
        self._stop = Event()
        self._thread = Thread(target=self._replace, daemon=True)

    def __enter__(self) -> Clients:
        if self._kind.count:
            try:
                for _ in range(self._kind.count):
                    self._open()
            except OSError as exc:
                raise CannotMeasure(f"A client could not connect: {exc}") from exc
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._kind.count:
            self._thread.join()
        for held in self._held:
            held.close()

    def _replace(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            try:
                self._open()
            except OSError as exc:
                self.problem = str(exc)
                return
            due += self._kind.each_lives_s / self._kind.count

    def _open(self) -> None:
        client = socket.create_connection(("127.0.0.1", self._port), 20.0)
        client.sendall(self._kind.sent)
        if self._kind.closes:
            client.recv(1024)
            client.close()
        else:
            self._held.append(client)
