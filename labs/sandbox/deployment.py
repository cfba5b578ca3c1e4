"""The servers of one sandbox and the links to them, as they are now: made, started, exchanged,
added, removed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from labs.engines.base import Engine
from labs.engines.postgres import Postgres
from labs.engines.redis import Redis
from labs.engines.registry import registry
from labs.errors import NotNow
from labs.events import ServerChanged, TopologyChanged
from labs.lab import Link, Node
from labs.sandbox.addresses import Addresses
from labs.sandbox.context import Context
from labs.sandbox.environment import SandboxEnvironment
from labs.sandbox.server import Server
from labs.shop.template import refill

PartEngine = Callable[[Node, Path], Engine | None]


class Deployment:
    """Holds the topology as it is now; it begins as the lab's. Any thread may call."""

    def __init__(
        self,
        context: Context,
        environment: SandboxEnvironment,
        *,
        database: Server | None,
        part_engine: PartEngine,
    ) -> None:
        """`part_engine` is asked first for the engine of a node. A `database` that was made before
        the lab was known stands at the node of that name.
        """
        self._context = context
        self._environment = environment
        self._part_engine = part_engine
        self._lock = threading.RLock()
        self.topology = context.lab.topology
        self.addresses = Addresses(environment.runtime, self.topology)
        self.servers: dict[str, Server] = {}
        if database is not None:
            self.servers["database"] = database

    def place_links(self) -> None:
        """Decide where every link is entered. No server need exist."""
        for link in self._links:
            self._place(link)

    def start_all(self) -> None:
        """Start every server that is not up, all at once, and lay the links.

        Raises DidNotStart; what was started by then runs on.
        """
        for node in self.topology.servers:
            if node.name not in self.servers:
                self.servers[node.name] = self._new_server(node)
        for name, server in self.servers.items():
            if server.state == "up":
                # A server of the pool came up before anyone followed this sandbox.
                change = ServerChanged(server=name, state=server.state, version=server.version)
                self._context.emit(change)
        stopped = [
            server
            for name, server in self.servers.items()
            if server.state != "up" and not self.topology.node(name).waits
        ]
        with ThreadPoolExecutor(max(1, len(stopped))) as together:
            list(together.map(Server.start, stopped))
        for link in self._links:
            self._lay(link)

    def restart_all_empty(self) -> None:
        """Start every server again without data; one that waits is stopped."""
        for name, server in self.servers.items():
            if self.topology.node(name).waits:
                server.stop("reset")
            elif isinstance(server.engine, Postgres):
                self._refill(server, server.engine)
            else:
                server.start_empty("reset")
                if isinstance(server.engine, Redis) and server.engine.appendonly:
                    server.engine.flush()

    def start(self, name: str, why: str) -> None:
        """Start a server that waited, with the options that the settings ask for now."""
        node = self.topology.node(name)
        with self._lock:
            if self.servers[name].state not in ("stopped", "down"):
                raise NotNow(f"{node.label} is there already.")
            self._start_new(node, why)

    def exchange(self, node: Node, why: str) -> None:
        """Put another server behind the same name: the old one stops, the new one starts empty."""
        with self._lock:
            old = self.servers[node.name]
            if old.state == "paused":
                old.resume(why)
            old.stop(why)
            for link in self.topology.links_to(node.name):
                self._place(link)
            self._start_new(node, why)

    def add(self, node: Node, links: tuple[Link, ...], why: str) -> None:
        """Add a server that the lab did not have, start it, and lay these links to it.

        BadInput if the name is taken or a link leads elsewhere. Raises DidNotStart, and the
        topology is as before then.
        """
        with self._lock:
            before = self.topology
            self.topology = before.with_node(node, links)
            try:
                for link in links:
                    self._place(link)
                self._start_new(node, why)
            except BaseException:
                self.topology = before
                self.servers.pop(node.name, None)
                raise
        self._context.emit(TopologyChanged(**self.topology.to_data()))

    def remove(self, name: str, why: str) -> None:
        """Stop a server, and take it and its links out of the topology."""
        with self._lock:
            self.topology = self.topology.without_node(name)
            self.servers.pop(name).stop(why)
        self._context.emit(TopologyChanged(**self.topology.to_data()))

    def restore(self) -> None:
        """The lab's own topology again: what was added goes, what was removed comes back, not
        started. Does nothing, and emits nothing, if it holds.
        """
        wanted = self._context.lab.topology
        if self.topology == wanted:
            return
        with self._lock:
            names = {node.name for node in wanted.servers}
            for name in set(self.servers) - names:
                self.servers.pop(name).stop("reset")
            self.topology = wanted
            for node in wanted.servers:
                if node.name not in self.servers:
                    for link in wanted.links_to(node.name):
                        self._place(link)
                    self._start_new(node, "reset")
        self._context.emit(TopologyChanged(**wanted.to_data()))

    def kind_at(self, node: Node) -> str:
        """The engine that stands at a node now."""
        setting = node.engine_setting
        return str(self._context.settings[setting]) if setting else node.engine

    @property
    def _links(self) -> list[Link]:
        """The links that lead to a server; those to an endpoint belong to a part."""
        servers = {node.name for node in self.topology.servers}
        return [link for link in self.topology.links if link.target in servers]

    def _start_new(self, node: Node, why: str) -> None:
        server = self.servers[node.name] = self._new_server(node)
        server.start(why)
        for link in self.topology.links_to(node.name):
            self._lay(link)

    def _place(self, link: Link) -> None:
        kind = self.kind_at(self.topology.node(link.target))
        self.addresses.place_link(link, registry[kind].port)

    def _lay(self, link: Link) -> None:
        """Lay a link to a server as it is now."""
        entrance = self.addresses.of_link(link.name)
        target = self.servers[link.target].engine.address
        self._context.network.add_link(link.name, entrance, target)

    def _new_server(self, node: Node) -> Server:
        """A server for a node, not yet started, with the engine that the settings ask for now."""
        directory = self._environment.directory / node.name
        directory.mkdir(mode=0o700, exist_ok=True)
        engine, runtime = self._engine(node, directory), self._environment.runtime
        return Server(node.name, engine, runtime, log=directory / "log", emit=self._context.emit)

    def _engine(self, node: Node, directory: Path) -> Engine:
        kind, doubles = self.kind_at(node), self._environment.doubles
        if doubles is not None:
            return doubles.engine(node.name, kind)
        if (engine := self._part_engine(node, directory)) is not None:
            return engine
        options = dict(node.options)
        if node.options_of is not None:
            options |= node.options_of(self._context.settings)
        address = self.addresses.new(node.name, registry[kind].port)
        password = self._context.password(node.name)
        return registry[kind].engine_class().build(node.name, address, directory, password, options)

    def _refill(self, server: Server, engine: Postgres) -> None:
        server.stop("reset")
        engine.close()
        refill(self._environment.template, engine.data)
        server.engine = Postgres(engine.name, engine.address, engine.directory, engine.password)
        server.start("reset")
