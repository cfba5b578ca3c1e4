"""A replication group of a sandbox: who follows whom, what its sentinels say, and endpoints that
stay where they are while roles change.

What lies between its members is the mesh's (labs.sandbox.mesh). A client is told the addresses of
the endpoints and of nothing else.
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
from typing import TYPE_CHECKING

from labs.clients.address import Address
from labs.definition import Node
from labs.engines.base import Engine
from labs.engines.membership import Membership
from labs.engines.redis import Redis, parse_info
from labs.engines.sentinel import Sentinel, Watched
from labs.errors import DidNotStart, NotNow, ServerDown
from labs.events import EndpointMoved, Role, RoleChanged, Said, SentinelSaid, ServerTold
from labs.network.links import Links
from labs.runtime.fake import FakeLinks
from labs.sandbox.mesh import Mesh
from labs.sandbox.sentinels import NEWS, Heard, SentinelSubscriber

if TYPE_CHECKING:
    from labs.sandbox.sandbox import Sandbox

log = logging.getLogger("labs.group")
PRIMARY_ENDPOINT, READER_ENDPOINT = "primary-endpoint", "reader-endpoint"
LOOK_S, LOOK_WHEN_QUIET_S = 0.1, 0.5
READY_S = 6.0
STAGGER = 0.12
PROBE = "lag-probe"
HAND_OVER_S = 6.0
"""How long at most nobody writes in a planned failover."""


@dataclass(frozen=True, slots=True)
class Seen:
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
    seen: Seen


class Group:
    """Made with the sandbox, laid before its servers start, opened after. Any thread may call."""

    def __init__(self, sandbox: Sandbox, links: Links | FakeLinks, password: str) -> None:
        self._sandbox = sandbox
        self._password = password
        self._secret = secrets.token_urlsafe(24)
        self._lock = threading.RLock()
        topology = sandbox.lab.topology
        self.caches = [node.name for node in topology.servers if node.engine == "redis"]
        self.sentinels = [node.name for node in topology.of_engine("sentinel")]
        self.primary = self.caches[0]
        self.readers: list[str] = []
        self.seen: dict[str, Seen] = {}
        self.moves: list[tuple[float, str, list[str]]] = []
        self.changes: list[Change] = []
        self.joined: dict[str, float] = {}
        """When each server that is seen was first seen since it had not been, in monotonic seconds.
        """
        self.heard: list[Heard] = []
        self.mesh = Mesh(sandbox, links, changed=self.hurry)
        self.in_force = True
        """False for a group whose settings stand on the page and not on its servers: a sabotage."""
        self.leads_readers_to: Callable[[list[str]], list[str]] = list
        """Which of the replicas the reader endpoint leads to: all of them, unless it is sabotaged.
        """
        self._handing_over = ""
        self._epoch = 0
        self._deaf = False
        self._is_open = False
        self._stopped = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._look, name="group", daemon=True)
        self._subscriber = SentinelSubscriber(
            {name: partial(self._sentinel, name) for name in self.sentinels},
            name_of=self.mesh.name_at,
            on_message=self._hear,
        )

    # Engines

    def endpoint(self, name: str) -> Address:
        """The address of an endpoint, which never changes."""
        address = self.mesh.endpoint(name)
        assert address is not None
        return address

    def own_reads_at(self) -> Address | None:
        """Where the writing client reads what it has just written: at the endpoint that the setting
        `own_reads` names; None: it doesn't.
        """
        return self.mesh.endpoint(f"{self._sandbox.settings.get('own_reads', 'no')}-endpoint")

    def engine(self, node: Node, directory: Path, **options: object) -> Engine:
        """The engine of a member: a redis-server that follows the primary, or a sentinel that
        watches the group.
        """
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
        # the lab's own options of a Redis
        return Redis(node.name, behind, directory, self._password, member=member, **options)  # type: ignore[arg-type]

    def _min_replicas(self) -> int:
        return int(float(self._sandbox.settings.get("min_replicas", 0))) if self.in_force else 0

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
        return int(float(self._sandbox.settings.get("quorum", 2)))

    def _detection_ms(self, sentinel: str) -> int:
        """How long a sentinel waits: each a little longer than the one before, so that they don't
        all ask for votes at the same moment, and none is elected.
        """
        return int(
            float(self._sandbox.settings.get("detection_ms", 1_000))
            * (1 + STAGGER * self.sentinels.index(sentinel))
        )

    def is_member(self, name: str) -> bool:
        """True unless it is a replica that is not there: one that waits, or was taken away."""
        server = self._sandbox.servers.get(name)
        return (
            not self._sandbox.lab.topology.node(name).waits
            if server is None or not self._is_open
            else server.state != "stopped"
        )

    def staff(self) -> None:
        """As many replicas as the setting `replicas` asks for: those that are missing are started,
        those too many are stopped.
        """
        wanted = int(float(self._sandbox.settings.get("replicas", len(self.caches) - 1)))
        others = sorted(
            (name for name in self.caches if name != self.primary),
            key=lambda name: self._sandbox.servers[name].state not in ("up", "paused"),
        )
        for place, name in enumerate(others):
            server = self._sandbox.servers[name]
            if place < wanted and server.state == "stopped":
                server.start("a replica was added")
            elif place >= wanted and server.state in ("up", "paused", "down"):
                server.stop("this replica was taken away")
        self.hurry()

    # Opening and closing

    def lay(self) -> None:
        """Lay what lies between the members, before the servers start."""
        self.mesh.lay(self.caches)
        self._lead(PRIMARY_ENDPOINT, [self.primary], "")

    def open(self) -> None:
        """Wait until replicas and sentinels know each other, then watch them.

        Raises DidNotStart.
        """
        if self._sandbox.runtime == "fake":
            self._pretend()
            return
        if "replicas" in self._sandbox.settings:
            self.staff()
        self._is_open = True
        if not self._sandbox.wait_until(self._is_settled, deadline_s=READY_S, every_s=0.01):
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
        self._hurry.set()
        self._subscriber.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=3.0)

    def forget(self) -> None:
        """As at the start: the first cache is the primary, zones are whole, nothing is remembered.

        The sentinels are stopped; what they still say is not heeded until `settle`.
        """
        self._deaf = True
        for name in self.sentinels:
            self._sandbox.servers[name].stop("reset")
        with self._lock:
            self._epoch = 0
            self._handing_over = ""
            self.primary = self.caches[0]
            self.seen.clear()
            self.moves.clear()
            self.changes.clear()
            self.heard.clear()
            self.mesh.forget()
            self._lead(PRIMARY_ENDPOINT, [self.primary], "")

    def listen(self) -> None:
        """After a reset, however it went: heed the sentinels again."""
        self._deaf = False

    def settle(self) -> None:
        """After a reset: wait until everybody is where they were at the start."""
        self.listen()
        if self._sandbox.runtime != "fake":
            self._sandbox.wait_until(self._is_settled, deadline_s=READY_S, every_s=0.02)

    # Faults

    def lose(self, name: str) -> None:
        """A machine is lost: its server ends, and whatever it had handed to the network but had not
        arrived is lost with it.
        """
        with self.mesh.lost(name):
            self._sandbox.servers[name].kill("its machine was lost")
        self.hurry()

    def apply_settings(self) -> None:
        """What the settings say of zones, detection and durability, put in force while everything
        runs.
        """
        self.mesh.apply()
        for name in self.sentinels:
            sentinel = self._sentinel(name)
            if sentinel is not None:
                with contextlib.suppress(ServerDown):
                    sentinel.set("down-after-milliseconds", self._detection_ms(name))
                    sentinel.set("quorum", self._quorum())
        for name in self.caches:
            with contextlib.suppress(ServerDown, NotNow):
                self.redis(name).run("CONFIG", "SET", "min-replicas-to-write", self._min_replicas())

    def gather(self) -> list[str]:
        """What the service does to former primaries that come back, and to who follows one: they
        follow the one that the endpoint leads to. Returns whom it told. Raises ServerDown.
        """
        primary, told = self.mesh.public(self.primary), []
        for name in self.caches:
            seen = self.look_at(name) if name != self.primary else None
            if seen is not None and seen.of != self.primary:
                self.redis(name).run("REPLICAOF", primary.host, primary.port)
                told.append(name)
        self.hurry()
        return told

    def hand_over(self) -> None:
        """A planned failover, as a careful service does it: nobody writes, the replicas have
        everything, one of them is promoted, the former primary follows it. Raises NotNow where no
        sentinel begins.
        """
        former = self.redis(self.primary)
        former.run("CLIENT", "PAUSE", int(1000 * HAND_OVER_S), "WRITE")
        self._handing_over = self.primary
        try:
            if not self._sandbox.wait_until(self._have_everything, deadline_s=1.5, every_s=0.005):
                raise NotNow(
                    "The replicas do not get everything that the primary has.",
                    hint="Make the zones whole, bring back what is down, then try again.",
                )
            self._promote_one()
        except NotNow:
            self._handing_over = ""
            former.run("CLIENT", "UNPAUSE")
            raise
        self.hurry()

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
        seen = [one for name in self.caches if (one := self.look_at(name)) is not None]
        return len({one.offset for one in seen}) == 1

    def _take_over(self, former: str) -> None:
        """The last part of a planned failover: who is still connected to the former primary has to
        come again.
        """
        self._handing_over = ""
        with contextlib.suppress(ServerDown, NotNow):
            self.gather()
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

    # What is so

    def redis(self, name: str) -> Redis:
        """A member's engine, asked past every link. Raises NotNow if its server is not up."""
        server = self._sandbox.servers[name]
        if server.state != "up" or not isinstance(server.engine, Redis):
            raise NotNow(f"{name} is not up.")
        return server.engine

    def look_at(self, name: str) -> Seen | None:
        """What a server says of itself now; None if it does not answer."""
        try:
            info = parse_info(self.redis(name).run("INFO", "replication"))
        except (ServerDown, NotNow):
            return None
        if info["role"] == "master":
            return Seen(
                "primary", "", True, int(info["master_repl_offset"]), int(info["connected_slaves"])
            )
        return Seen(
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
            there, here = self.look_at(name), self.look_at(self.primary)
            behind = here.offset - there.offset if here is not None and there is not None else 0
            while time.monotonic() - began < deadline_s:
                if replica.run("GET", PROBE) == token.encode():
                    return max(0, behind), (time.monotonic() - began) * 1000
        return None

    def look_around(self) -> None:
        """Look at everybody now, and let the reader endpoint follow."""
        for name in self.caches:
            self._note(name, self.look_at(name), "")
        self._lead_readers("its replicas are others now")

    def hurry(self) -> None:
        """Look again soon."""
        self._hurry.set()

    def _is_settled(self) -> bool:
        for name in self.caches:
            if self.is_member(name) and self._sandbox.servers[name].state != "stopped":
                self._note(name, self.look_at(name), "")
        members = [
            name
            for name in self.caches
            if self.is_member(name) and self._sandbox.servers[name].state == "up"
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

    def _look(self) -> None:
        while not self._stopped.is_set():
            busy = self._sandbox.load.running or bool(self.mesh.cut_zones) or self._hurry.is_set()
            self._hurry.clear()
            self._hurry.wait(LOOK_S if busy else LOOK_WHEN_QUIET_S)
            for name in self.caches:
                self._sandbox.servers[name].watch()
            if not self._stopped.is_set():
                try:
                    self.look_around()
                except Exception:
                    log.exception("the group could not be looked at")

    def _note(self, name: str, seen: Seen | None, why: str) -> None:
        with self._lock:
            before = self.seen.get(name)
            if before is None and seen is not None:
                self.joined[name] = time.monotonic()
            if seen is None:
                if self.seen.pop(name, None) is not None:
                    self._sandbox.tell(ServerTold(server=name, lines=[]))
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
                self._sandbox.tell(
                    RoleChanged(
                        server=name,
                        role=seen.role,
                        of=seen.of,
                        why=why or ("by its own word" if before is not None else ""),
                    )
                )
            lines = self._lines_about(name, seen)
            if before is None or lines != self._lines_about(name, before):
                self._sandbox.tell(ServerTold(server=name, lines=lines))

    def _lines_about(self, name: str, seen: Seen) -> list[str]:
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

    # Endpoints

    def _hear(self, heard: Heard) -> None:
        if self._deaf:
            return
        self.heard.append(heard)
        del self.heard[:-2_000]
        if heard.event == "+switch-master":
            self._follow(heard.sentinel)
        if heard.event.startswith("-failover-abort"):
            self._handing_over = ""
        if heard.event in NEWS:
            self._sandbox.tell(
                SentinelSaid(sentinel=heard.sentinel, event=heard.event, words=heard.words)
            )
        self.hurry()

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
        if self._handing_over:
            self._take_over(self._handing_over)
        self._sandbox.tell(
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
                and self._sandbox.lab.topology.node(name).zone not in self.mesh.cut_zones
            ]
            if self.mesh.endpoint(READER_ENDPOINT) and readers != self.readers:
                self.readers = readers
                self._lead(READER_ENDPOINT, self.leads_readers_to(readers), why)

    def _lead(self, endpoint: str, targets: list[str], why: str) -> None:
        self.mesh.lead(endpoint, targets)
        self.moves.append((time.monotonic(), endpoint, targets))
        self._sandbox.tell(EndpointMoved(endpoint=endpoint, targets=targets, why=why))

    def _sentinel(self, name: str) -> Sentinel | None:
        server = self._sandbox.servers.get(name)
        return (
            server.engine
            if server is not None and server.state == "up" and isinstance(server.engine, Sentinel)
            else None
        )

    def _pretend(self) -> None:
        """Where nothing runs: the first cache is the primary of all others."""
        for name in self.caches:
            if not self._sandbox.lab.topology.node(name).waits:
                self._note(
                    name,
                    Seen("primary", "", True, 0, len(self.caches) - 1)
                    if name == self.primary
                    else Seen("replica", self.primary, True, 0, 0),
                    "",
                )
        self._lead_readers("")
