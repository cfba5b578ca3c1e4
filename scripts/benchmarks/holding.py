"""The time of a page while clients hold connections: some never close, some never send the rest."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, at_most, median, percentile, plain
from scripts.benchmarks.pages import found_by, known_learner, largest_lesson
from scripts.benchmarks.running import Helper

ABOUT = (
    "the lesson page is asked for 40 times a second while clients hold connections, which are "
    "renewed evenly every 2 seconds; rounds in turn, median of the rounds"
)
VISITORS, EACH_PER_S, QUIET_S = 4, 10.0, 3.0
RENEWED_S = 2.0
LIMIT = 2.0
HOST = b"Host: 127.0.0.1\r\n"
HALF_CLOSED = b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
HALF_SENT = b"POST /labs HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nabc"
KINDS: dict[str, tuple[int, bytes]] = {
    "no such client": (0, b""),
    "60 that never close": (60, HALF_CLOSED),
    "200 that never close": (200, HALF_CLOSED),
    "60 posts that are never sent whole": (60, HALF_SENT),
    "600 posts that are never sent whole": (600, HALF_SENT),
}
"""By name: how many clients there are at any time, and what each sends before it only waits."""


def measure(context: Context) -> Iterator[Row]:
    """Rounds over the kinds of clients."""
    seconds, rounds = (6.0 if context.quick else 10.0), context.rounds(5, 2)
    p50: dict[str, list[float]] = {name: [] for name in KINDS}
    p99: dict[str, list[float]] = {name: [] for name in KINDS}
    with context.site() as site, Helper("visits") as visitor:
        path, _ = largest_lesson(site.port)
        cookie = known_learner(site.port, path).cookie
        target = {"port": site.port, "path": path, "cookie": cookie}
        for round_ in range(rounds):
            for name, (count, sent) in KINDS.items():
                context.say(f"round {round_ + 1} of {rounds}: {name}")
                times = _visit(visitor, target, seconds, Holders(site.port, count, sent))
                p50[name].append(median(times))
                p99[name].append(percentile(times, 99))
    without = median(p99["no such client"])
    for name, found in p99.items():
        note = f"p50 {median(p50[name]):.1f} ms; worst round {max(found):.1f} ms"
        yield plain(f"{name}, page p99", median(found), "ms", note)
    for name, found in list(p99.items())[1:]:
        yield at_most(f"{name}, page p99 to none", median(found) / without, "times", LIMIT)


def _visit(
    visitor: Helper, target: dict[str, Any], seconds: float, holders: Holders
) -> list[float]:
    time.sleep(QUIET_S)
    with holders:
        pace = {"connections": VISITORS, "each_per_s": EACH_PER_S, "seconds": seconds}
        visitor.tell({"do": "at_a_pace", "target": target, **pace})
        times: list[float] = found_by(visitor, seconds + 60.0)
    if holders.problem:
        raise CannotMeasure(f"A client could not connect: {holders.problem}")
    return times


class Holders:
    """Clients that send something and then wait; `count` new ones every RENEWED_S, none closes
    before the end.
    """

    def __init__(self, port: int, count: int, sent: bytes) -> None:
        self.problem = ""
        self._port, self._count, self._sent = port, count, sent
        self._held: list[socket.socket] = []
        self._stop = Event()
        self._thread = Thread(target=self._hold, daemon=True)

    def __enter__(self) -> Holders:
        if self._count:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._count:
            self._thread.join()
        for held in self._held:
            held.close()

    def _hold(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            try:
                self._held.append(socket.create_connection(("127.0.0.1", self._port), 20.0))
                self._held[-1].sendall(self._sent)
            except OSError as exc:
                self.problem = str(exc)
                return
            due += RENEWED_S / self._count
