"""One open lab: its servers, its links, its settings, its load, its ledger.

What a lab's functions are handed.

Lives in the agent's process. Tells what happens as events; knows no transport.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from labs.definition import Lab, Link, Node, Strategy
from labs.engines import Balancer, Engine, Memcached, Postgres, Redis
from labs.engines.address import Address
from labs.engines.web import WebServer
from labs.errors import BadInput, NotNow, ServerDown
from labs.events import (
    MOST_ROWS,
    Event,
    Happened,
    LinkChanged,
    LoadChanged,
    RecordKept,
    Said,
    SandboxOpened,
    ServerChanged,
    SettingChanged,
    TableChanged,
    Value,
)
from labs.load.batches import Batch
from labs.load.browsers import BrowserOrders
from labs.load.load import Load
from labs.load.nursery import Nursery
from labs.load.orders import AnyOrders
from labs.load.worker import Orders, strategy_of
from labs.network.links import Links, Route
from labs.runtime.fake import FakeEngine, FakeLinks, FakeNursery, FakeRuntime, Pretence
from labs.sandbox.application import Application
from labs.sandbox.checking import Checker
from labs.sandbox.console import Answer
from labs.sandbox.consoles import Consoles
from labs.sandbox.flights import Flights
from labs.sandbox.group import Group
from labs.sandbox.housing import Housing, Quarters
from labs.sandbox.ledger import Ledger, Request
from labs.sandbox.mesh import APP
from labs.sandbox.sampling import Sampler
from labs.sandbox.server import Server
from labs.sandbox.site import Site
from labs.sandbox.writer import Writer
from labs.shop.shop import items
from labs.shop.template import refill

LOAD_ITEMS = 1_000
SEED = 7
MOST_RECORDS = 12


@dataclass(frozen=True, slots=True)
class Counters:
    """The servers' own counters at one moment; a server that is down counts as zero."""

    hits: int = 0
    misses: int = 0
    queries: int = 0


class Sandbox:
    """Open it with `open`, end it with `close`; everything between is for the lab's functions and
    the learner's calls.
    """

    def __init__(
        self,
        lab: Lab,
        settings: Mapping[str, Value],
        quarters: Quarters,
        *,
        nursery: Nursery | FakeNursery,
        links: Links | FakeLinks,
        database: Server | None,
        tell: Callable[[Event], None],
        outcome: Callable[[str, str, str, dict[str, object]], None],
        wrong: str = "",
    ) -> None:
        self.lab = lab
        self.settings: dict[str, Value] = dict(settings)
        self.ledger = Ledger()
        self.measurements: dict[str, float] = {}
        self.found: dict[str, list[dict[str, Value]]] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.writer = Writer(self, lab.writes_to) if lab.writes_to else None
        self.load = Load(
            nursery,
            on_problem=lambda problem: self.say(f"The strategy failed: {problem}", "error"),
            on_batch=self._flown,
            on_rest=self._rested,
        )
        self.wrong = wrong
        self.servers: dict[str, Server] = {}
        self.link_states: dict[str, str] = {link.name: "open" for link in lab.topology.links}
        self.outcome = outcome
        self._quarters = quarters
        self._nursery = nursery
        self.commits = nursery.commits
        self._links = links
        self._told = tell
        self._lock = threading.RLock()
        self._housing = Housing(self, quarters)
        self._consoles = Consoles(self)
        if database is not None:
            self.servers["database"] = database
        self.app = Application(self)
        self.site = (
            Site(self, quarters.directory / "reports")
            if lab.topology.of_engine("balancer")
            else None
        )
        self.group = (
            Group(self, links, quarters.secrets[APP])
            if lab.topology.of_engine("endpoint")
            else None
        )
        self.flights = Flights(self, self.group) if self.group is not None else None
        self.checker = Checker(self)
        self.sampler = Sampler(self)

    # What happens

    def tell(self, event: Event) -> None:
        """Tell an event, and have the checks look again."""
        self._told(event)
        if event.says:
            self.checker.stir()

    def say(self, text: str, meaning: str = "none") -> None:
        """Put a sentence on the timeline."""
        # callers pass a Sense
        self.tell(Happened(text=text, meaning=meaning))  # type: ignore[arg-type]

    def show(self, strong: str, text: str = "") -> None:
        """Put a sentence under the drawing, and what else there is to say after it."""
        self.tell(Said(text=f"{strong} {text}".strip(), strong=strong))

    def tabulate(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        """Tell a table of this lab anew, all of its rows; those beyond MOST_ROWS are left out.

        `found` keeps them for the checks.
        """
        self.found[table] = [dict(row) for row in rows[:MOST_ROWS]]
        self.tell(TableChanged(table=table, rows=self.found[table]))

    def keep_record(
        self, name: str, title: str, document: dict[str, Any], results: Mapping[str, Value]
    ) -> None:
        """Keep a document that the page can show, compare, share and save; the oldest of
        MOST_RECORDS goes.
        """
        self.records.pop(name, None)
        self.records[name] = document
        if len(self.records) > MOST_RECORDS:
            del self.records[next(iter(self.records))]
        self.tell(RecordKept(record=name, title=title, results=dict(results)))

    # Opening and closing

    def open(self) -> None:
        """Start what is not running yet, all at once, and lay the links.

        Raises DidNotStart and leaves the rest to `close`.
        """
        for link in self._housing.links:
            self._housing.find_near_end(link)
        if self.group is not None:
            self._housing.place_group()
        for node in self.lab.topology.servers:
            if node.name not in self.servers:
                self.servers[node.name] = self._housing.server(node)
        for name, server in self.servers.items():
            if server.state == "up":
                self.tell_state(name, server)
        stopped = [
            server
            for name, server in self.servers.items()
            if server.state != "up" and not self.lab.topology.node(name).waits
        ]
        with ThreadPoolExecutor(max(1, len(stopped))) as together:
            list(together.map(lambda server: server.start(), stopped))
        for link in self._housing.links:
            self._lay(link)
        if self.site is not None:
            self.site.open()
        if self.group is not None:
            self.group.open()
        if self.lab.prepare:
            self.lab.prepare(self)
        for solution in self.lab.wrong:
            if solution.name == self.wrong and solution.sabotage is not None:
                solution.sabotage(self)
        self.tell(
            SandboxOpened(
                lab=self.lab.id,
                isolation=self._quarters.runtime.name,
                settings=dict(self.settings),
                versions=self.versions(),
            )
        )
        self.checker.start()
        self.sampler.start()

    def tell_state(self, name: str, server: Server) -> None:
        """Tell a server's state as it is: servers of the pool came up before anybody listened."""
        self.tell(ServerChanged(server=name, state=server.state, version=server.version))

    def close(self) -> None:
        """End everything that runs here."""
        self.sampler.stop()
        self.checker.stop()
        self.load.stop()
        self.app.close()
        if self.site is not None:
            self.site.close()
        if self.group is not None:
            self.group.close()
        if self.writer is not None:
            self.writer.close()
        self._consoles.close()
        self._quarters.runtime.close()

    def reset(self) -> None:
        """Back to the start: servers up, links whole, data as it was, settings at their defaults,
        nothing remembered.
        """
        with self._lock:
            try:
                self._reset()
            finally:
                if self.group is not None:
                    self.group.listen()

    def _reset(self) -> None:
        if self.flights is not None and self.flights.current is not None:
            self.flights.end()
        self.stop_load()
        self.app.close()
        if self.site is not None:
            self.site.forget()
        for name, state in self.link_states.items():
            if state != "open":
                self.link(name, "restore")
        for name, server in self.servers.items():
            self._consoles.forget(name)
            if server.state == "paused":
                server.resume("reset")
        for name, value in self.lab.settings().items():
            if self.settings.get(name) != value:
                self.set(name, value)
        if self.group is not None and self.flights is not None:
            self.group.forget()
            self.flights.forget()
        database = self.servers.get("database")
        if database is not None:
            database.stop("reset")
            engine = database.engine
            engine.close()
            if isinstance(engine, Postgres):
                refill(self._quarters.template, engine.data)
                database.engine = Postgres(
                    engine.name, engine.address, engine.directory, engine.password
                )
            database.start("reset")
        for name, server in self.servers.items():
            if self.lab.topology.node(name).waits:
                server.stop("reset")
            elif name != "database":
                server.begin_anew("reset")
                if isinstance(server.engine, Redis) and server.engine.appendonly:
                    server.engine.flush()
        if self.writer is not None:
            self.writer.forget()
        self.ledger.clear()
        self.load.forget()
        self.sampler.forget()
        self.measurements.clear()
        self.commits.clear()
        for table in self.lab.tables:
            self.tabulate(table.name, ())
        if self.site is not None:
            self.site.forget()
            self.site.look()
        if self.group is not None:
            self.group.settle()
        if self.lab.prepare:
            self.lab.prepare(self)
        self.say("Everything is as it was at the start", "here")
        self.tell(Said(text=self.lab.question))
        self.checker.forget()

    # Settings

    def set(self, name: str, raw: object) -> None:
        """Change a control while everything runs. BadInput says what would be right."""
        control = self.lab.control(name)
        value = control.parse(raw)
        with self._lock:
            if self.settings.get(name) == value:
                return
            self.settings[name] = value
            self.tell(
                SettingChanged(
                    name=name, label=control.label, value=value, shown=control.show(value)
                )
            )
            for node in self.lab.topology.servers:
                if node.engine_setting == name or (name == "cache_mb" and node.name == "cache"):
                    self._exchange(node)
                engine = self.servers[node.name].engine
                if isinstance(engine, WebServer):
                    engine.configure()
            if self.site is not None:
                self.site.look()
            if self.group is not None:
                self.group.apply_settings()
            if self.load.running:
                if name in ("clients", "readers"):
                    self.start_load()
                else:
                    self.load.change(self._orders)
            if self.lab.changed:
                self.lab.changed(self, name)

    def strategy(self) -> Strategy:
        """The strategy that the settings pick now, or the saboteur's in its place."""
        return strategy_of(self.lab.id, self.wrong, self.settings)

    # The application

    def read(self, item: int, *, told: bool = True) -> Request:
        """One read by the application; the record has the servers' counters."""
        return self.app.read(item, told=told)

    def write(self, item: int, price: float, *, told: bool = True) -> Request:
        """One price change by the application."""
        return self.app.write(item, price, told=told)

    def counters(self) -> Counters:
        """Hits, misses and queries as the servers count them, now."""
        hits = misses = queries = 0
        cache, database = self.servers.get("cache"), self.servers.get("database")
        with contextlib.suppress(ServerDown):
            if (
                cache is not None
                and cache.state == "up"
                and isinstance(cache.engine, Redis | Memcached | FakeEngine)
            ):
                hits, misses = cache.engine.hits(), cache.engine.misses()
        with contextlib.suppress(ServerDown):
            if (
                database is not None
                and database.state == "up"
                and isinstance(database.engine, Postgres | FakeEngine)
            ):
                queries = database.engine.queries()
        return Counters(hits, misses, queries)

    def committed_version(self, what: str, item: int) -> int | None:
        """The version that the database has committed, asked of the database itself; None if it
        does not answer.
        """
        database = self.servers.get("database")
        if (
            database is None
            or database.state != "up"
            or not isinstance(database.engine, Postgres | FakeEngine)
        ):
            return None
        try:
            return database.engine.version_of(what, item)
        except ServerDown:
            return None

    def flush(self) -> None:
        """Empty the cache."""
        cache = self.servers["cache"]
        if cache.state != "up" or not isinstance(cache.engine, Redis | Memcached | FakeEngine):
            raise NotNow("The cache is not up.", hint="Restart it first.")
        cache.engine.flush()
        self.ledger.emptied_at.append(time.monotonic())

    def wait_until(
        self, condition: Callable[[], bool], *, deadline_s: float, every_s: float = 0.02
    ) -> bool:
        """Wait for something to be so; False at the deadline."""
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(every_s)
        return True

    # The load

    def start_load(self, requests: int = 0) -> str:
        """Run the workload with the settings as they are; a running one begins anew.

        After so many requests its clients rest; 0: no end.
        """
        if self.flights is not None:
            return self._start_flight_clients(self.flights)
        workers = (
            1
            if self.writer is not None
            else int(float(self.settings.get("clients", 4 if self.site is None else 2)))
        )
        self.stepped.stepper.finish()
        self.load.start(workers, lambda number: self._orders(number, workers, requests // workers))
        rate = self.settings.get("rate_per_s", 0)
        about = f"{workers} client{'s want' if workers != 1 else ' wants'} {rate:g} requests/s"
        if self.site is not None:
            about = f"{float(self.settings['browsers']):g} browsers want {rate:g} requests/s"
        if self.writer is not None:
            about = f"one client wants {rate:g} writes/s, each when the one before is answered"
        self.tell(LoadChanged(running=True, about=about))
        self.tell(
            Said(
                text="Numbered writes run. A number counts when the server has answered for it."
                if self.writer is not None
                else "Many browsers log in and go on opening pages. Who is signed out logs in "
                "again."
                if self.site is not None
                else "Many requests run at once."
            )
        )
        self.sampler.hurry()
        return f"The load runs: {about}."

    def _start_flight_clients(self, flights: Flights) -> str:
        readers = int(float(self.settings.get("readers", 1)))
        self.load.stop()
        flights.begin_run()
        self.load.start(1 + readers, self._orders)
        about = (
            f"one client writes {self.settings['writes_per_s']:g} numbers/s, {readers} "
            f"read{'s' if readers == 1 else ''} {self.settings['reads_per_s']:g} times/s"
        )
        self.tell(LoadChanged(running=True, about=about))
        self.tell(Said(text="The clients run. They know two endpoints and nothing else."))
        self.sampler.hurry()
        return f"The clients run: {about}."

    def _flown(self, batch: Batch) -> None:
        if self.flights is not None:
            self.flights.take(batch)
        if self.writer is not None:
            self.writer.heard(batch)

    def _rested(self, why: str) -> None:
        """A client of the load does no more.

        Whoever hears of it collects batches, and a load that ends waits for that thread: another
        one stops it.
        """
        threading.Thread(
            target=self.stop_load, args=(why,), name="load stopper", daemon=True
        ).start()

    def stop_load(self, why: str = "") -> str:
        """End the workload; harmless if none runs."""
        if not self.load.running:
            return "No load is running."
        self.load.stop()
        self.tell(LoadChanged(running=False, about=why))
        self.tell(Said(text="The load has stopped. The servers keep what they have."))
        return "The load has stopped."

    # Faults

    def server(self, name: str, verb: str) -> str:
        """Kill, pause, resume or restart a server; returns the sentence that says so."""
        self.lab.topology.node(name)
        if name not in self.servers:
            raise BadInput(f"{name} is no server: it can't be killed.")
        act = {
            "kill": self.servers[name].kill,
            "pause": self.servers[name].pause,
            "resume": self.servers[name].resume,
            "restart": self.servers[name].restart,
        }.get(verb)
        if (
            verb == "restart"
            and self.servers[name].state == "stopped"
            and self.lab.topology.node(name).waits
        ):
            raise NotNow(f"{self.lab.topology.node(name).label} is not there yet.")
        if act is None:
            raise BadInput(
                f"A server can't be told to {verb[:20]!r}.",
                hint="It can be told to kill, pause, resume or restart.",
            )
        act()
        if self.site is not None:
            self.site.look()
        if verb in ("kill", "restart") and name == "cache":
            self.ledger.emptied_at.append(time.monotonic())
        label = self.lab.topology.node(name).label
        says = {
            "kill": f"{label} was killed.",
            "pause": f"{label} is paused.",
            "resume": f"{label} goes on.",
            "restart": f"{label} was restarted.",
        }[verb]
        means = {
            "kill": "Whoever asks it is refused at once.",
            "pause": "It keeps its connections and answers nobody: whoever asks, waits.",
            "resume": "What waited is answered now.",
            "restart": _after_a_restart(self.servers[name].engine),
        }[verb]
        self.tell(Said(text=f"{says} {means}", strong=says))
        if self.lab.served:
            self.lab.served(self, name, verb)
        return says

    def add(self, name: str, why: str) -> None:
        """Start a server that waited, with the options that the settings ask for now, and lay the
        links to it.
        """
        node = self.lab.topology.node(name)
        with self._lock:
            if self.servers[name].state not in ("stopped", "down"):
                raise NotNow(f"{node.label} is there already.")
            self._consoles.forget(name)
            self.servers[name] = self._housing.server(node)
            self.servers[name].start(why)
            for link in self.lab.topology.links_to(name):
                self._lay(link)
            if self.load.running:
                self.load.change(self._orders)
            self.sampler.forget_counters(name)

    def remove(self, name: str, why: str) -> None:
        """Stop a server that was added."""
        with self._lock:
            self._consoles.forget(name)
            self.servers[name].stop(why)

    def link(self, name: str, verb: str, delay_ms: float = 20.0) -> str:
        """Slow, cut or restore a link; returns the sentence that says so."""
        link = self.lab.topology.link(name)
        if verb == "slow":
            if not 0 < delay_ms <= 2_000:
                raise BadInput("A link is slowed by more than 0 and at most 2,000 ms each way.")
            self._links.slow(name, delay_ms=delay_ms)
            state, delay = "slow", delay_ms
        elif verb == "cut":
            self._links.cut(name)
            state, delay = "cut", 0.0
        elif verb == "restore":
            self._links.restore(name)
            state, delay = "open", 0.0
        else:
            raise BadInput(
                f"A link can't be told to {verb[:20]!r}.",
                hint="It can be told to slow, cut or restore.",
            )
        if self.link_states[name] != state or state == "slow":
            self.link_states[name] = state
            # one of the three above
            self.tell(LinkChanged(link=name, state=state, delay_ms=delay))  # type: ignore[arg-type]
        source, target = self.lab.topology.node(link.source), self.lab.topology.node(link.target)
        which = (
            f"The link to {target.label}"
            if source.engine == "app"
            else f"The link from {source.label} to {target.label}"
        )
        says = {
            "slow": f"{which} is slowed by {delay_ms:g} ms each way.",
            "cut": f"{which} is cut.",
            "restore": f"{which} is whole again.",
        }[verb]
        means = {
            "slow": "Every question and every answer takes so much longer.",
            "cut": "Nobody is refused: whoever asks, waits for nothing.",
            "restore": "What was under way arrives.",
        }[verb]
        self.tell(Said(text=f"{says} {means}", strong=says))
        return says

    # Consoles

    def console(self, name: str, command: str) -> Answer:
        """Run a command in a server's console."""
        return self._consoles.run(name, command)

    def complete(self, name: str, text: str) -> list[str]:
        """How a console command could go on."""
        return self._consoles.complete(name, text)

    # Where things are

    @property
    def pretence(self) -> Pretence | None:
        """What fake servers hold; None where they are real."""
        return (
            self._quarters.runtime.pretence
            if isinstance(self._quarters.runtime, FakeRuntime)
            else None
        )

    def is_reached(self, server: str) -> bool:
        """True if the application can reach a server: it is up, and the link to it is not cut."""
        cut = any(
            link.target == server and self.link_states[link.name] == "cut"
            for link in self.lab.topology.links
        )
        return self.servers[server].state == "up" and not cut

    @property
    def cache_engine(self) -> str:
        """The cache's engine now: redis or memcached."""
        cache = self.servers.get("cache")
        return "memcached" if cache is not None and cache.engine.kind == "memcached" else "redis"

    @property
    def runtime(self) -> str:
        """How servers live here: cage, process or fake."""
        return self._quarters.runtime.name

    def address_for_app(self, server: str) -> Address:
        """Where the application finds a server: the near end of the link, whose address never
        changes.
        """
        return self._housing.near[
            next(
                link.name
                for link in self.lab.topology.links_to(server)
                if self.lab.topology.node(link.source).engine == "app"
            )
        ]

    def route(self, link: str) -> Route:
        """Both ways over a link, for a client of the load."""
        return self._links.route(link)

    def server_address(self, server: str) -> Address:
        """Where a server itself listens, behind its link."""
        return self.servers[server].engine.address

    def password(self, server: str) -> str:
        """The application's password for a server."""
        return self._quarters.secrets[server]

    def versions(self) -> dict[str, str]:
        """The version of each engine that runs here, as the server itself says."""
        return {
            server.engine.kind: server.version for server in self.servers.values() if server.version
        }

    @property
    def stepped(self) -> Application | Site | Writer:
        """What runs requests in step gear: the application, the browser before a site, or the
        writer of numbers.
        """
        return self.writer or self.site or self.app

    def _lay(self, link: Link) -> None:
        """Lay a link to a server as it is now."""
        self._housing.near[link.name] = self._links.lay(
            link.name, self._housing.near[link.name], self.servers[link.target].engine.address
        )

    def _exchange(self, node: Node) -> None:
        """Another engine behind the same name: the old one stops, the new one starts empty."""
        old = self.servers[node.name]
        if old.state == "paused":
            old.resume("its engine is exchanged")
        old.stop("its engine is exchanged")
        self._consoles.forget(node.name)
        self.servers[node.name] = self._housing.server(node)
        self.servers[node.name].start("the engine was chosen")
        for link in self.lab.topology.links_to(node.name):
            self._housing.find_near_end(link)
            self._lay(link)
        self.app.forget_clients()
        self.sampler.forget_counters(node.name)
        self.ledger.emptied_at.append(time.monotonic())

    def _orders(self, number: int, workers: int | None = None, requests: int = 0) -> AnyOrders:
        if self.lab.orders is not None:
            return self.lab.orders(self, number, workers or max(1, self.load.workers))
        if self.flights is not None:
            return self.flights.orders(
                number,
                workers or 1 + int(float(self.settings.get("readers", 1))),
                self.password(APP),
                SEED,
            )
        if self.site is not None:
            return BrowserOrders(
                settings=dict(self.settings),
                site=self._links.route(self.site.entrance.name),
                worker=number,
                workers=workers or max(1, self.load.workers),
                seed=SEED,
            )
        if self.writer is not None:
            return self.writer.orders(number, self._links.route(self.writer.link), SEED)
        return Orders(
            lab=self.lab.id,
            wrong=self.wrong,
            settings=dict(self.settings),
            engine=self.cache_engine,
            cache=self._links.route("cache"),
            cache_user="shop",
            cache_password=self.password("cache"),
            database=self._links.route("database"),
            database_password=self.password("database"),
            items=items(
                str(self.settings.get("read", "row")),
                int(float(self.settings.get("load_items", LOAD_ITEMS))),
            ),
            worker=number,
            workers=workers or max(1, self.load.workers),
            seed=SEED,
            requests=requests,
        )


def _after_a_restart(engine: Engine) -> str:
    if isinstance(engine, Postgres):
        return "It has replayed its log: what was committed is there."
    if isinstance(engine, Redis) and engine.noted:
        return "What its files held is there again."
    if isinstance(engine, Redis) and engine.appendonly:
        return "It has replayed its append-only file: what was written is there."
    if isinstance(engine, Balancer):
        return "It held nothing that it could lose."
    return "It has lost what it held in memory."
