"""A replication group as a part of a sandbox: a primary, its replicas, their sentinels, and two
endpoints. It gives each member its engine and its address, and puts the settings in force.

What lies between the members is the mesh's; what they say is the observer's; how the primary moves
is the failover's. A client receives the addresses of the endpoints and no other.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from pathlib import Path

from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines.base import Engine
from labs.engines.membership import Membership
from labs.engines.redis import Redis
from labs.engines.registry import registry
from labs.engines.sentinel import Sentinel, Watched
from labs.errors import DidNotStart, NotNow, ServerDown
from labs.lab import Node
from labs.sandbox.addresses import APP
from labs.sandbox.context import Context
from labs.sandbox.part import Part
from labs.setups.replication.endpoints import PRIMARY_ENDPOINT, Endpoints
from labs.setups.replication.failover import Failover
from labs.setups.replication.members import Members, MemberStatus
from labs.setups.replication.mesh import Mesh
from labs.setups.replication.observer import Observer
from labs.setups.replication.sentinels import SentinelMessage

READY_S = 6.0
STAGGER = 0.12


class ReplicationGroup(Part):
    """The group and its four sides: `members`, `endpoints`, `observer`, `failover`; and the `mesh`
    between the members. Any thread may call.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._password = context.password(APP)
        self._secret = secrets.token_urlsafe(24)
        self._lock = threading.RLock()
        self.mesh = Mesh(context, changed=lambda: self.observer.wake())
        self.members = Members(context, self.mesh)
        self.endpoints = Endpoints(context, self.mesh, self.members.caches[0])
        self.observer = Observer(
            context,
            self.members,
            self.endpoints,
            self.mesh,
            lock=self._lock,
            on_message=self._on_message,
        )
        self.failover = Failover(
            context, self.members, self.endpoints, self.mesh, self.observer, lock=self._lock
        )
        self.settings_are_in_force = True
        """False for a group that ignores min-replicas-to-write of the page: a mutant."""

    @property
    def primary(self) -> str:
        """The server that the primary endpoint leads to."""
        return self.endpoints.primary

    def own_reads_at(self) -> Address | None:
        """Where the writing client reads what it has just written: at the endpoint that the setting
        `own_reads` names; None: it doesn't.
        """
        return self.mesh.endpoint(f"{self.context.settings.get('own_reads', 'no')}-endpoint")

    def engine(self, node: Node, directory: Path) -> Engine | None:
        """The engine of a member: a redis-server that follows the primary, or a sentinel that
        watches the group.
        """
        if node.engine not in ("redis", "sentinel"):
            return None
        public, behind = self.mesh.public(node.name), self.mesh.behind(node.name)
        if node.engine == "sentinel":
            return Sentinel(
                node.name, behind, public, directory, self._secret, lambda: self._watched(node.name)
            )
        member = Membership(
            public,
            self._secret,
            lambda: None if node.name == self.primary else self.mesh.public(self.primary),
            self._min_replicas,
        )
        return Redis(
            node.name, behind, directory, self._password, member=member, **dict(node.options)
        )

    def access(self, user: str) -> Access:
        """How a client is let in as this user by every member."""
        return self.context.servers[self.primary].engine.access(user)

    def before_start(self) -> None:
        """Give every member and endpoint its address, and lay the links between them."""
        addresses = self.context.addresses
        public: dict[str, Address] = {}
        behind: dict[str, Address] = {}
        for name in (*self.members.caches, *self.members.sentinels):
            usual = registry["sentinel" if name in self.members.sentinels else "redis"].port
            public[name] = addresses.new(name, usual)
            behind[name] = Address(addresses.host(f"{name} itself"), public[name].port)
        port = addresses.new(PRIMARY_ENDPOINT, registry["redis"].port).port
        endpoints = {
            node.name: Address(addresses.host(node.name), port)
            for node in self.context.lab.topology.of_engine("endpoint")
        }
        self.mesh.place(public, endpoints, behind)
        self.mesh.lay(self.members.caches)
        self.endpoints.lead_to_primary(self.primary, "")

    def opened(self) -> None:
        """Wait until replicas and sentinels know each other, then observe them.

        Raises DidNotStart.
        """
        if not self.context.is_real:
            self._show_first_roles()
            return
        if "replicas" in self.context.settings:
            self.scale_replicas()
        self.members.are_started = True
        if not self.context.wait_until(self.observer.is_settled, deadline_s=READY_S, every_s=0.01):
            raise DidNotStart(
                "The replicas did not find their primary.",
                hint="Open the lab again.",
                detail=str(self.observer.statuses),
            )
        self.observer.start()

    def close(self) -> None:
        """Observe no longer."""
        self.observer.stop()

    def setting_changed(self, name: str) -> None:
        """Put in force what the settings say of zones, detection, durability and replicas.

        A sentinel writes its file at each change, so it gets only what concerns it.
        """
        self.mesh.apply()
        if name in ("detection_ms", "quorum"):
            for one in self.members.sentinels:
                if (sentinel := self.members.sentinel(one)) is not None:
                    with contextlib.suppress(ServerDown):
                        sentinel.set("down-after-milliseconds", self._detection_ms(one))
                        sentinel.set("quorum", self._quorum())
        elif name == "min_replicas":
            for one in self.members.caches:
                with contextlib.suppress(ServerDown, NotNow):
                    self.members.redis(one).run(
                        "CONFIG", "SET", "min-replicas-to-write", self._min_replicas()
                    )
        elif name == "replicas":
            self.scale_replicas()

    def scale_replicas(self) -> None:
        """Start or stop replicas until there are as many as the setting `replicas` asks for."""
        others = sorted(
            (name for name in self.members.caches if name != self.primary),
            key=lambda name: self.context.servers[name].state not in ("up", "paused"),
        )
        wanted = int(float(self.context.settings.get("replicas", len(others))))
        for place, name in enumerate(others):
            server = self.context.servers[name]
            if place < wanted and server.state == "stopped":
                server.start("a replica was added")
            elif place >= wanted and server.state in ("up", "paused", "down"):
                server.stop("this replica was taken away")
        self.observer.wake()

    def reads_counters_of(self, server: str) -> bool:
        """True for the primary: its replicas execute the same writes and would count them again."""
        return server == self.primary

    def clear(self) -> None:
        """As at the start: the first cache is the primary, zones are whole, nothing is remembered.

        The sentinels are stopped; what they still publish is ignored until `restarted`.
        """
        self.observer.ignores_sentinels = True
        for name in self.members.sentinels:
            self.context.servers[name].stop("reset")
        with self._lock:
            self.failover.clear()
            self.endpoints.clear()
            self.observer.clear()
            self.mesh.forget()
            self.endpoints.lead_to_primary(self.primary, "")

    def restarted(self) -> None:
        """Wait until every member has the role that it had at the start."""
        self.reset_ended()
        if self.context.is_real:
            self.context.wait_until(self.observer.is_settled, deadline_s=READY_S, every_s=0.02)

    def reset_ended(self) -> None:
        """Follow the sentinels again."""
        self.observer.ignores_sentinels = False

    def _on_message(self, message: SentinelMessage) -> None:
        self.failover.on_message(message)

    def _watched(self, sentinel: str) -> Watched:
        """What a sentinel is to know of the group when it starts."""
        replicas = [
            self.mesh.public(name)
            for name in self.members.caches
            if name != self.primary and self.members.is_present(name)
        ]
        peers = {
            name: self.mesh.public(name) for name in self.members.sentinels if name != sentinel
        }
        return Watched(
            self.mesh.public(self.primary),
            replicas,
            peers,
            self._quorum(),
            self._detection_ms(sentinel),
            self.failover.epoch,
        )

    def _min_replicas(self) -> int:
        if not self.settings_are_in_force:
            return 0
        return int(float(self.context.settings.get("min_replicas", 0)))

    def _quorum(self) -> int:
        return int(float(self.context.settings.get("quorum", 2)))

    def _detection_ms(self, sentinel: str) -> int:
        """How long a sentinel waits: each a little longer than the one before, so that they don't
        all ask for votes at the same moment, and none is elected.
        """
        return int(
            float(self.context.settings.get("detection_ms", 1_000))
            * (1 + STAGGER * self.members.sentinels.index(sentinel))
        )

    def _show_first_roles(self) -> None:
        """Where nothing runs: the first cache is the primary of all others."""
        for name in self.members.caches:
            if not self.context.lab.topology.node(name).waits:
                self.observer.note(
                    name,
                    MemberStatus("primary", "", True, 0, len(self.members.caches) - 1)
                    if name == self.primary
                    else MemberStatus("replica", self.primary, True, 0, 0),
                )
        self.observer.lead_readers("")
