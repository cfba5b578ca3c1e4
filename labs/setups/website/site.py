"""The browsers before a site, and what is to be seen of its sessions: real HTTP through the
balancer, a cookie jar each, every response kept as data.

An instance tells over a socket what a request did, command by command. What a session is now is
asked of its store, never of a browser's request, for that would extend it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request as Wanted

from labs.clients.address import Address
from labs.engines.base import Engine
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.engines.registry import registry
from labs.engines.web import Balancer, Instance, WebServer
from labs.errors import NotNow, ServerDown
from labs.events import (
    CommandRan,
    LineReached,
    Said,
    Sense,
    StepFinished,
    StepStarted,
    Travelled,
    Value,
)
from labs.lab import Link, Node
from labs.sandbox.context import Context
from labs.sandbox.ledger import Trip
from labs.sandbox.part import SteppedPart, Workload
from labs.sandbox.stepper import Stepper
from labs.setups.website.workload import BrowserSpec
from labs.source import source_of

HOST = "shop.test"
FIRST, SECOND = "first", "second"
USERS = {FIRST: "Mia", SECOND: "Ben"}
IN_MEMORY = ("memory", "sticky")
KEY = "session:"
ANSWER_S, STEPPED_S, TOLD_S = 5.0, 140.0, 0.5
LOOK_EVERY_S, LOOK_WHEN_QUIET_S = 0.5, 2.0
MOST_VISITS, SHOWN_VISITS, SHOWN_TEXT = 2_000, 50, 1_200


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a browser and its response. Times are monotonic seconds.

    `ttl_before_s` and `ttl_after_s` are what the store itself says of the session whose id the
    browser holds then: None if it has none, -1 if it never ends; `sent_ttl_after_s` is the same for
    the id that was sent, when the request was over. `held` says that it waited in step gear. `pids`
    are the servers' processes when the request began, 0 for one that is not up.
    """

    number: int
    browser: str
    method: str
    path: str
    store: str
    idle_s: float
    absolute_s: float
    renewal: str
    began: float
    ended: float
    status: int
    instance: str
    user: str
    cart: tuple[str, ...]
    says: str
    sid_sent: str
    sid_after: str
    cookies: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    body: str
    ttl_before_s: float | None
    ttl_after_s: float | None
    sent_ttl_after_s: float | None
    held: bool
    pids: Mapping[str, int]
    trips: tuple[Trip, ...]

    @property
    def took_ms(self) -> float:
        """From the browser and back."""
        return (self.ended - self.began) * 1000

    @property
    def answered(self) -> bool:
        """True if an instance answered, whatever it said."""
        return self.status == 200 and bool(self.instance)

    @property
    def signed_in(self) -> bool:
        """True if the instance knew who asked."""
        return self.answered and bool(self.user)

    @property
    def is_login(self) -> bool:
        """True if it signed somebody in."""
        return self.path == "/login" and self.signed_in

    @property
    def meaning(self) -> Sense:
        """A session that was found is a hit, one that was not a miss."""
        if self.status >= 500:
            return "error"
        if self.method == "POST":
            return "write"
        if not self.sid_sent:
            return "none"
        return "hit" if self.user or any(trip.meaning == "hit" for trip in self.trips) else "miss"


class Browser:
    """A browser with a cookie jar.

    As browsers do for localhost, it takes secure cookies over plain HTTP: it lives inside the
    sandbox, on its loopback.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self.last: Visit | None = None
        self.login: Visit | None = None

    @property
    def user(self) -> str:
        """Who logs in here."""
        return USERS.get(self.name, self.name)

    def cookie(self, name: str) -> str:
        """A cookie's value, empty if there is none."""
        return next((cookie.value or "" for cookie in self.jar if cookie.name == name), "")

    def ask(
        self,
        address: Address,
        method: str,
        path: str,
        form: Mapping[str, str],
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send a request with the cookies of the jar, and keep those that come back.

        Raises OSError or http.client.HTTPException.
        """
        wanted = Wanted(f"http://{HOST}{path}", method=method)
        self.jar.add_cookie_header(wanted)
        sent = {
            "Host": HOST,
            "Accept": "application/json",
            "Connection": "close",
            **headers,
            **dict(wanted.unredirected_hdrs),
        }
        if method == "POST":
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
        try:
            connection.request(
                method, path, body=urlencode(form) if method == "POST" else None, headers=sent
            )
            response = connection.getresponse()
            body = response.read(64 * 1024)
            self.jar.extract_cookies(response, wanted)
            return response.status, response.getheaders(), body
        finally:
            connection.close()


@dataclass(slots=True)
class Heard:
    """What an instance told of one request so far."""

    quiet: bool
    function: str
    statements: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    standing: tuple[int, int] = (0, 0)
    trips: list[Trip] = field(default_factory=list)
    all: threading.Event = field(default_factory=threading.Event)


class RemoteStepper(Stepper):
    """Steps a request that runs in another process: that one asks before each line."""

    def begin(self, call: Callable[[], object]) -> None:
        """Run `call` in a thread; returns when it stands before its first line, or is over."""
        with self._lock:
            if self._running:
                raise NotNow("A request is already standing here.", hint="Run it to its end first.")
            self._running, self._free = True, False
            while self._go.acquire(blocking=False):
                pass

        def run() -> None:
            try:
                with contextlib.suppress(NotNow):
                    call()
            finally:
                self._running = False
                self._move()

        before = self._moves
        threading.Thread(target=run, name="stepped request", daemon=True).start()
        self._wait_for_move(before)

    def stand(self, span: tuple[int, int]) -> None:
        """Wait before a statement."""
        self._stand(span)


class Site(SteppedPart, Workload):
    """The browsers, the responses that they got, and what their sessions are now."""

    steps_under_load = True
    stepper: RemoteStepper
    caption = "Many browsers log in and go on opening pages. Who is signed out logs in again."

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.reports = context.directory / "reports"
        self.browsers: dict[str, Browser] = {}
        self.visits: list[Visit] = []
        self.stepper = RemoteStepper(on_line=self._line_reached)
        self._number = 0
        self._heard: dict[str, Heard] = {}
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._shown: list[dict[str, Value]] = []
        self._closed = threading.Event()
        self._listener: socket.socket | None = None

    def clients(self) -> int:
        """How many clients share the browsers."""
        return int(float(self.context.settings.get("clients", 2)))

    def spec(self, client: int, clients: int, requests: int = 0) -> BrowserSpec:
        """The browsers of one client, with the settings as they are now."""
        settings = self.context.settings
        return BrowserSpec(
            rate_per_s=float(settings["rate_per_s"]),
            client=client,
            clients=clients,
            requests=requests,
            browsers=int(float(settings["browsers"])),
            site=self.context.network.route(self.entrance.name),
        )

    def about(self) -> str:
        """What the load does, as half a sentence."""
        settings = self.context.settings
        return (
            f"{float(settings['browsers']):g} browsers want "
            f"{float(settings['rate_per_s']):g} requests/s"
        )

    def engine(self, node: Node, directory: Path) -> Engine | None:
        """The balancer's and the instances' engines; the stores are plain servers."""
        if node.engine not in ("instance", "balancer"):
            return None
        address = self.context.addresses.new(node.name, registry[node.engine].port)
        make = Balancer if node.engine == "balancer" else Instance
        return make(
            node.name,
            address,
            directory,
            self.context.password(node.name),
            lambda: self._program_settings(node),
        )

    def _program_settings(self, node: Node) -> dict[str, object]:
        """What a program of the site needs now: where its own links lead, and the lab's
        settings.
        """
        context, settings = self.context, self.context.settings
        topology = context.lab.topology
        ways = {
            link.target: context.addresses.of_link(link.name)
            for link in topology.links
            if link.source == node.name
        }
        if node.engine == "balancer":
            return {
                "sticky": settings.get("store") == "sticky",
                "targets": [(letter(name), way.host, way.port) for name, way in ways.items()],
            }
        strategy = context.strategy()
        assert strategy.write is not None
        stores = {context.kind_at(topology.node(name)): (name, way) for name, way in ways.items()}
        (redis, to_redis), (_, to_memcached) = stores["redis"], stores["memcached"]
        return {
            "name": letter(node.name),
            "node": node.name,
            "store": settings["store"],
            "idle_s": settings["idle_s"],
            "absolute_s": settings["absolute_s"],
            "sliding": settings["renewal"] == "sliding",
            "page": f"{strategy.read.__module__}:{strategy.read.__qualname__}",
            "log_in": f"{strategy.write.__module__}:{strategy.write.__qualname__}",
            "redis": (to_redis.host, to_redis.port, "shop", context.password(redis)),
            "memcached": (to_memcached.host, to_memcached.port),
            "reports": str(self.reports),
        }

    @property
    def entrance(self) -> Link:
        """The link that leads from the browsers to the balancer."""
        topology = self.context.lab.topology
        return topology.links_to(topology.of_engine("balancer")[0].name)[0]

    def opened(self) -> None:
        """Begin to take the instances' reports and to look after the sessions."""
        if not self.context.is_real:
            return
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.reports))
        self._listener.listen(64)
        threading.Thread(
            target=self._listen, args=(self._listener,), name="reports", daemon=True
        ).start()
        threading.Thread(target=self._watch, name="sessions", daemon=True).start()
        self.refresh()

    def setting_changed(self, name: str) -> None:
        """Hand the new settings to the programs of the site, and look at the sessions again."""
        for server in self.context.servers.values():
            if isinstance(server.engine, WebServer):
                server.engine.configure()
        self.refresh()

    def server_changed(self, server: str, verb: str) -> None:
        """Look at the sessions again."""
        self.refresh()

    def interrupt(self) -> None:
        """Close every browser."""
        self._forget()

    def restarted(self) -> None:
        """Begin without browsers, and look at the empty stores."""
        self._forget()
        self.refresh()

    def close(self) -> None:
        """Take no more reports."""
        self._closed.set()
        self.stepper.finish()
        if self._listener is not None:
            self._listener.close()

    def _forget(self) -> None:
        self.stepper.finish()
        with self._lock:
            self.browsers.clear()
            self.visits.clear()
        self._shown = []

    def browser(self, name: str) -> Browser:
        """The browser of this name; a new one has an empty cookie jar."""
        return self.browsers.setdefault(name, Browser(name))

    def dismiss(self, name: str) -> None:
        """Close a browser; its cookies are gone."""
        self.browsers.pop(name, None)

    # Requests

    def log_in(self, browser: str = FIRST, *, quiet: bool = False) -> Visit:
        """Log in."""
        return self.visit(
            browser, "POST", "/login", {"user": self.browser(browser).user}, quiet=quiet
        )

    def page(self, browser: str = FIRST, *, quiet: bool = False) -> Visit:
        """Open a page."""
        return self.visit(browser, "GET", "/", quiet=quiet)

    def add(self, item: str, browser: str = FIRST, *, quiet: bool = False) -> Visit:
        """Add something to the cart."""
        return self.visit(browser, "POST", "/cart", {"item": item}, quiet=quiet)

    def log_out(self, browser: str = FIRST, *, quiet: bool = False) -> Visit:
        """Log out."""
        return self.visit(browser, "POST", "/logout", quiet=quiet)

    def step(self, function: str, _item: int, _price: float | None) -> None:
        """Begin a request of the first browser that waits before each line of its handler: `write`
        logs in, `read` opens a page.
        """
        self._require_real()
        form = {"user": self.browser(FIRST).user} if function == "write" else {}
        self.stepper.begin(
            lambda: self.visit(
                FIRST,
                *(("POST", "/login") if function == "write" else ("GET", "/")),
                form,
                stepped=True,
            )
        )

    def visit(
        self,
        name: str,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        quiet: bool = False,
        stepped: bool = False,
    ) -> Visit:
        """One request and its response.

        A `quiet` one emits no events. Raises NotNow while another one is standing.
        """
        self._require_real()
        if not stepped and self.stepper.running:
            raise NotNow("A request is standing in step gear.", hint="Run it to its end first.")
        with self._lock:
            visit = self._visit(name, method, path, form or {}, quiet, stepped)
        self._show_visit(visit)
        return visit

    def _visit(
        self, name: str, method: str, path: str, form: Mapping[str, str], quiet: bool, stepped: bool
    ) -> Visit:
        context, browser, settings = self.context, self.browser(name), self.context.settings
        self._number = number = context.ledger.next_number()
        function = "write" if path == "/login" else "read"
        heard = self._heard[str(number)] = Heard(quiet, function)
        strategy = context.strategy()
        if stepped:
            handler = (
                strategy.write
                if function == "write" and strategy.write is not None
                else strategy.read
            )
            heard.statements = source_of(handler).statements
        if not quiet:
            context.emit(
                StepStarted(
                    request=number,
                    strategy=strategy.name,
                    function=function,
                    call=f"{method} {path}",
                )
            )
        sid = browser.cookie("sid")
        ttl_before_s = self.ttl_s(sid)
        pids = {
            server.name: server.pid if server.state == "up" else 0
            for server in context.servers.values()
        }
        headers = {"X-Request-Id": str(number), **({"X-Step": "1"} if stepped else {})}
        began = time.monotonic()
        try:
            status, answer_headers, body = browser.ask(
                context.address_for_app(self.entrance.target),
                method,
                path,
                form,
                headers,
                STEPPED_S if stepped else ANSWER_S,
            )
        except (OSError, http.client.HTTPException) as exc:
            status, answer_headers, body = (
                0,
                [],
                json.dumps(
                    {"says": f"The site did not answer: {str(exc)[:80] or type(exc).__name__}."}
                ).encode(),
            )
        ended = time.monotonic()
        instance = next((value for key, value in answer_headers if key.lower() == "x-instance"), "")
        if instance:
            heard.all.wait(TOLD_S)
        self._heard.pop(str(number), None)
        data = _data(body)
        after = browser.cookie("sid")
        visit = Visit(
            number=number,
            browser=name,
            method=method,
            path=path,
            store=str(settings["store"]),
            idle_s=float(settings["idle_s"]),
            absolute_s=float(settings["absolute_s"]),
            renewal=str(settings["renewal"]),
            began=began,
            ended=ended,
            status=status or 503,
            instance=instance,
            user=str(data.get("user") or ""),
            cart=tuple(str(item) for item in data.get("cart") or ()),
            says=str(data.get("says") or ""),
            sid_sent=sid,
            sid_after=after,
            cookies=tuple(value for key, value in answer_headers if key.lower() == "set-cookie"),
            headers=tuple(answer_headers),
            body=body.decode(errors="replace"),
            ttl_before_s=ttl_before_s,
            ttl_after_s=self.ttl_s(after),
            sent_ttl_after_s=self.ttl_s(sid),
            held=stepped,
            pids=pids,
            trips=tuple(heard.trips),
        )
        browser.last = visit
        if visit.is_login:
            browser.login = visit
        self.visits.append(visit)
        del self.visits[:-MOST_VISITS]
        if not quiet:
            self._tell_of(visit)
        else:
            context.checker.wake()
        return visit

    def _tell_of(self, visit: Visit) -> None:
        ways = [link.name for link in self.context.lab.topology.links_to(node_of(visit.instance))]
        words = visit.user or ("signed out" if visit.answered else str(visit.status))
        self.context.emit(
            Travelled(
                links=[self.entrance.name, *ways],
                meaning=visit.meaning,
                words=words,
                took_ms=0.0 if visit.held else round(visit.took_ms, 3),
            )
        )
        took_ms = sum(trip.took_ms for trip in visit.trips)
        self.context.emit(
            StepFinished(
                request=visit.number,
                meaning=visit.meaning,
                answer=f"{visit.status} from {visit.instance or 'the balancer'}: {visit.says}"[
                    :200
                ],
                took_ms=round(took_ms, 4),
            )
        )
        self.context.emit(_sentence(visit))

    # What instances tell

    def _listen(self, listener: socket.socket) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._hear, args=(connection,), name="report", daemon=True
            ).start()

    def _hear(self, connection: socket.socket) -> None:
        heard: Heard | None = None
        node = number = ""
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    news = json.loads(line)
                    if "request" in news:
                        number, node = str(news["request"]), str(news["instance"])
                        heard = self._heard.get(number)
                    elif heard is not None and "command" in news:
                        self._command(int(number), node, heard, news)
                    elif heard is not None and "line" in news:
                        self._line(heard, int(news["line"]))
                        connection.sendall(b"g")
        if heard is not None:
            heard.all.set()

    def _command(self, number: int, node: str, heard: Heard, news: dict[str, Any]) -> None:
        server, meaning, took_ms = str(news["server"]), news["meaning"], float(news["took_ms"])
        heard.trips.append(Trip(server, meaning, took_ms))
        if not heard.quiet:
            link = next(
                (
                    link.name
                    for link in self.context.lab.topology.links_to(server)
                    if link.source == node
                ),
                "",
            )
            self.context.emit(
                CommandRan(
                    request=number,
                    server=server,
                    command=str(news["command"])[:600],
                    reply=str(news["reply"])[:300],
                    took_ms=round(took_ms, 4),
                    meaning=meaning,
                    link=link,
                )
            )

    def _line(self, heard: Heard, line: int) -> None:
        span = heard.statements.get(line, (line, line))
        if span != heard.standing:
            heard.standing = span
            self.stepper.stand(span)

    def _line_reached(self, line: int, last_line: int) -> None:
        self.context.emit(LineReached(request=self._number, line=line, last_line=last_line))

    # What sessions are now

    def kept(self, sid: str, instance: str = "") -> tuple[str, float] | None:
        """A session as its store has it now: its text and the seconds that it has left, -1 if it
        never ends. In memory: as this instance has it, or any.

        Raises ServerDown if the store does not answer.
        """
        if not sid or not self.context.is_real:
            return None
        store = str(self.context.settings["store"])
        if store not in IN_MEMORY:
            engine = self._store(store)
            return engine.item(KEY + sid)
        for node in self.context.lab.topology.of_engine("instance"):
            server = self.context.servers[node.name]
            if (
                instance in ("", node.name)
                and server.state == "up"
                and isinstance(server.engine, Instance)
                and (found := server.engine.session(sid)) is not None
            ):
                return found
        return None

    def ttl_s(self, sid: str) -> float | None:
        """The seconds that a session has left, None if there is no such session or nobody
        can tell.
        """
        try:
            found = self.kept(sid)
        except ServerDown:
            return None
        return found[1] if found else None

    def readings(self, seconds: float) -> dict[str, float]:
        """How many sessions the store holds now."""
        store = str(self.context.settings["store"])
        with contextlib.suppress(ServerDown):
            if not self.context.is_real:
                return {}
            if store not in IN_MEMORY:
                return {"sessions": float(self._store(store).count())}
            servers = [
                self.context.servers[node.name]
                for node in self.context.lab.topology.of_engine("instance")
            ]
            return {
                "sessions": sum(
                    server.engine.counters()["sessions"]
                    for server in servers
                    if server.state == "up"
                )
            }
        return {}

    def refresh(self) -> None:
        """Ask the store what each browser's session is now, and tell it if that changed."""
        if not self.context.is_real or self._closed.is_set():
            return
        with self._looking:
            rows = [self._row(name) for name in (FIRST, SECOND)]
            if rows != self._shown:
                self._shown = rows
                self.context.tabulate("sessions", rows)

    def _row(self, name: str) -> dict[str, Value]:
        browser = self.browsers.get(name)
        sid = browser.cookie("sid") if browser else ""
        row: dict[str, Value] = {
            "browser": name,
            "user": USERS[name],
            "key": KEY + sid if sid else "",
            "value": "",
            "ttl_s": "",
            "where": self._where(),
        }
        for node in self.context.lab.topology.of_engine("instance"):
            row[letter(node.name).lower()] = self._known_at(node.name, sid, row)
        return row

    def _known_at(self, node: str, sid: str, row: dict[str, Value]) -> str:
        """Whether an instance would know the browser now, in words; fills in the session where it
        is found.
        """
        context, store = self.context, str(self.context.settings["store"])
        if context.servers[node].state != "up":
            return "down"
        if not sid:
            return "signed out"
        try:
            if store not in IN_MEMORY and any(
                link.source == node and context.link_states[link.name] == "cut"
                for link in context.lab.topology.links_to(store)
            ):
                return "cannot ask"
            found = self.kept(sid, node)
        except ServerDown:
            return "cannot ask"
        if found is None:
            return "signed out"
        row["value"], row["ttl_s"] = (
            found[0],
            "no limit" if found[1] < 0 else float(math.ceil(found[1])),
        )
        return "signed in" if _data(found[0].encode()).get("user") else "a visitor"

    def _where(self) -> str:
        return {"redis": "Redis", "memcached": "Memcached"}.get(
            str(self.context.settings["store"]), "an instance’s memory"
        )

    def _watch(self) -> None:
        while True:
            quiet = not any(row["value"] for row in self._shown)
            if self._closed.wait(LOOK_WHEN_QUIET_S if quiet else LOOK_EVERY_S):
                return
            self.refresh()

    # On the page

    def _show_visit(self, visit: Visit) -> None:
        """Tell the tables: what each browser shows, what its session is, what was answered
        so far.
        """
        self.context.tabulate(
            "browsers",
            [
                _shown(browser.last, browser.login)
                for name in (FIRST, SECOND)
                if (browser := self.browsers.get(name)) and browser.last
            ],
        )
        self.refresh()
        shown = [v for v in self.visits if v.browser in USERS][-SHOWN_VISITS:]
        if visit.browser in USERS:
            self.context.tabulate(
                "responses",
                [
                    {
                        "number": v.number,
                        "browser": v.browser,
                        "request": f"{v.method} {v.path}",
                        "instance": v.instance or "none",
                        "status": v.status,
                        "known": v.user or "nobody",
                        "id": short(v.sid_after) or "none",
                        "took_ms": round(v.took_ms, 2),
                    }
                    for v in reversed(shown)
                ],
            )

    def _store(self, store: str) -> Redis | Memcached:
        server = self.context.servers[store]
        if server.state != "up" or not isinstance(server.engine, Redis | Memcached):
            raise ServerDown(f"{store} does not answer.")
        return server.engine

    def _require_real(self) -> None:
        if not self.context.is_real:
            raise NotNow("Nothing real runs in this sandbox, so nobody answers a browser.")


def letter(node: str) -> str:
    """What an instance calls itself: the end of its node's name, A of instance-a."""
    return node.rpartition("-")[2].upper()


def node_of(instance: str) -> str:
    """The node of the instance that calls itself so."""
    return f"instance-{instance.lower()}"


def short(sid: str) -> str:
    """Enough of an id to tell it from others, and too little to use it."""
    return f"{sid[:8]}…" if len(sid) > 12 else sid


def _data(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _shown(visit: Visit, login: Visit | None) -> dict[str, Value]:
    """A response as data, for a page to draw: no part of it is ever markup."""
    return {
        "browser": visit.browser,
        "number": visit.number,
        "request": f"{visit.method} {visit.path}",
        "status": visit.status,
        "instance": visit.instance,
        "user": visit.user,
        "login_by": login.instance if login else "",
        "says": visit.says[:200],
        "cart": ", ".join(visit.cart)[:200],
        "cookie_sent": f"sid={visit.sid_sent}" if visit.sid_sent else "",
        "set_cookie": "\n".join(visit.cookies)[:SHOWN_TEXT],
        "headers": "\n".join(f"{name}: {value}" for name, value in visit.headers)[:SHOWN_TEXT],
        "body": visit.body[:SHOWN_TEXT],
        "took_ms": round(visit.took_ms, 2),
        "held": visit.held,
        "meaning": visit.meaning,
    }


def _sentence(visit: Visit) -> Said:
    """The sentence under the drawing when a response has come."""
    place = {"redis": "Redis", "memcached": "Memcached"}.get(visit.store, "its own memory")
    if not visit.answered:
        return Said(
            text=f"{visit.says or 'Nobody answered.'} The cookie is still in the browser.",
            strong=visit.says,
        )
    if visit.path == "/logout":
        return Said(
            text=f"{visit.instance} deleted the session in {place}. The id is worth nothing now.",
            strong=f"{visit.instance} deleted the session",
        )
    if visit.method == "POST":
        return Said(
            text=f"{visit.instance} wrote the session to {place}. The browser holds an id and "
            "nothing else.",
            strong=f"{visit.instance} wrote the session to {place}.",
        )
    if visit.signed_in:
        return Said(
            text=f"{visit.instance} looked in {place} and knows {visit.user}: signed in already.",
            strong=f"{visit.instance} looked in {place} and knows {visit.user}",
        )
    if not visit.sid_sent:
        return Said(
            text=f"{visit.instance} got no cookie: nobody is signed in.",
            strong=f"{visit.instance} got no cookie",
        )
    if visit.meaning == "hit":
        return Said(
            text=f"{visit.instance} looked in {place} and found a visitor’s cart: nobody is "
            "signed in.",
            strong="a visitor’s cart",
        )
    return Said(
        text=f"{visit.instance} looked in {place} and found nothing under this id: signed out.",
        strong="signed out",
    )
