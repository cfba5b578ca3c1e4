"""One open lab: its servers, its links, its settings, its load, its parts.

Runs in the agent's process. Emits what happens as events; knows no transport, and no kind of lab.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from labs.clients.address import Address
from labs.engines.base import Engine
from labs.errors import NotNow
from labs.events import (
    CaptionChanged,
    Event,
    LoadChanged,
    SandboxOpened,
    SettingChanged,
    Value,
)
from labs.lab import Lab, Link, Node, Strategy, Topology, with_places
from labs.load.batches import Batch
from labs.load.controller import LoadController
from labs.load.forkserver import ForkServer
from labs.network.links import Network
from labs.sandbox.checker import Checker
from labs.sandbox.console import Answer
from labs.sandbox.consoles import Consoles
from labs.sandbox.context import AnyPart, Context
from labs.sandbox.deployment import Deployment
from labs.sandbox.emitter import Emitter
from labs.sandbox.environment import SandboxEnvironment
from labs.sandbox.faults import LinkFaults, change_server
from labs.sandbox.guide import GuideProgress
from labs.sandbox.ledger import Ledger
from labs.sandbox.part import Part, SteppedPart, Workload
from labs.sandbox.sampler import Sampler
from labs.sandbox.server import Server
from labs.sandbox.stalls import StallWatch
from labs.sandbox.watchdog import Watchdog

Outcome = Callable[[str, str, str, dict[str, object]], None]


class Sandbox(Emitter, Context):
    """Open it with `open`, end it with `close`; everything between is for the lab's functions, its
    parts and the learner's calls. Any thread may call.
    """

    def __init__(
        self,
        lab: Lab,
        settings: Mapping[str, Value],
        environment: SandboxEnvironment,
        *,
        forkserver: ForkServer,
        network: Network,
        database: Server | None,
        emit: Callable[[Event], None],
        outcome: Outcome,
        met: Iterable[str] = (),
    ) -> None:
        """`met` are the checks that the learner has met in an earlier sandbox."""
        super().__init__(emit, on_news=self._look_soon)
        self.lab = lab
        self.settings: dict[str, Value] = dict(settings)
        self.ledger = Ledger()
        self.measurements: dict[str, float] = {}
        self.load = LoadController(
            forkserver,
            on_problem=lambda problem: self.say(f"The strategy failed: {problem}", "error"),
            on_batch=self._on_batch,
            on_idle=self._on_idle,
        )
        self.outcome = outcome
        self.commits = forkserver.commits
        self.network = network
        self.directory = environment.directory
        self.doubles = environment.doubles
        self._environment = environment
        self._lock = threading.RLock()
        self.deployment = Deployment(
            self, environment, database=database, part_engine=self._part_engine
        )
        self.servers, self.addresses = self.deployment.servers, self.deployment.addresses
        self._consoles = Consoles(self)
        self._link_faults = LinkFaults(self)
        in_full = partial(with_places, lab)
        self.checker = Checker(self, lab.checks, emit=self.emit, outcome=outcome, in_full=in_full)
        self.guide = GuideProgress(self, met)
        self.stalls = StallWatch(self.emit)
        self.sampler = Sampler(self)
        self._watchdog = Watchdog(self)
        self.parts: list[Part] = []
        for make in lab.parts:  # a part may ask for those before it
            self.parts.append(make(self))

    def _look_soon(self) -> None:
        """Something was done: judge the checks and read the counters without waiting for a turn."""
        self.checker.wake()
        self.sampler.wake()

    def emit(self, event: Event) -> None:
        super().emit(event)
        self.guide.follow(event)

    def part(self, kind: type[AnyPart]) -> AnyPart:
        found = self._part_of(kind)
        if found is None:
            raise LookupError(f"The lab {self.lab.id} has no part {kind.__name__}.")
        return found

    def _part_of(self, kind: type[AnyPart]) -> AnyPart | None:
        return next((part for part in self.parts if isinstance(part, kind)), None)

    def open(self) -> None:
        """Start what is not running yet, all at once, and lay the links.

        Raises DidNotStart and leaves the rest to `close`.
        """
        self.stalls.start()
        self.deployment.place_links()
        for part in self.parts:
            part.before_start()
        self.deployment.start_all()
        for part in self.parts:
            part.opened()
        if self.lab.on_prepare:
            self.lab.on_prepare(self)
        for act in self.lab.on_open:
            act(self)
        self.emit(
            SandboxOpened(
                lab=self.lab.id,
                isolation=self.runtime_name,
                settings=dict(self.settings),
                versions=self.versions(),
            )
        )
        self.guide.start()
        self.checker.start()
        self.sampler.start()
        self._watchdog.start()

    def close(self) -> None:
        """End everything that runs here."""
        self._watchdog.stop()
        self.stalls.stop()
        self.sampler.stop()
        self.checker.stop()
        self.load.stop()
        for part in reversed(self.parts):
            part.close()
        self._consoles.close()
        self._environment.runtime.close()

    def reset(self) -> None:
        """Back to the start: servers up, links whole, data as it was, settings at their defaults,
        nothing remembered.
        """
        with self._lock:
            try:
                self._reset()
            finally:
                for part in self.parts:
                    part.reset_ended()

    def _reset(self) -> None:
        # A part that records the load ends its recording while the load still runs.
        for part in reversed(self.parts):
            part.interrupt()
        self.stop_load()
        for name, state in self.link_states.items():
            if state != "open":
                self.link(name, "restore")
        for name, server in self.servers.items():
            self._consoles.close_one(name)
            if server.state == "paused":
                server.resume("reset")
        for name, value in self.lab.settings().items():
            if self.settings.get(name) != value:
                self.set(name, value)
        self.deployment.restore()
        for part in self.parts:
            part.clear()
        self.deployment.restart_all_empty()
        self.ledger.clear()
        self.load.clear()
        self.sampler.clear()
        self.measurements.clear()
        self.commits.clear()
        for table in self.lab.tables:
            self.tabulate(table.name, ())
        for part in self.parts:
            part.restarted()
        if self.lab.on_prepare:
            self.lab.on_prepare(self)
        self.say("All data and settings are as they were at the start", "here")
        self.emit(CaptionChanged(text=self.lab.question))
        self.guide.start()
        self.checker.clear()

    def set(self, name: str, raw: object) -> None:
        control = self.lab.find_control(name)
        value = control.parse(raw)
        with self._lock:
            if self.settings.get(name) == value:
                return
            self.settings[name] = value
            self.emit(
                SettingChanged(
                    name=name, label=control.label, value=value, shown=control.show(value)
                )
            )
            for node in self.topology.servers:
                if name == node.engine_setting:
                    self._exchange(node, "another engine was chosen")
                elif name in node.exchanged_by:
                    self._exchange(node, f"{control.label} was changed")
            for part in self.parts:
                part.setting_changed(name)
            workload = self._part_of(Workload)
            if self.load.running and workload is not None and name in workload.client_settings:
                self.start_load()
            else:
                self._refresh_load()
            if self.lab.on_setting:
                self.lab.on_setting(self, name)

    def strategy(self) -> Strategy:
        return self.lab.strategy(self.settings)

    def start_load(self, requests: int = 0) -> str:
        workload = self._part_of(Workload)
        if workload is None:
            raise NotNow("This lab has no load.")
        self.finish_step()
        self.load.stop()
        workload.before_load()
        clients = workload.clients()
        self.load.start(clients, lambda n: workload.spec(n, clients, requests // clients))
        about = workload.about()
        self.emit(LoadChanged(running=True, about=about))
        self.emit(CaptionChanged(text=workload.caption))
        self.sampler.wake()
        return f"{workload.running}: {about}."

    def finish_step(self) -> bool:
        stepped = self.stepped
        if stepped is None or not stepped.stepper.running:
            return False
        stepped.stepper.finish()
        return True

    def stop_load(self, why: str = "") -> str:
        if not self.load.running:
            return "No load is running."
        self.load.stop()
        self.emit(LoadChanged(running=False, about=why))
        self.emit(CaptionChanged(text="The load has stopped. The servers keep what they have."))
        return "The load has stopped."

    def _on_batch(self, batch: Batch) -> None:
        for part in self.parts:
            part.on_batch(batch)

    def _on_idle(self, why: str) -> None:
        # `stop_load` joins the thread that calls us, so another one stops the load.
        threading.Thread(target=self.stop_load, args=(why,), daemon=True).start()

    def server(self, name: str, verb: str) -> str:
        sentence = change_server(self, name, verb)
        for part in self.parts:
            part.server_changed(name, verb)
        if self.lab.on_server:
            self.lab.on_server(self, name, verb)
        return sentence

    def link(self, name: str, verb: str, delay_ms: float = 20.0) -> str:
        """Slow, cut or restore a link; returns the sentence for the learner."""
        return self._link_faults.change(name, verb, delay_ms)

    def start(self, name: str, why: str) -> None:
        self._forget_connections(name)
        self.deployment.start(name, why)
        self._refresh_load()

    def stop(self, name: str, why: str) -> None:
        self._forget_connections(name)
        self.servers[name].stop(why)

    def add(self, node: Node, *links: Link, why: str = "it was added") -> None:
        self.deployment.add(node, links, why)
        self._refresh_load()

    def remove(self, name: str, why: str = "it was removed") -> None:
        self._forget_connections(name)
        self.deployment.remove(name, why)
        self._refresh_load()

    def _exchange(self, node: Node, why: str) -> None:
        self._forget_connections(node.name)
        self.deployment.exchange(node, why)
        for part in self.parts:
            part.server_changed(node.name, "exchange")

    def _forget_connections(self, name: str) -> None:
        """Another server will stand at this name: its console and its counters begin again."""
        self._consoles.close_one(name)
        self.sampler.forget_counters(name)

    def _refresh_load(self) -> None:
        workload = self._part_of(Workload)
        if self.load.running and workload is not None:
            clients = max(1, self.load.clients)
            self.load.change(lambda n: workload.spec(n, clients))

    def console(self, name: str, command: str) -> Answer:
        """Run a command in a server's console."""
        answer = self._consoles.run(name, command)
        self._look_soon()
        return answer

    def look_at_consoles(self) -> None:
        """Notice what a server has ended in a console while no command ran."""
        self._consoles.look()

    def complete(self, name: str, text: str) -> list[str]:
        """How a console command could go on."""
        return self._consoles.complete(name, text)

    def wait_until(
        self, condition: Callable[[], bool], *, deadline_s: float, every_s: float = 0.02
    ) -> bool:
        end = self.stalls.clock() + deadline_s
        while not condition():
            if self.stalls.clock() > end:
                return False
            time.sleep(every_s)
        return True

    @property
    def topology(self) -> Topology:
        return self.deployment.topology

    @property
    def link_states(self) -> Mapping[str, str]:
        return self._link_faults.states

    @property
    def is_real(self) -> bool:
        return self.doubles is None

    @property
    def runtime_name(self) -> str:
        return self._environment.runtime.name

    @property
    def stepped(self) -> SteppedPart | None:
        """The part that runs requests in slow motion; None if this lab has none."""
        return self._part_of(SteppedPart)

    def kind_at(self, node: Node) -> str:
        return self.deployment.kind_at(node)

    def is_reached(self, server: str) -> bool:
        cut = any(self.link_states[link.name] == "cut" for link in self.topology.links_to(server))
        return self.servers[server].state == "up" and not cut

    def address_for_app(self, server: str) -> Address:
        topology = self.topology
        links = topology.links_to(server)
        own = next(link for link in links if topology.node(link.source).engine == "app")
        return self.addresses.of_link(own.name)

    def server_address(self, server: str) -> Address:
        """Where a server itself listens, behind its link."""
        return self.servers[server].engine.address

    def password(self, server: str) -> str:
        return self._environment.secrets[server]

    def versions(self) -> dict[str, str]:
        return {
            server.engine.kind: server.version for server in self.servers.values() if server.version
        }

    def _part_engine(self, node: Node, directory: Path) -> Engine | None:
        found = (part.engine(node, directory) for part in self.parts)
        return next((engine for engine in found if engine is not None), None)
