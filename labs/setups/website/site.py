"""The part that is a web site: a balancer, instances, stores of sessions, and browsers before them.

What is shown of a request was measured at its browser and reported by the instance; what is shown
of a session was read from its store.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from labs.engines.base import Engine
from labs.engines.web import Balancer, Instance
from labs.errors import NotNow
from labs.events import LineReached, StepStarted, Travelled
from labs.lab import Link, Node
from labs.load.controller import Tally
from labs.sandbox.context import Context
from labs.sandbox.part import SteppedPart, Workload
from labs.setups.website import (
    display,
    metrics,  # noqa: F401 - makes them known
)
from labs.setups.website.browsers import (
    FIRST,
    SECOND,
    USERS,
    Browser,
    Response,
    Visit,
    node_of,
    object_from,
)
from labs.setups.website.programs import settings_of
from labs.setups.website.reports import RemoteStepper, Report, Reports
from labs.setups.website.sessions import Sessions
from labs.setups.website.workload import BrowserSpec
from labs.source import source_of

ANSWER_S, STEPPED_S = 5.0, 140.0
MOST_VISITS, SHOWN_VISITS = 2_000, 50


class Site(SteppedPart, Workload):
    """The browsers, the responses that they got, and what their sessions are now."""

    steps_under_load = True
    stepper: RemoteStepper
    caption = "Many browsers log in and go on opening pages. Who is signed out logs in again."

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.browsers: dict[str, Browser] = {}
        self.visits: list[Visit] = []
        self.stepper = RemoteStepper(on_line=self._line_reached)
        self.reports = Reports(context, self.stepper)
        self.sessions = Sessions(context, self._sid_of)
        self._guests = itertools.count(1)
        self._number = 0
        self._lock = threading.Lock()

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

    def load_readings(self, seconds: float, tally: Tally) -> dict[str, float]:
        """How many pages recognised their browser, and how long pages took."""
        if not tally.kinds["signed_in"] and not tally.kinds["signed_out"]:
            return {}
        return {
            "signed_in_per_s": tally.kinds["signed_in"] / max(seconds, 0.001),
            "signed_out_per_s": tally.kinds["signed_out"] / max(seconds, 0.001),
            "page_p50_ms": tally.latencies["response"].percentile_ms(50),
            "page_p99_ms": tally.latencies["response"].percentile_ms(99),
        }

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
        make = Balancer if node.engine == "balancer" else Instance
        return make(
            node.name,
            self.context.addresses.new(node.name, node.kind.port),
            directory,
            self.context.password(node.name),
            lambda: settings_of(self.context, node, self.reports.path),
        )

    @property
    def entrance(self) -> Link:
        """The link that leads from the browsers to the balancer."""
        topology = self.context.lab.topology
        return topology.links_to(topology.of_engine("balancer")[0].name)[0]

    def opened(self) -> None:
        """Accept the instances' reports, and show the sessions."""
        if self.context.is_real:
            self.reports.open()
            self.sessions.open()

    def setting_changed(self, name: str) -> None:
        """Hand the new settings to the programs of the site, and refresh the sessions."""
        for server in self.context.servers.values():
            server.engine.configure()
        self.sessions.refresh()

    def server_changed(self, server: str, verb: str) -> None:
        """Refresh the sessions."""
        self.sessions.refresh()

    def readings(self, seconds: float) -> dict[str, float]:
        """How many sessions the store holds now."""
        count = self.sessions.count()
        return {} if count is None else {"sessions": count}

    def interrupt(self) -> None:
        """Close every browser."""
        self._clear()

    def restarted(self) -> None:
        """Begin without browsers, and show the empty stores."""
        # A browser may have asked for a page between `interrupt` and now.
        self._clear()
        self.sessions.refresh()

    def close(self) -> None:
        """Accept no more reports."""
        self.sessions.close()
        self.stepper.finish()
        self.reports.close()

    def _clear(self) -> None:
        self.stepper.finish()
        with self._lock:
            self.browsers.clear()
            self.visits.clear()
        self.sessions.clear()

    def browser(self, name: str) -> Browser:
        """The browser of this name; a new one has an empty cookie jar."""
        return self.browsers.setdefault(name, Browser(name))

    @contextmanager
    def guests(self, count: int) -> Iterator[list[str]]:
        """The names of this many new browsers, which are closed when the block ends."""
        names = [f"guest-{next(self._guests)}" for _ in range(count)]
        try:
            yield names
        finally:
            for name in names:
                self.browsers.pop(name, None)

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
        method, path = ("POST", "/login") if function == "write" else ("GET", "/")
        form = {"user": self.browser(FIRST).user} if function == "write" else {}
        self.stepper.begin(lambda: self.visit(FIRST, method, path, form, stepped=True))

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

        A `quiet` one emits no events. Raises NotNow while another request is being stepped.
        """
        self._require_real()
        if not stepped and self.stepper.running:
            raise NotNow("A request is standing in step gear.", hint="Run it to its end first.")
        with self._lock:
            visit = self._visit(name, method, path, form or {}, quiet, stepped)
        self._show(visit)
        return visit

    def _visit(
        self, name: str, method: str, path: str, form: Mapping[str, str], quiet: bool, stepped: bool
    ) -> Visit:
        context, browser = self.context, self.browser(name)
        self._number = number = context.ledger.next_number()
        report = self._expect_report(number, method, path, quiet, stepped)
        sid = browser.cookie("sid")
        ttl_before_s = self.sessions.ttl_s(sid)
        pids = {
            server.name: server.pid if server.state == "up" else 0
            for server in context.servers.values()
        }
        began = time.monotonic()
        response = browser.request(
            context.address_for_app(self.entrance.target),
            method,
            path,
            form,
            {"X-Request-Id": str(number), **({"X-Step": "1"} if stepped else {})},
            STEPPED_S if stepped else ANSWER_S,
        )
        ended = time.monotonic()
        self.reports.finish(number, answered=bool(response.instance))
        visit = self._visit_from(
            response,
            number=number,
            browser=browser,
            request=(method, path),
            times=(began, ended),
            sid_sent=sid,
            ttl_before_s=ttl_before_s,
            held=stepped,
            pids=pids,
            report=report,
        )
        browser.last = visit
        if visit.is_login:
            browser.login = visit
        self.visits.append(visit)
        del self.visits[:-MOST_VISITS]
        if quiet:
            context.checker.wake()
        else:
            self._emit(visit)
        return visit

    def _expect_report(
        self, number: int, method: str, path: str, quiet: bool, stepped: bool
    ) -> Report:
        strategy = self.context.strategy()
        function = "write" if path == "/login" else "read"
        statements: Mapping[int, tuple[int, int]] = {}
        if stepped:
            handler = strategy.write if function == "write" else strategy.read
            statements = source_of(handler or strategy.read).statements
        if not quiet:
            self.context.emit(
                StepStarted(
                    request=number,
                    strategy=strategy.name,
                    function=function,
                    call=f"{method} {path}",
                )
            )
        return self.reports.expect(number, quiet=quiet, statements=statements)

    def _visit_from(
        self,
        response: Response,
        *,
        number: int,
        browser: Browser,
        request: tuple[str, str],
        times: tuple[float, float],
        sid_sent: str,
        ttl_before_s: float | None,
        held: bool,
        pids: Mapping[str, int],
        report: Report,
    ) -> Visit:
        settings, data = self.context.settings, object_from(response.body)
        sid_after = browser.cookie("sid")
        return Visit(
            number=number,
            browser=browser.name,
            method=request[0],
            path=request[1],
            store=str(settings["store"]),
            idle_s=float(settings["idle_s"]),
            absolute_s=float(settings["absolute_s"]),
            renewal=str(settings["renewal"]),
            began=times[0],
            ended=times[1],
            status=response.status or 503,
            instance=response.instance,
            user=str(data.get("user") or ""),
            cart=tuple(str(item) for item in data.get("cart") or ()),
            message=str(data.get("message") or ""),
            sid_sent=sid_sent,
            sid_after=sid_after,
            cookies=response.cookies,
            headers=response.headers,
            body=response.body.decode(errors="replace"),
            ttl_before_s=ttl_before_s,
            ttl_after_s=self.sessions.ttl_s(sid_after),
            sent_ttl_after_s=self.sessions.ttl_s(sid_sent),
            held=held,
            pids=pids,
            trips=tuple(report.trips),
        )

    def _emit(self, visit: Visit) -> None:
        links = self.context.lab.topology.links_to(node_of(visit.instance))
        self.context.emit(
            Travelled(
                links=[self.entrance.name, *(link.name for link in links)],
                meaning=visit.meaning,
                words=visit.user or ("signed out" if visit.answered else str(visit.status)),
                took_ms=0.0 if visit.held else round(visit.took_ms, 3),
            )
        )
        self.context.emit(display.finished(visit))
        self.context.emit(display.sentence(visit))

    def _show(self, visit: Visit) -> None:
        """Refresh the tables: what each browser shows, what its session is, what was answered."""
        self.context.tabulate(
            "browsers",
            [
                display.browser_row(browser.last, browser.login)
                for name in (FIRST, SECOND)
                if (browser := self.browsers.get(name)) and browser.last
            ],
        )
        self.sessions.refresh()
        if visit.browser in USERS:
            shown = [one for one in self.visits if one.browser in USERS][-SHOWN_VISITS:]
            self.context.tabulate("responses", display.response_rows(shown))

    def _line_reached(self, line: int, last_line: int) -> None:
        self.context.emit(LineReached(request=self._number, line=line, last_line=last_line))

    def _sid_of(self, name: str) -> str:
        browser = self.browsers.get(name)
        return browser.cookie("sid") if browser else ""

    def _require_real(self) -> None:
        if not self.context.is_real:
            raise NotNow("Nothing real runs in this sandbox, so nobody answers a browser.")
