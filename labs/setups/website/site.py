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
from labs.events import LineReached, StepFinished, StepStarted, Travelled
from labs.lab import Node
from labs.load.controller import Tally
from labs.sandbox.context import Context
from labs.sandbox.part import SteppedPart, Workload
from labs.setups.website import (
    display,
    metrics,  # noqa: F401 - makes them known
)
from labs.setups.website.browsers import FIRST, USERS, Browser, Visit, header, node_of, object_from
from labs.setups.website.programs import settings_of
from labs.setups.website.reports import RemoteStepper, Reports
from labs.setups.website.sessions import Sessions
from labs.setups.website.workload import BrowserSpec

ENTRANCE = "site"
"""The link from the browsers to the balancer."""
ANSWER_S, STEPPED_S = 5.0, 140.0
CLIENTS = 2
MOST_VISITS, SHOWN_VISITS = 2_000, 50


class Site(SteppedPart, Workload):
    """The browsers, the responses that they got, and what their sessions are now."""

    steps_under_load = True
    caption = "Many browsers log in and open pages. One that is logged out logs in again."

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.browsers: dict[str, Browser] = {}
        self.visits: list[Visit] = []
        self.stepper: RemoteStepper = RemoteStepper(on_line=self._line_reached)
        self.reports = Reports(context, self.stepper)
        self.sessions = Sessions(context, self._sid_of)
        self._guests = itertools.count(1)
        self._number = 0
        self._lock = threading.Lock()

    def clients(self) -> int:
        """How many clients share the browsers."""
        return CLIENTS

    def spec(self, client: int, clients: int, requests: int = 0) -> BrowserSpec:
        """The browsers of one client, with the settings as they are now."""
        settings = self.context.settings
        return BrowserSpec(
            rate_per_s=float(settings["rate_per_s"]),
            client=client,
            clients=clients,
            requests=requests,
            browsers=int(float(settings["browsers"])),
            link=ENTRANCE,
            site=self.context.network.route(ENTRANCE),
        )

    def load_readings(self, seconds: float, tally: Tally) -> dict[str, float]:
        """How many pages recognised their browser, and how long pages took."""
        logged_in, logged_out = tally.kinds["logged_in"], tally.kinds["logged_out"]
        if not logged_in and not logged_out:
            return {}
        return {
            "logged_in_per_s": logged_in / max(seconds, 0.001),
            "logged_out_per_s": logged_out / max(seconds, 0.001),
            "page_p50_ms": tally.latencies["response"].percentile_ms(50),
            "page_p99_ms": tally.latencies["response"].percentile_ms(99),
        }

    def about(self) -> str:
        """What the load does, as half a sentence."""
        browsers, rate = (float(self.context.settings[name]) for name in ("browsers", "rate_per_s"))
        return f"{browsers:g} browsers want {rate:,g} requests/s"

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

    def opened(self) -> None:
        """Accept the instances' reports, and show the sessions."""
        if self.context.is_real:
            self.reports.open()
            self.sessions.open()

    def setting_changed(self, name: str) -> None:
        """Configure the programs of the site again, and refresh the sessions."""
        for server in self.context.servers.values():
            server.engine.configure()
        self.sessions.refresh()

    def server_changed(self, server: str, verb: str) -> None:
        """Refresh the sessions."""
        self.sessions.refresh()

    def readings(self, seconds: float) -> dict[str, float]:
        """How many sessions the store has now."""
        count = self.sessions.count()
        return {} if count is None else {"sessions": count}

    def interrupt(self) -> None:
        """Close every browser."""
        self.stepper.finish()
        with self._lock:
            self.browsers.clear()
            self.visits.clear()
        self.sessions.clear()

    def restarted(self) -> None:
        """Begin without browsers, and show the empty stores."""
        # A browser may have asked for a page between `interrupt` and now.
        self.interrupt()
        self.sessions.refresh()

    def close(self) -> None:
        """Accept no more reports."""
        self.sessions.close()
        self.stepper.finish()
        self.reports.close()

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
        form = {"user": self.browser(browser).user}
        return self._visit(browser, "POST", "/login", form, quiet=quiet)

    def page(self, browser: str = FIRST, *, quiet: bool = False) -> Visit:
        """Open a page."""
        return self._visit(browser, "GET", "/", quiet=quiet)

    def add(self, item: str, browser: str = FIRST) -> Visit:
        """Add something to the cart."""
        return self._visit(browser, "POST", "/cart", {"item": item}, quiet=False)

    def log_out(self, browser: str) -> Visit:
        """Log out."""
        return self._visit(browser, "POST", "/logout", quiet=False)

    def step(self, function: str, _item: int, _price: float | None) -> None:
        """Begin a request of the first browser that waits before each line of its handler: `write`
        logs in, `read` opens a page.
        """
        self._require_real()
        strategy = self.context.strategy()
        handler, method, path, form = strategy.read, "GET", "/", {}
        if function == "write" and strategy.write is not None:
            form = {"user": self.browser(FIRST).user}
            handler, method, path = strategy.write, "POST", "/login"

        def run() -> None:
            self._visit(FIRST, method, path, form, quiet=False, stepped=True)

        self.stepper.start(handler, run)

    def _visit(
        self,
        name: str,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        quiet: bool,
        stepped: bool = False,
    ) -> Visit:
        """One request and its response. A `quiet` one emits no events. Raises NotNow while another
        request is being stepped.
        """
        self._require_real()
        if not stepped and self.stepper.running:
            raise NotNow(
                "A request in slow motion is not finished.",
                hint="Press “Run to the end” in the tab Step first.",
            )
        with self._lock:
            browser = self.browser(name)
            visit = self._exchange(browser, method, path, form or {}, quiet, stepped)
            browser.last = visit
            if visit.is_login:
                browser.login = visit
            self.visits.append(visit)
            del self.visits[:-MOST_VISITS]
            if quiet:
                self.context.checker.wake()
            else:
                self._emit(visit)
        self._show(visit)
        return visit

    def _exchange(
        self,
        browser: Browser,
        method: str,
        path: str,
        form: Mapping[str, str],
        quiet: bool,
        stepped: bool,
    ) -> Visit:
        context, settings = self.context, self.context.settings
        self._number = number = context.ledger.next_number()
        if not quiet:
            context.emit(
                StepStarted(
                    request=number,
                    strategy=context.strategy().name,
                    function="write" if path == "/login" else "read",
                    call=f"{method} {path}",
                )
            )
        report = self.reports.expect(number, quiet=quiet)
        sid_sent = browser.cookie("sid")
        ttl_before_s = self.sessions.ttl_s(sid_sent)
        pids = {
            server.name: server.pid if server.state == "up" else 0
            for server in context.servers.values()
        }
        began = time.monotonic()
        status, headers, body = browser.request(
            context.address_for_app("balancer"),
            method,
            path,
            form,
            {"X-Request-Id": str(number), **({"X-Step": "1"} if stepped else {})},
            STEPPED_S if stepped else ANSWER_S,
        )
        ended = time.monotonic()
        instance = "".join(header(headers, "x-instance"))
        self.reports.finish(number, answered=bool(instance))
        data, sid_after = object_from(body), browser.cookie("sid")
        return Visit(
            number=number,
            browser=browser.name,
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
            message=str(data.get("message") or ""),
            sid_sent=sid_sent,
            sid_after=sid_after,
            cookies=header(headers, "set-cookie"),
            headers=headers,
            body=body.decode(errors="replace"),
            ttl_before_s=ttl_before_s,
            ttl_after_s=self.sessions.ttl_s(sid_after),
            sent_ttl_after_s=self.sessions.ttl_s(sid_sent),
            held=stepped,
            pids=pids,
            trips=tuple(report.trips),
        )

    def _emit(self, visit: Visit) -> None:
        links = self.context.lab.topology.links_to(node_of(visit.instance))
        self.context.emit(
            Travelled(
                links=[ENTRANCE, *(link.name for link in links)],
                meaning=visit.meaning,
                words=visit.user or ("logged out" if visit.answered else str(visit.status)),
                took_ms=0.0 if visit.held else round(visit.took_ms, 3),
            )
        )
        answer = f"{visit.status} from {visit.instance or 'the load balancer'}: {visit.message}"
        self.context.emit(
            StepFinished(
                request=visit.number,
                meaning=visit.meaning,
                answer=answer[:200],
                took_ms=round(sum(trip.took_ms for trip in visit.trips), 4),
            )
        )
        self.context.emit(display.sentence(visit))

    def _show(self, visit: Visit) -> None:
        """Refresh the tables: what each browser shows, what its session is, what was answered."""
        shown = [browser for name in USERS if (browser := self.browsers.get(name))]
        self.context.tabulate("browsers", display.browser_rows(shown))
        self.sessions.refresh()
        if visit.browser in USERS:
            visits = [one for one in self.visits if one.browser in USERS][-SHOWN_VISITS:]
            self.context.tabulate("responses", display.response_rows(visits))

    def _line_reached(self, line: int, last_line: int) -> None:
        self.context.emit(LineReached(request=self._number, line=line, last_line=last_line))

    def _sid_of(self, name: str) -> str:
        browser = self.browsers.get(name)
        return browser.cookie("sid") if browser else ""

    def _require_real(self) -> None:
        if not self.context.is_real:
            raise NotNow("Nothing real runs in this sandbox, so a browser gets no answer.")
