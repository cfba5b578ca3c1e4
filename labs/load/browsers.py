"""One worker of a load of browsers: each has a cookie jar of its own, logs in, and goes on opening
pages. Counts who is recognised and who is not.
"""

from __future__ import annotations

import contextlib
import gc
import json
import random
import signal
import socket
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe

from labs.clients.address import Address
from labs.events import Value
from labs.load.batches import BATCH_S, Batch
from labs.load.shape import Schedule
from labs.network.links import Route
from labs.web.http import Connection, Message

TIMEOUT_S = 3.0
SITE, VISITORS = "site", "browsers"


@dataclass(frozen=True, slots=True)
class BrowserOrders:
    """What a worker needs to know: the lab's settings, the way to the site, and which of how many
    it is.
    """

    settings: dict[str, Value]
    site: Route
    worker: int
    workers: int
    seed: int


@dataclass(slots=True)
class Jar:
    """A browser: its cookies, and whether it has logged in."""

    user: str
    cookies: dict[str, str] = field(default_factory=dict)
    logged_in: bool = False


def browse(orders: BrowserOrders, pipe: Pipe) -> None:
    """Run until told to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.disable()
    Browsers(orders, pipe).run()


class Browsers:
    """The loop and what it holds."""

    def __init__(self, orders: BrowserOrders, pipe: Pipe) -> None:
        self._orders = orders
        self._pipe = pipe
        self._way = orders.site.open()
        self._to: Address | None = None
        self._connection: Connection | None = None
        self._random = random.Random(orders.seed * 1_000 + orders.worker)
        self._jars: list[Jar] = []
        self._made = self._turn = 0
        self._staff()
        now = time.monotonic()
        # Two workers that took even turns would each have an instance of their own: whoever takes
        # turns with them is the balancer.
        self._schedule = Schedule(
            self._rate(), now + self._random.random() / self._rate(), chance=self._random
        )
        self._batch = Batch(SITE, VISITORS)

    def run(self) -> None:
        batch_due = time.monotonic() + BATCH_S
        while True:
            now = time.monotonic()
            if now >= batch_due:
                self._send()
                batch_due = now + BATCH_S
            if self._pipe.poll(max(0.0, min(self._schedule.wait_s(now), batch_due - now))):
                message = self._pipe.recv()
                if not isinstance(message, BrowserOrders):
                    break
                self._orders = message
                self._staff()
                self._schedule.set_rate(self._rate(), time.monotonic())
                continue
            now = time.monotonic()
            if self._schedule.wait_s(now) <= 0:
                self._open_a_page(self._schedule.take(now))
        self._send()
        self._pipe.close()

    def _rate(self) -> float:
        return max(0.5, float(self._orders.settings["rate_per_s"]) / self._orders.workers)

    def _staff(self) -> None:
        """As many browsers as are wanted; those that are there stay as they are."""
        wanted = max(1, round(float(self._orders.settings["browsers"]) / self._orders.workers))
        del self._jars[wanted:]
        while len(self._jars) < wanted:
            self._made += 1
            self._jars.append(Jar(f"load-{self._orders.worker}-{self._made}"))

    def _open_a_page(self, due: float) -> None:
        jar = self._jars[self._turn % len(self._jars)]
        self._turn += 1
        began = time.monotonic()
        try:
            answer = (
                self._ask("GET", "/", jar)
                if jar.logged_in
                else self._ask("POST", "/login", jar, f"user={jar.user}".encode())
            )
            user = json.loads(answer.body).get("user") if answer.status == 200 else None
        except (OSError, ValueError):
            self._drop()
            self._batch.errors += 1
            return
        if user is None:
            self._batch.errors += 1
            return
        ended = time.monotonic()
        self._batch.done += 1
        self._batch.times["response"].append(int((ended - due) * 1e6))
        if jar.logged_in:
            self._batch.times["signed_in" if user == jar.user else "signed_out"].append(
                int((ended - began) * 1e6)
            )
        jar.logged_in = user == jar.user

    def _ask(self, method: str, path: str, jar: Jar, body: bytes = b"") -> Message:
        connection = self._connected()
        headers = [("Host", "shop.test")]
        if jar.cookies:
            headers.append(
                ("Cookie", "; ".join(f"{name}={value}" for name, value in jar.cookies.items()))
            )
        connection.send(Message(f"{method} {path} HTTP/1.1", headers, body))
        answer = connection.receive()
        if answer is None:
            raise ConnectionResetError("the balancer closed the connection")
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                cookie, _, said = value.partition(";")[0].partition("=")
                jar.cookies[cookie] = said
        return answer

    def _connected(self) -> Connection:
        way = self._way()
        if self._connection is None or way is not self._to:
            self._drop()
            connected = socket.create_connection((way.host, way.port), timeout=TIMEOUT_S)
            connected.settimeout(TIMEOUT_S)
            self._connection, self._to = Connection(connected), way
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self) -> None:
        batch = self._batch
        batch.scheduled, self._schedule.scheduled = self._schedule.scheduled, 0
        batch.dropped, self._schedule.dropped = self._schedule.dropped, 0
        with contextlib.suppress(BrokenPipeError):
            self._pipe.send(batch)
        self._batch = Batch(SITE, VISITORS)
