"""A replication group as a part of a sandbox: a primary, its replicas, their sentinels, and two
endpoints. It gives each member its engine and its address, puts the settings in force, and moves
the primary: because the sentinels promoted another server, or by a planned switchover.

What lies between the members is the mesh's; what they say of themselves is noted by `Members`. A
client receives the addresses of the endpoints and no other.
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from labs.clients.address import Address
from labs.engines.base import Engine
from labs.engines.membership import Membership
from labs.engines.redis import Redis
from labs.engines.registry import registry
from labs.engines.sentinel import Sentinel, Watched
from labs.errors import DidNotStart, GroupNotSettled, NotNow, ServerDown
from labs.lab import Node
from labs.sandbox.addresses import APP
from labs.sandbox.context import Context
from labs.sandbox.part import Part
from labs.setups.replication.endpoints import PRIMARY_ENDPOINT, Endpoints
from labs.setups.replication.members import Members, MemberStatus
from labs.setups.replication.mesh import Mesh
from labs.setups.replication.sentinels import SentinelMessage
from labs.setups.replication.tilt import warning

READY_S = 6.0
STAGGER = 0.12
SWITCHOVER_S = 6.0
"""How long at most no client can write in a planned failover."""
IN_STEP_S = 1.5


class ReplicationGroup(Part):
    """The `members` of the group, its `endpoints`, and the `mesh` between the members. Any thread
    may call.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._password = context.password(APP)
        self._secret = secrets.token_urlsafe(24)
        self.mesh = Mesh(context, changed=lambda: self.members.wake())
        self.endpoints = Endpoints(context, self.mesh)
        self.members = Members(context, self.mesh, self.endpoints, on_message=self._on_message)
        self.settings_are_in_force = True
        """False for a group that ignores min-replicas-to-write of the page: a mutant."""
        self._epoch = 0
        """The epoch of the newest failover that moved the primary endpoint."""
        self._stepping_down = ""

    @property
    def primary(self) -> str:
        """The server that the primary endpoint leads to."""
        return self.endpoints.primary

    def engine(self, node: Node, directory: Path) -> Engine | None:
        """The engine of a member: a redis-server that follows the primary, or a sentinel that
        watches the group.
        """
        name = node.name
        if node.engine not in ("redis", "sentinel"):
            return None
        public, behind = self.mesh.public[name], self.mesh.behind[name]
        if node.engine == "sentinel":
            return Sentinel(
                name, behind, public, directory, self._secret, lambda: self._watched(name)
            )
        member = Membership(
            public,
            self._secret,
            lambda: None if name == self.primary else self.mesh.public[self.primary],
            self._min_replicas,
        )
        return Redis(name, behind, directory, self._password, member=member, **dict(node.options))

    def before_start(self) -> None:
        """Give every member and endpoint its address, and lay the links between them."""
        addresses = self.context.addresses
        public: dict[str, Address] = {}
        behind: dict[str, Address] = {}
        for engine, names in (("redis", self.members.caches), ("sentinel", self.members.sentinels)):
            for name in names:
                public[name] = addresses.new(name, registry[engine].port)
                behind[name] = Address(addresses.host(f"{name} itself"), public[name].port)
        port = addresses.new(PRIMARY_ENDPOINT, registry["redis"].port).port
        endpoints = {
            node.name: Address(addresses.host(node.name), port)
            for node in self.context.lab.topology.of_engine("endpoint")
        }
        self.mesh.lay(public, behind, endpoints)
        self.endpoints.lead_to_primary(self.primary, "")

    def opened(self) -> None:
        """Wait until replicas and sentinels have found each other, then observe them.

        Raises DidNotStart.
        """
        members = self.members
        if not self.context.is_real:
            self._show_first_roles()
            return
        if "replicas" in self.context.settings:
            self.scale_replicas()
        members.are_started = True
        if not self.context.wait_until(members.is_settled, deadline_s=READY_S, every_s=0.01):
            raise DidNotStart(
                "The replicas did not find their primary.",
                hint="Open the lab again.",
                detail=str({name: members.status_of(name) for name in members.caches}),
            )
        members.start()

    def close(self) -> None:
        """Observe no longer."""
        self.members.stop()

    def setting_changed(self, name: str) -> None:
        """Put in force what the settings say of zones, detection, durability and replicas.

        A sentinel writes its file at each change, so it gets only what concerns it.
        """
        self.mesh.apply()
        if name in ("detection_ms", "quorum"):
            for sentinel in self.members.sentinels:
                self._configure(sentinel)
        elif name == "min_replicas":
            for cache in self.members.caches:
                self._configure(cache)
        elif name == "replicas":
            self.scale_replicas()

    def server_changed(self, server: str, verb: str) -> None:
        """Give a member that was paused the settings that changed meanwhile."""
        if verb == "resume":
            self._configure(server)

    def _configure(self, name: str) -> None:
        """Put the settings of a member in force; one that does not answer is left out."""
        with contextlib.suppress(ServerDown, NotNow):
            if name in self.members.caches:
                least = self._min_replicas()
                self.members.redis(name).run("CONFIG", "SET", "min-replicas-to-write", least)
            elif sentinel := self.members.sentinel(name):
                sentinel.set("down-after-milliseconds", self._detection_ms(name))
                sentinel.set("quorum", self._quorum())

    def scale_replicas(self) -> None:
        """Start or stop replicas until there are as many as the setting `replicas` says."""
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
        self.members.wake()

    def reads_counters_of(self, server: str) -> bool:
        """True for the primary: its replicas execute the same writes and would count them again."""
        return server == self.primary

    def clear(self) -> None:
        """As at the start: the first cache is the primary, zones are whole, nothing is remembered.

        The sentinels are stopped; what they still publish is ignored until `restarted`.
        """
        self.members.ignores_sentinels = True
        for name in self.members.sentinels:
            self.context.servers[name].stop("reset")
        with self.endpoints.lock:
            self._epoch, self._stepping_down = 0, ""
            self.members.clear()
            self.mesh.forget()
            self.endpoints.clear()

    def restarted(self) -> None:
        """Wait until every member has the role that it had at the start."""
        self.reset_ended()
        if self.context.is_real:
            self.context.wait_until(self.members.is_settled, deadline_s=READY_S)

    def reset_ended(self) -> None:
        """Follow the sentinels again."""
        self.members.ignores_sentinels = False

    def crash_host(self, name: str) -> None:
        """End a server with its machine: what it had handed to the network and what had not arrived
        is lost with it.
        """
        with self.mesh.lost(name):
            self.context.servers[name].kill("its machine was lost")
        self.members.wake()

    def reattach(self) -> list[str]:
        """Make every server that does not follow the present primary its replica, as the service
        does with a former primary that comes back. Returns their names. Raises ServerDown.
        """
        primary, names = self.mesh.public[self.primary], []
        for name in self.members.caches:
            status = self.members.status_of(name) if name != self.primary else None
            if status is not None and status.of != self.primary:
                self.members.redis(name).run("REPLICAOF", primary.host, primary.port)
                names.append(name)
        self.members.wake()
        return names

    def tilt_warning(self, *, ends: bool) -> str:
        """What to expect when the primary fails now, because of sentinels in TILT mode; empty if
        none is. `ends` is true of a primary that ends, and does not only fall silent.
        """
        members, nodes = self.members, self.context.lab.topology
        members.tilts.look()
        reached = [
            name
            for name in members.free_sentinels()
            if nodes.node(name).zone not in self.mesh.cut_zones
        ]
        return warning(
            members.tilts,
            free=len(reached),
            quorum=self._quorum(),
            detection_ms=float(self.context.settings.get("detection_ms", 1_000)),
            ends=ends,
        )

    def switchover(self) -> None:
        """A planned failover, as a careful service does it: writes wait until the replicas have
        everything, a sentinel promotes one of them, and the former primary follows it.

        Raises GroupNotSettled if the replicas don't get everything, NotNow if no sentinel begins.
        """
        self._require_one_out_of_tilt()
        former = self.members.redis(self.primary)
        former.run("CLIENT", "PAUSE", int(1000 * SWITCHOVER_S), "WRITE")
        self._stepping_down = self.primary
        try:
            if not self.context.wait_until(self._are_in_step, deadline_s=IN_STEP_S, every_s=0.005):
                raise GroupNotSettled(
                    "The replicas do not get everything that the primary has.",
                    hint="Make the zones whole, bring back what is down, then try again.",
                )
            self._promote_one()
        except NotNow:
            self._stepping_down = ""
            former.run("CLIENT", "UNPAUSE")
            raise
        self.members.wake()

    def _are_in_step(self) -> bool:
        found = map(self.members.status_of, self.members.caches)
        return len({status.offset for status in found if status is not None}) == 1

    def _require_one_out_of_tilt(self) -> None:
        """One in TILT mode would accept the request, and do nothing until it leaves that mode."""
        tilts = self.members.tilts
        tilts.look()
        if tilts.in_tilt() and not self.members.free_sentinels():
            raise NotNow(
                f"The sentinels are in TILT mode for {tilts.left_s():.0f} s more: they stood still "
                "for more than 2 s, distrust their clocks, and promote no replica.",
                hint="Wait until they leave it, then try again.",
            )

    def _promote_one(self) -> None:
        problem: Exception | None = None
        for sentinel in self.members.free_sentinels().values():
            try:
                sentinel.fail_over()
                return
            except ServerDown as exc:
                problem = exc
        raise NotNow(f"No sentinel begins a failover: {problem or 'none is up'}.")

    def _on_message(self, message: SentinelMessage) -> None:
        """Lead the primary endpoint where a sentinel has switched to.

        A sentinel may be late with its part of an older failover: the highest epoch holds.
        """
        if message.event.startswith("-failover-abort"):
            self._stepping_down = ""
        sentinel = self.members.sentinel(message.sentinel)
        if message.event != "+switch-master" or sentinel is None:
            return
        with contextlib.suppress(ServerDown):
            epoch, address = sentinel.known_primary()
            if epoch > self._epoch:
                self._epoch = epoch
                self._move(self.mesh.name_at(address.host, str(address.port)))

    def _move(self, primary: str) -> None:
        with self.endpoints.lock:
            if primary == self.primary or primary not in self.members.caches:
                return
            self.endpoints.lead_to_primary(primary, "the sentinels have switched")
            self.members.lead_readers("roles have changed")
        if self._stepping_down:
            self._finish_switchover(self._stepping_down)
        self.context.caption(
            f"{primary} is the primary now.",
            "The endpoint leads to it: no client had to change a setting.",
        )

    def _finish_switchover(self, former: str) -> None:
        """End the pause, and close the connections of the clients that are still connected to the
        former primary, so that they connect again.
        """
        self._stepping_down = ""
        with contextlib.suppress(ServerDown, NotNow):
            self.reattach()
            redis = self.members.redis(former)
            redis.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            redis.run("CLIENT", "UNPAUSE")

    def _watched(self, sentinel: str) -> Watched:
        """What the configuration of a sentinel says of the group when it starts."""
        public, members = self.mesh.public, self.members
        return Watched(
            public[self.primary],
            [public[n] for n in members.caches if n != self.primary and members.is_present(n)],
            {name: public[name] for name in members.sentinels if name != sentinel},
            self._quorum(),
            self._detection_ms(sentinel),
            self._epoch,
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
        """For a runtime without processes: show the first cache as the primary of all others."""
        for name in self.members.caches:
            if not self.context.lab.topology.node(name).waits:
                self.members.note(
                    name,
                    MemberStatus("primary", "", True, 0, len(self.members.caches) - 1)
                    if name == self.primary
                    else MemberStatus("replica", self.primary, True, 0, 0),
                )
        self.members.lead_readers("")
