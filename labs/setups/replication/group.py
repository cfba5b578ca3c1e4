"""A replication group of a sandbox: who follows whom, what its sentinels say, and endpoints that
stay where they are while roles change.

What lies between its members is the mesh's (labs.setups.replication.mesh). A client is told the
addresses of the endpoints and of nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from labs.clients.address import Address
from labs.engines.base import Engine
from labs.engines.membership import Membership
from labs.engines.redis import Redis, parse_info
from labs.engines.registry import registry
from labs.engines.sentinel import Sentinel, Watched
from labs.errors import DidNotStart, NotNow, ServerDown
from labs.events import EndpointMoved, Role, RoleChanged, Said, SentinelSaid, ServerTold
from labs.lab import Node
from labs.sandbox.addresses import APP
from labs.sandbox.context import Context
from labs.sandbox.part import Part
from labs.sandbox.sentinels import NEWS, Heard, SentinelSubscriber
from labs.setups.replication.mesh import Mesh

log = logging.getLogger("labs.group")
PRIMARY_ENDPOINT, READER_ENDPOINT = "primary-endpoint", "reader-endpoint"
POLL_S, POLL_WHEN_QUIET_S = 0.1, 0.5
READY_S = 6.0
STAGGER = 0.12
PROBE = "lag-probe"
SWITCHOVER_S = 6.0
"""How long at most nobody writes in a planned failover."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What a server says of itself: its role, whom it follows, whether it hears from there, and how
    many bytes of the replication stream it has.
    """

    role: Role
    of: str
    linked: bool
    offset: int
    replicas: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a server said of itself, other than before; `at` is monotonic seconds."""

    at: float
    server: str
    seen: MemberStatus


class ReplicationGroup(Part):
    """A primary, its replicas, their sentinels, and two endpoints. Any thread may call."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._password = context.password(APP)
        self._secret = secrets.token_urlsafe(24)
        self._lock = threading.RLock()
        topology = context.lab.topology
        self.caches = [node.name for node in topology.servers if node.engine == "redis"]
        self.sentinels = [node.name for node in topology.of_engine("sentinel")]
        self.primary = self.caches[0]
        self.readers: list[str] = []
        self.seen: dict[str, MemberStatus] = {}
        self.moves: list[tuple[float, str, list[str]]] = []
        self.changes: list[Change] = []
        self.joined: dict[str, float] = {}
        """When each server that is seen was first seen since it had not been, in monotonic seconds.
        """
        self.heard: list[Heard] = []
        self.mesh = Mesh(context, changed=self.wake)
        self.in_force = True
        """False for a group whose settings stand on the page and not on its servers: a sabotage."""
        self.leads_readers_to: Callable[[list[str]], list[str]] = list
        """Which of the replicas the reader endpoint leads to: all of them, unless it is sabotaged.
        """
        self._stepping_down = ""
        self._epoch = 0
        self._ignores_sentinels = False
        self._is_open = False
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="group", daemon=True)
        self._subscriber = SentinelSubscriber(
            {name: partial(self._sentinel, name) for name in self.sentinels},
            name_of=self.mesh.name_at,
            on_message=self._hear,
        )

    def endpoint(self, name: str) -> Address:
        """The address of an endpoint, which never changes."""
        address = self.mesh.endpoint(name)
        assert address is not None
        return address

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

    def _min_replicas(self) -> int:
        return int(float(self.context.settings.get("min_replicas", 0))) if self.in_force else 0

    def _watched(self, sentinel: str) -> Watched:
        replicas = [
            self.mesh.public(name)
            for name in self.caches
            if name != self.primary and self.is_member(name)
        ]
        peers = {name: self.mesh.public(name) for name in self.sentinels if name != sentinel}
        return Watched(
            self.mesh.public(self.primary),
            replicas,
            peers,
            self._quorum(),
            self._detection_ms(sentinel),
            self._epoch,
        )

    def _quorum(self) -> int:
        return int(float(self.context.settings.get("quorum", 2)))

    def _detection_ms(self, sentinel: str) -> int:
        """How long a sentinel waits: each a little longer than the one before, so that they don't
        all ask for votes at the same moment, and none is elected.
        """
        return int(
            float(self.context.settings.get("detection_ms", 1_000))
            * (1 + STAGGER * self.sentinels.index(sentinel))
        )

    def is_member(self, name: str) -> bool:
        """True unless it is a replica that is not there: one that waits, or was taken away."""
        server = self.context.servers.get(name)
        return (
            not self.context.lab.topology.node(name).waits
            if server is None or not self._is_open
            else server.state != "stopped"
        )

    def scale_replicas(self) -> None:
        """As many replicas as the setting `replicas` asks for: those that are missing are started,
        those too many are stopped.
        """
        wanted = int(float(self.context.settings.get("replicas", len(self.caches) - 1)))
        others = sorted(
            (name for name in self.caches if name != self.primary),
            key=lambda name: self.context.servers[name].state not in ("up", "paused"),
        )
        for place, name in enumerate(others):
            server = self.context.servers[name]
            if place < wanted and server.state == "stopped":
                server.start("a replica was added")
            elif place >= wanted and server.state in ("up", "paused", "down"):
                server.stop("this replica was taken away")
        self.wake()

    def before_start(self) -> None:
        """Give every member and endpoint its address, and lay what lies between them."""
        addresses, public, behind = (
            self.context.addresses,
            dict[str, Address](),
            dict[str, Address](),
        )
        for name in (*self.caches, *self.sentinels):
            usual = registry["sentinel" if name in self.sentinels else "redis"].port
            public[name] = addresses.new(name, usual)
            behind[name] = Address(addresses.host(f"{name} itself"), public[name].port)
        port = addresses.new(PRIMARY_ENDPOINT, registry["redis"].port).port
        endpoints = {
            node.name: Address(addresses.host(node.name), port)
            for node in self.context.lab.topology.of_engine("endpoint")
        }
        self.mesh.place(public, endpoints, behind)
        self.mesh.lay(self.caches)
        self._lead(PRIMARY_ENDPOINT, [self.primary], "")

    def opened(self) -> None:
        """Wait until replicas and sentinels know each other, then watch them.

        Raises DidNotStart.
        """
        if not self.context.is_real:
            self._show_first_roles()
            return
        if "replicas" in self.context.settings:
            self.scale_replicas()
        self._is_open = True
        if not self.context.wait_until(self._is_settled, deadline_s=READY_S, every_s=0.01):
            raise DidNotStart(
                "The replicas did not find their primary.",
                hint="Open the lab again.",
                detail=str(self.seen),
            )
        self._subscriber.start()
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._stopped.set()
        self._woken.set()
        self._subscriber.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=3.0)

    def setting_changed(self, name: str) -> None:
        """Put in force what the settings say of zones, detection, durability and replicas."""
        self.mesh.apply()
        for one in self.sentinels:
            sentinel = self._sentinel(one)
            if sentinel is not None:
                with contextlib.suppress(ServerDown):
                    sentinel.set("down-after-milliseconds", self._detection_ms(one))
                    sentinel.set("quorum", self._quorum())
        for one in self.caches:
            with contextlib.suppress(ServerDown, NotNow):
                self.redis(one).run("CONFIG", "SET", "min-replicas-to-write", self._min_replicas())
        if name == "replicas":
            self.scale_replicas()

    def reads_counters_of(self, server: str) -> bool:
        """True for the primary: its replicas execute the same writes and would count them again."""
        return server == self.primary

    def clear(self) -> None:
        """As at the start: the first cache is the primary, zones are whole, nothing is remembered.

        The sentinels are stopped; what they still report is ignored until `restarted`.
        """
        self._ignores_sentinels = True
        for name in self.sentinels:
            self.context.servers[name].stop("reset")
        with self._lock:
            self._epoch = 0
            self._stepping_down = ""
            self.primary = self.caches[0]
            self.seen.clear()
            self.moves.clear()
            self.changes.clear()
            self.heard.clear()
            self.mesh.forget()
            self._lead(PRIMARY_ENDPOINT, [self.primary], "")

    def restarted(self) -> None:
        """Wait until every member has the role that it had at the start."""
        self.reset_ended()
        if self.context.is_real:
            self.context.wait_until(self._is_settled, deadline_s=READY_S, every_s=0.02)

    def reset_ended(self) -> None:
        """Follow the sentinels again."""
        self._ignores_sentinels = False

    def crash_host(self, name: str) -> None:
        """A machine is lost: its server ends, and whatever it had handed to the network but had not
        arrived is lost with it.
        """
        with self.mesh.lost(name):
            self.context.servers[name].kill("its machine was lost")
        self.wake()

    def reattach(self) -> list[str]:
        """What the service does to former primaries that come back, and to who follows one: they
        follow the one that the endpoint leads to. Returns whom it told. Raises ServerDown.
        """
        primary, told = self.mesh.public(self.primary), []
        for name in self.caches:
            seen = self.status_of(name) if name != self.primary else None
            if seen is not None and seen.of != self.primary:
                self.redis(name).run("REPLICAOF", primary.host, primary.port)
                told.append(name)
        self.wake()
        return told

    def switchover(self) -> None:
        """A planned failover, as a careful service does it: nobody writes, the replicas have
        everything, one of them is promoted, the former primary follows it. Raises NotNow where no
        sentinel begins.
        """
        former = self.redis(self.primary)
        former.run("CLIENT", "PAUSE", int(1000 * SWITCHOVER_S), "WRITE")
        self._stepping_down = self.primary
        try:
            if not self.context.wait_until(self._have_everything, deadline_s=1.5, every_s=0.005):
                raise NotNow(
                    "The replicas do not get everything that the primary has.",
                    hint="Make the zones whole, bring back what is down, then try again.",
                )
            self._promote_one()
        except NotNow:
            self._stepping_down = ""
            former.run("CLIENT", "UNPAUSE")
            raise
        self.wake()

    def sentinels_agree(self) -> bool:
        """True if every sentinel that is up knows the primary for what the endpoint leads to.

        The one that led a failover is the last: until then it votes for nobody, and if the new
        primary fails meanwhile, for ever.
        """
        primary = self.mesh.public(self.primary)
        for sentinel in filter(None, map(self._sentinel, self.sentinels)):
            with contextlib.suppress(ServerDown):
                if sentinel.known_primary()[1] != primary:
                    return False
        return True

    def _have_everything(self) -> bool:
        seen = [one for name in self.caches if (one := self.status_of(name)) is not None]
        return len({one.offset for one in seen}) == 1

    def _finish_switchover(self, former: str) -> None:
        """The last part of a planned failover: who is still connected to the former primary has to
        come again.
        """
        self._stepping_down = ""
        with contextlib.suppress(ServerDown, NotNow):
            self.reattach()
            redis = self.redis(former)
            redis.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            redis.run("CLIENT", "UNPAUSE")

    def _promote_one(self) -> None:
        problem: Exception | None = None
        for name in self.sentinels:
            sentinel = self._sentinel(name)
            if sentinel is not None:
                try:
                    sentinel.fail_over()
                    return
                except ServerDown as exc:
                    problem = exc
        raise NotNow(f"No sentinel begins a failover: {problem or 'none is up'}.")

    def redis(self, name: str) -> Redis:
        """A member's engine, asked past every link. Raises NotNow if its server is not up."""
        server = self.context.servers[name]
        if server.state != "up" or not isinstance(server.engine, Redis):
            raise NotNow(f"{name} is not up.")
        return server.engine

    def status_of(self, name: str) -> MemberStatus | None:
        """What a server says of itself now; None if it does not answer."""
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
            self.mesh.name_at(info["master_host"], info["master_port"]),
            info["master_link_status"] == "up",
            int(info.get("slave_repl_offset", 0)),
            0,
        )

    def lag(self, name: str, *, deadline_s: float = 3.0) -> tuple[int, float] | None:
        """How far a replica is behind a write that the primary has just executed: bytes, and
        milliseconds until the replica has it; None if that is not within the deadline.
        """
        token = secrets.token_hex(4)
        with contextlib.suppress(ServerDown, NotNow):
            replica = self.redis(name)
            began = time.monotonic()
            self.redis(self.primary).run("SET", PROBE, token)
            there, here = self.status_of(name), self.status_of(self.primary)
            behind = here.offset - there.offset if here is not None and there is not None else 0
            while time.monotonic() - began < deadline_s:
                if replica.run("GET", PROBE) == token.encode():
                    return max(0, behind), (time.monotonic() - began) * 1000
        return None

    def poll_all(self) -> None:
        """Look at everybody now, and let the reader endpoint follow."""
        for name in self.caches:
            self._note(name, self.status_of(name), "")
        self._lead_readers("its replicas are others now")

    def wake(self) -> None:
        """Look again soon."""
        self._woken.set()

    def _is_settled(self) -> bool:
        for name in self.caches:
            if self.is_member(name) and self.context.servers[name].state != "stopped":
                self._note(name, self.status_of(name), "")
        members = [
            name
            for name in self.caches
            if self.is_member(name) and self.context.servers[name].state == "up"
        ]
        roles_are_so = all(
            name in self.seen
            and self.seen[name].linked
            and (self.seen[name].role == "primary") == (name == self.primary)
            for name in members
        )
        if roles_are_so:
            self._lead_readers("")
        return roles_are_so and all(self._knows_the_others(name) for name in self.sentinels)

    def _knows_the_others(self, name: str) -> bool:
        sentinel = self._sentinel(name)
        if sentinel is None:
            return False
        with contextlib.suppress(ServerDown, ValueError):
            info = parse_info(sentinel.run("INFO", "sentinel"))
            return (
                f"sentinels={len(self.sentinels)}" in info.get("master0", "")
                and "status=ok" in info["master0"]
            )
        return False

    def _watch(self) -> None:
        while not self._stopped.is_set():
            busy = self.context.load.running or bool(self.mesh.cut_zones) or self._woken.is_set()
            self._woken.clear()
            self._woken.wait(POLL_S if busy else POLL_WHEN_QUIET_S)
            for name in self.caches:
                self.context.servers[name].watch()
            if not self._stopped.is_set():
                try:
                    self.poll_all()
                except Exception:
                    log.exception("the group could not be looked at")

    def _note(self, name: str, seen: MemberStatus | None, why: str) -> None:
        with self._lock:
            before = self.seen.get(name)
            if before is None and seen is not None:
                self.joined[name] = time.monotonic()
            if seen is None:
                if self.seen.pop(name, None) is not None:
                    self.context.emit(ServerTold(server=name, lines=[]))
                return
            self.seen[name] = seen
            if before is None or (before.role, before.of, before.linked) != (
                seen.role,
                seen.of,
                seen.linked,
            ):
                self.changes.append(Change(time.monotonic(), name, seen))
                del self.changes[:-400]
            if before is None or (before.role, before.of) != (seen.role, seen.of):
                self.context.emit(
                    RoleChanged(
                        server=name,
                        role=seen.role,
                        of=seen.of,
                        why=why or ("by its own word" if before is not None else ""),
                    )
                )
            lines = self._lines_about(name, seen)
            if before is None or lines != self._lines_about(name, before):
                self.context.emit(ServerTold(server=name, lines=lines))

    def _lines_about(self, name: str, seen: MemberStatus) -> list[str]:
        if seen.role == "primary":
            return [
                f"offset {seen.offset:,}",
                f"{seen.replicas} replica{'' if seen.replicas == 1 else 's'} connected",
            ]
        primary = self.seen.get(seen.of)
        behind = max(0, primary.offset - seen.offset) if primary is not None else 0
        return [
            f"offset {seen.offset:,}",
            (f"{behind:,} bytes behind" if seen.linked else "hears nothing from its primary"),
        ]

    def _hear(self, heard: Heard) -> None:
        if self._ignores_sentinels:
            return
        self.heard.append(heard)
        del self.heard[:-2_000]
        if heard.event == "+switch-master":
            self._follow(heard.sentinel)
        if heard.event.startswith("-failover-abort"):
            self._stepping_down = ""
        if heard.event in NEWS:
            self.context.emit(
                SentinelSaid(sentinel=heard.sentinel, event=heard.event, words=heard.words)
            )
        self.wake()

    def _follow(self, name: str) -> None:
        """A sentinel has switched.

        One that was late with its part of an older failover does so as well: the highest epoch
        holds.
        """
        sentinel = self._sentinel(name)
        if sentinel is None:
            return
        with contextlib.suppress(ServerDown):
            epoch, address = sentinel.known_primary()
            if epoch > self._epoch:
                self._epoch = epoch
                self._move(self.mesh.name_at(address.host, str(address.port)))

    def _move(self, primary: str) -> None:
        with self._lock:
            if primary == self.primary or primary not in self.caches:
                return
            self.primary = primary
            self._lead(PRIMARY_ENDPOINT, [primary], "the sentinels have switched")
            self._lead_readers("roles have changed")
        if self._stepping_down:
            self._finish_switchover(self._stepping_down)
        self.context.emit(
            Said(
                text=f"{primary} is the primary now. The endpoint leads to it: nobody had to "
                "change a setting.",
                strong=f"{primary} is the primary now.",
            )
        )

    def _lead_readers(self, why: str) -> None:
        with self._lock:
            readers = [
                name
                for name, seen in sorted(dict(self.seen).items())
                if seen.role == "replica"
                and name != self.primary
                and self.context.lab.topology.node(name).zone not in self.mesh.cut_zones
            ]
            if self.mesh.endpoint(READER_ENDPOINT) and readers != self.readers:
                self.readers = readers
                self._lead(READER_ENDPOINT, self.leads_readers_to(readers), why)

    def _lead(self, endpoint: str, targets: list[str], why: str) -> None:
        self.mesh.lead(endpoint, targets)
        self.moves.append((time.monotonic(), endpoint, targets))
        self.context.emit(EndpointMoved(endpoint=endpoint, targets=targets, why=why))

    def _sentinel(self, name: str) -> Sentinel | None:
        server = self.context.servers.get(name)
        return (
            server.engine
            if server is not None and server.state == "up" and isinstance(server.engine, Sentinel)
            else None
        )

    def _show_first_roles(self) -> None:
        """Where nothing runs: the first cache is the primary of all others."""
        for name in self.caches:
            if not self.context.lab.topology.node(name).waits:
                self._note(
                    name,
                    MemberStatus("primary", "", True, 0, len(self.caches) - 1)
                    if name == self.primary
                    else MemberStatus("replica", self.primary, True, 0, 0),
                    "",
                )
        self._lead_readers("")
