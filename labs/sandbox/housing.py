"""Where the servers of a sandbox live and what they are: their addresses, the ends of links, and
the engine that the settings ask for at each node. Starts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labs.clients.address import Address
from labs.definition import Link, Node
from labs.engines.base import Engine
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.engines.registry import registry
from labs.engines.web import Balancer, Instance
from labs.errors import BadInput
from labs.runtime.fake import FakeEngine, FakeRuntime
from labs.runtime.protocol import Runtime
from labs.sandbox.server import Server
from labs.sandbox.site import letter

if TYPE_CHECKING:
    from labs.sandbox.sandbox import Sandbox

BEHIND, OF_ENDPOINTS = 101, 200
"""Where the addresses of a group's servers themselves, behind their public ones, and of its
endpoints begin among those of the sandbox.
"""


@dataclass(frozen=True, slots=True)
class Quarters:
    """Where a sandbox lives: its directory, the shop's template, how servers are run, and its
    secrets by server.
    """

    directory: Path
    template: Path
    runtime: Runtime
    secrets: Mapping[str, str]


class Housing:
    """Addresses and engines of one sandbox, by its lab and its settings as they are when it is
    asked.
    """

    def __init__(self, sandbox: Sandbox, quarters: Quarters) -> None:
        self._sandbox = sandbox
        self._quarters = quarters
        self._topology = sandbox.lab.topology
        self.near: dict[str, Address] = {}
        """Where each link is entered."""

    @property
    def links(self) -> list[Link]:
        """The links that lead to a server. Those to an endpoint are the group's."""
        servers = {node.name for node in self._topology.servers}
        return [link for link in self._topology.links if link.target in servers]

    def kind(self, node: Node) -> str:
        """The engine that stands at a node now."""
        return (
            str(self._sandbox.settings[node.engine_setting]) if node.engine_setting else node.engine
        )

    def find_near_end(self, link: Link) -> None:
        """Decide where a link is entered: at its source's own address, at the port that such a
        target usually has.
        """
        places, runtime = [node.name for node in self._topology.servers], self._quarters.runtime
        host = runtime.host(places.index(link.source) + 1 if link.source in places else 0)
        near = Address(
            host, runtime.port(registry[self.kind(self._topology.node(link.target))].port)
        )
        while (
            near in (other for name, other in self.near.items() if name != link.name)
            and runtime.name != "fake"
        ):
            # Two targets of one kind: the second is found one port further.
            near = Address(host, near.port + 1)
        self.near[link.name] = near

    def place_group(self) -> None:
        """Addresses for the members and the endpoints of a group: at one port each, wherever
        somebody asks for them; then what lies between them.
        """
        runtime, public, behind = self._quarters.runtime, dict[str, Address](), dict[str, Address]()
        for index, node in enumerate(self._topology.servers):
            if node.engine in ("redis", "sentinel"):
                port = runtime.port(node.kind.port)
                public[node.name], behind[node.name] = (
                    Address(runtime.host(index + 1), port),
                    Address(runtime.host(index + BEHIND), port),
                )
        port = runtime.port(registry["redis"].port)
        endpoints = {
            node.name: Address(runtime.host(OF_ENDPOINTS + index), port)
            for index, node in enumerate(self._topology.of_engine("endpoint"))
        }
        assert self._sandbox.group is not None
        self._sandbox.group.mesh.place(public, endpoints, behind)
        self._sandbox.group.lay()

    def server(self, node: Node) -> Server:
        """A server for a node, not yet started, with the engine that the settings ask for now."""
        directory = self._quarters.directory / node.name
        directory.mkdir(mode=0o700, exist_ok=True)
        return Server(
            node.name,
            self._engine(node, directory),
            self._quarters.runtime,
            log=directory / "log",
            tell=self._sandbox.tell,
        )

    def _engine(self, node: Node, directory: Path) -> Engine:
        sandbox, runtime, kind = self._sandbox, self._quarters.runtime, self.kind(node)
        if isinstance(runtime, FakeRuntime):
            return FakeEngine(node.name, kind, runtime.pretence)
        memory_mb = int(float(sandbox.settings.get("cache_mb", 32)))
        if sandbox.group is not None and kind in ("redis", "sentinel"):
            return sandbox.group.engine(
                node,
                directory,
                **({"maxmemory_mb": memory_mb, **node.options} if kind == "redis" else {}),
            )
        address = Address(
            runtime.host(self._topology.servers.index(node) + 1), runtime.port(registry[kind].port)
        )
        secret = self._quarters.secrets[node.name]
        if kind == "redis":
            options = {
                **node.options,
                **(node.options_of(sandbox.settings) if node.options_of else {}),
            }
            sabotage = next(
                (
                    solution.directives
                    for solution in sandbox.lab.wrong
                    if solution.name == sandbox.wrong
                ),
                {},
            )
            options["directives"] = {**options.get("directives", {}), **sabotage}
            return Redis(
                node.name, address, directory, secret, **{"maxmemory_mb": memory_mb, **options}
            )
        if kind == "memcached":
            return Memcached(node.name, address, directory, maxmemory_mb=memory_mb)
        if sandbox.site is not None and kind in ("instance", "balancer"):
            web = Balancer if kind == "balancer" else Instance
            return web(node.name, address, directory, secret, lambda: self._site_settings(node))
        raise BadInput(f"No engine {kind!r} can stand at {node.name}.")

    def _site_settings(self, node: Node) -> dict[str, object]:
        """What a program of the site needs to know now: where the links of its own lead, and what
        the lab's settings say.
        """
        sandbox, settings = self._sandbox, self._sandbox.settings
        ways = {
            link.target: self.near[link.name]
            for link in self._topology.links
            if link.source == node.name
        }
        assert sandbox.site is not None
        if node.engine == "balancer":
            return {
                "sticky": settings.get("store") == "sticky",
                "targets": [(letter(name), way.host, way.port) for name, way in ways.items()],
            }
        strategy = sandbox.strategy()
        assert strategy.write is not None
        stores = {self.kind(self._topology.node(name)): (name, way) for name, way in ways.items()}
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
            "redis": (to_redis.host, to_redis.port, "shop", sandbox.password(redis)),
            "memcached": (to_memcached.host, to_memcached.port),
            "reports": str(sandbox.site.reports),
        }
