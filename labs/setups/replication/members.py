"""The members of a replication group: its Redis servers and its sentinels, and what each says of
itself when it is asked now. Nothing is remembered here.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.engines.redis import Redis, parse_info
from labs.engines.sentinel import Sentinel
from labs.errors import NotNow, ServerDown, ServerNotUp
from labs.events import Role
from labs.sandbox.context import Context
from labs.setups.replication.mesh import Mesh


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What a Redis says of itself: its role, which server it follows, whether it receives that
    server's stream, how many bytes of the stream it has, and how many replicas follow it.
    """

    role: Role
    of: str
    linked: bool
    offset: int
    replicas: int


class Members:
    """The Redis servers (`caches`) and the sentinels of a group, by name. Any thread may call."""

    def __init__(self, context: Context, mesh: Mesh) -> None:
        self._context = context
        self._mesh = mesh
        topology = context.lab.topology
        self.caches = [node.name for node in topology.servers if node.engine == "redis"]
        self.sentinels = [node.name for node in topology.of_engine("sentinel")]
        self.are_started = False
        """False until the servers that start with the sandbox are up."""

    def redis(self, name: str) -> Redis:
        """A member's engine, asked past every link. Raises ServerNotUp."""
        server = self._context.servers[name]
        if server.state != "up" or not isinstance(server.engine, Redis):
            raise ServerNotUp(f"{name} is not up.")
        return server.engine

    def sentinel(self, name: str) -> Sentinel | None:
        """A sentinel's engine; None if it is not up."""
        server = self._context.servers.get(name)
        return (
            server.engine
            if server is not None and server.state == "up" and isinstance(server.engine, Sentinel)
            else None
        )

    def is_present(self, name: str) -> bool:
        """False for a replica that waits to be added, or was removed."""
        server = self._context.servers.get(name)
        return (
            not self._context.lab.topology.node(name).waits
            if server is None or not self.are_started
            else server.state != "stopped"
        )

    def status_of(self, name: str) -> MemberStatus | None:
        """What a Redis says of itself now; None if it does not answer."""
        try:
            info = parse_info(self.redis(name).run("INFO", "replication"))
        except (ServerDown, NotNow):
            return None
        if info["role"] == "master":
            return MemberStatus(
                "primary", "", True, int(info["master_repl_offset"]), int(info["connected_slaves"])
            )
        return MemberStatus(
            "replica",
            self._mesh.name_at(info["master_host"], info["master_port"]),
            info["master_link_status"] == "up",
            int(info.get("slave_repl_offset", 0)),
            0,
        )
