"""The load of a web site: browsers, each with a cookie jar of its own, that log in and go on
opening pages. Counts which responses recognise the browser.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field

from labs.clients.address import Address
from labs.load.batches import Batch, flow
from labs.load.commits import Commits
from labs.load.failures import words_of
from labs.load.program import ScheduledProgram, WorkloadSpec
from labs.network.links import Route
from labs.web.http import Connection, Message

TIMEOUT_S = 3.0
BEHIND = "balancer"
"""How the names of the links from the balancer to the instances begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSpec(WorkloadSpec):
    """A share of `browsers` browsers, and the link to the site: its name and its route."""

    browsers: int
    link: str
    site: Route

    @property
    def label(self) -> tuple[str, str]:
        """The engine and the strategy under which its batches are counted."""
        return "site", "browsers"

    def program(self, commits: Commits) -> Browsers:
        """The program, made in the client's process."""
        return Browsers(self)


@dataclass(slots=True)
class Jar:
    """A browser: its cookies, and whether it has logged in."""

    user: str
    cookies: dict[str, str] = field(default_factory=dict)
    logged_in: bool = False


class Browsers(ScheduledProgram):
    """Several browsers that take turns on one connection."""

    def __init__(self, spec: BrowserSpec) -> None:
        # At random moments: with even turns, each of two clients would always reach the same
        # instance, because the balancer takes turns, too.
        super().__init__(spec, even=False)
        self._spec = spec
        self._link = spec.site.open()
        self._address: Address | None = None
        self._connection: Connection | None = None
        self._jars: list[Jar] = []
        self._made = self._turn = 0
        self._scale()
        self._batch = Batch(*spec.label)

    def reconfigure(self, spec: WorkloadSpec) -> None:
        """Go on with other settings."""
        assert isinstance(spec, BrowserSpec)
        self._spec = spec
        self._scale()
        self.set_rate(spec)

    def take_batch(self) -> Batch:
        """What was done since the last call."""
        batch, self._batch = self._batch, Batch(*self._spec.label)
        return self.counted(batch)

    def close(self) -> None:
        """Give the connection back."""
        self._drop()

    def _scale(self) -> None:
        """Add or remove browsers until there are as many as are wanted; the others stay."""
        wanted = max(1, round(self._spec.browsers / self._spec.clients))
        del self._jars[wanted:]
        while len(self._jars) < wanted:
            self._made += 1
            self._jars.append(Jar(f"load-{self._spec.client}-{self._made}"))

    def once(self, now: float) -> None:
        """Open one page and count it."""
        due = self.schedule.take(now)
        jar = self._jars[self._turn % len(self._jars)]
        self._turn += 1
        began = time.monotonic()
        user, problem = None, ""
        try:
            answer = self._ask(jar)
            page = json.loads(answer.body)
            user = page.get("user") if answer.status == 200 else None
            problem = f"{answer.status} {page.get('message', '')}".strip()
        except (OSError, ValueError) as exc:
            problem = words_of(exc)
            self._drop()
        if user is None:
            self._batch.errors += 1
            self._batch.error = problem
            self._batch.flows[flow(self._spec.link, "error")] += 1
            return
        ended = time.monotonic()
        self._batch.done += 1
        self._batch.times["response"].append(int((ended - due) * 1e6))
        recognised = user == jar.user
        meaning = "write"
        if jar.logged_in:
            kind = "logged_in" if recognised else "logged_out"
            meaning = "hit" if recognised else "miss"
            self._batch.times[kind].append(int((ended - began) * 1e6))
        self._batch.flows[flow(self._spec.link, meaning)] += 1
        behind = next((text for name, text in answer.headers if name == "X-Instance"), "")
        if behind:
            self._batch.flows[flow(f"{BEHIND}-{behind.lower()}", meaning)] += 1
        jar.logged_in = recognised

    def _ask(self, jar: Jar) -> Message:
        """Open a page, or log in with a browser that is not logged in."""
        connection = self._connected()
        first, body = "GET / HTTP/1.1", b""
        if not jar.logged_in:
            first, body = "POST /login HTTP/1.1", f"user={jar.user}".encode()
        headers = [("Host", "shop.test")]
        if jar.cookies:
            cookies = "; ".join(f"{name}={value}" for name, value in jar.cookies.items())
            headers.append(("Cookie", cookies))
        connection.send(Message(first, headers, body))
        answer = connection.receive()
        if answer is None:
            raise ConnectionResetError("the load balancer closed the connection")
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                jar.cookies[cookie] = content
        return answer

    def _connected(self) -> Connection:
        address = self._link()
        if self._connection is None or address is not self._address:
            self._drop()
            connected = socket.create_connection((address.host, address.port), timeout=TIMEOUT_S)
            connected.settimeout(TIMEOUT_S)
            self._connection, self._address = Connection(connected), address
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
