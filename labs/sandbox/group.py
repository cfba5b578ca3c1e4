"""A replication group of a sandbox: who follows whom, what lies between its zones, and endpoints that stay where they are while roles change.

Every server has a public address, at which a gate tells by the caller's address which link is taken (labs.network); behind it stands the server itself. So a zone
that is cut is cut for replication, for sentinels and for clients alike. A client is told the addresses of the endpoints and of nothing else.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labs.definition import Node
from labs.engines import Engine, Redis, Sentinel
from labs.engines.address import Address
from labs.engines.membership import Membership
from labs.engines.redis import parse_info
from labs.engines.sentinel import Watched, id_of
from labs.errors import BadInput, DidNotStart, NotNow, ServerDown
from labs.events import EndpointMoved, LinkChanged, Role, RoleChanged, Said, SentinelSaid, ServerTold
from labs.network.links import Links
from labs.network.passages import BACK, BOTH, OUT
from labs.runtime.fake import FakeLinks
from labs.sandbox.sentinels import NEWS, Ear, Heard

if TYPE_CHECKING:
    from labs.sandbox.sandbox import Sandbox

PRIMARY_ENDPOINT, READER_ENDPOINT = "primary-endpoint", "reader-endpoint"
APP = "app"
BEHIND, OF_ENDPOINTS = 101, 200
"""Where the addresses of the servers themselves, and of the endpoints, begin among those of the sandbox."""
LOOK_S, LOOK_WHEN_QUIET_S = 0.1, 0.5
READY_S = 6.0
STAGGER = 0.12
PROBE = "lag-probe"
HAND_OVER_S = 6.0
"""How long at most nobody writes in a planned failover."""
WAYS = {"both": BOTH, "in": OUT, "out": BACK}
"""What is cut of a zone: both ways, what goes in, what comes out."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server says of itself: its role, whom it follows, whether it hears from there, and how many bytes of the replication stream it has."""

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
        self._links = links
        self._password = password
        self._secret = secrets.token_urlsafe(24)
        self._lock = threading.RLock()
        topology = sandbox.lab.topology
        self.caches = [node.name for node in topology.servers if node.engine == "redis"]
        self.sentinels = [node.name for node in topology.of_engine("sentinel")]
        self.zones = sorted({node.zone for node in topology.servers if node.zone})
        self.primary = self.caches[0]
        self.readers: list[str] = []
        self.seen: dict[str, Seen] = {}
        self.moves: list[tuple[float, str, list[str]]] = []
        self.changes: list[Change] = []
        self.heard: list[Heard] = []
        self._public: dict[str, Address] = {}
        self._behind: dict[str, Address] = {}
        self._near: dict[str, Address] = {}
        self._lines: dict[str, tuple[str, str]] = {}
        self._applied: dict[str, tuple[int, float]] = {}
        self._cuts: dict[str, str] = {}
        self._pairs: dict[frozenset[str], float] = {}
        self.in_force = True
        """False for a group whose settings stand on the page and not on its servers: a sabotage."""
        self.leads_readers_to: Callable[[list[str]], list[str]] = list
        """Which of the replicas the reader endpoint leads to: all of them, unless it is sabotaged."""
        self._handing_over = ""
        self._epoch = 0
        self._deaf = False
        self._is_open = False
        self._stopped = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._look, name="group", daemon=True)
        self._ear = Ear({name: lambda name=name: self._sentinel(name) for name in self.sentinels}, name_of=self._name_at, heard=self._hear)  # type: ignore[misc]  # binds the loop's value

    # Addresses and engines

    def place(self, host: dict[str, Address], endpoints: dict[str, Address], behind: dict[str, Address]) -> None:
        """Where everybody is: public addresses of the servers, addresses of the endpoints, and those of the servers themselves."""
        self._public, self._near, self._behind = host, endpoints, behind

    def endpoint(self, name: str) -> Address:
        """The address of an endpoint, which never changes."""
        return self._near[name]

    def own_reads_at(self) -> Address | None:
        """Where the writing client reads what it has just written: at the endpoint that the setting `own_reads` names; None: it doesn't."""
        return self._near.get(f"{self._sandbox.settings.get('own_reads', 'no')}-endpoint")

    def engine(self, node: Node, directory: Path, **options: object) -> Engine:
        """The engine of a member: a redis-server that follows the primary, or a sentinel that watches the group."""
        public, behind = self._public[node.name], self._behind[node.name]
        if node.engine == "sentinel":
            return Sentinel(node.name, behind, public, directory, self._secret, lambda: self._watched(node.name))
        member = Membership(public, self._secret, lambda: None if node.name == self.primary else self._public[self.primary], self._min_replicas)
        return Redis(node.name, behind, directory, self._password, member=member, **options)  # type: ignore[arg-type]  # the lab's own options of a Redis

    def _min_replicas(self) -> int:
        return int(float(self._sandbox.settings.get("min_replicas", 0))) if self.in_force else 0

    def _watched(self, sentinel: str) -> Watched:
        settings = self._sandbox.settings
        replicas = [self._public[name] for name in self.caches if name != self.primary and self.is_member(name)]
        peers = {name: self._public[name] for name in self.sentinels if name != sentinel}
        return Watched(self._public[self.primary], replicas, peers, int(float(settings.get("quorum", 2))), self._detection_ms(sentinel))

    def _detection_ms(self, sentinel: str) -> int:
        """How long a sentinel waits: each a little longer than the one before, so that they don't all ask for votes at the same moment, and none is elected."""
        return int(float(self._sandbox.settings.get("detection_ms", 1_000)) * (1 + STAGGER * self.sentinels.index(sentinel)))

    def is_member(self, name: str) -> bool:
        """True unless it is a replica that is not there: one that waits, or was taken away."""
        server = self._sandbox.servers.get(name)
        return not self._sandbox.lab.topology.node(name).waits if server is None or not self._is_open else server.state != "stopped"

    def staff(self) -> None:
        """As many replicas as the setting `replicas` asks for: those that are missing are started, those too many are stopped."""
        wanted = int(float(self._sandbox.settings.get("replicas", len(self.caches) - 1)))
        for place, name in enumerate(other for other in self.caches if other != self.primary):
            server = self._sandbox.servers[name]
            if place < wanted and server.state == "stopped":
                server.start("a replica was added")
            elif place >= wanted and server.state in ("up", "paused", "down"):
                server.stop("this replica was taken away")
                server.state = "stopped"
        self.hurry()

    # Opening and closing

    def lay(self) -> None:
        """Open the gates and draw every line, before the servers start."""
        members = [*self.caches, *self.sentinels]
        for name in members:
            self._links.gate(name, self._public[name])
        for target in members:
            for caller in members:
                if caller != target:
                    self._draw(caller, target, from_host=self._public[caller].host)
        for name in self.caches:
            self._draw(APP, name)
        for name, near in self._near.items():
            self._links.gate(name, near)
        self._apply()
        self._lead(PRIMARY_ENDPOINT, [self.primary], "")

    def open(self) -> None:
        """Wait until replicas and sentinels know each other, then watch them. Raises DidNotStart."""
        if self._sandbox.runtime == "fake":
            self._pretend()
            return
        if "replicas" in self._sandbox.settings:
            self.staff()
        self._is_open = True
        if not self._sandbox.wait_until(self._is_settled, deadline_s=READY_S, every_s=0.01):
            raise DidNotStart("The replicas did not find their primary.", hint="Open the lab again.", detail=str(self.seen))
        self._ear.start()
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._stopped.set()
        self._hurry.set()
        self._ear.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=3.0)

    def forget(self) -> None:
        """As at the start: the first cache is the primary, zones are whole, nothing is remembered. The sentinels are stopped; what they still say is not heeded until `settle`."""
        self._deaf = True
        for name in self.sentinels:
            self._sandbox.servers[name].stop("reset")
        with self._lock:
            self._epoch = 0
            self._cuts.clear()
            self._pairs.clear()
            self.primary = self.caches[0]
            self.seen.clear()
            self.moves.clear()
            self.changes.clear()
            self.heard.clear()
            self._apply()
            self._lead(PRIMARY_ENDPOINT, [self.primary], "")

    def settle(self) -> None:
        """After a reset: wait until everybody is where they were at the start."""
        self._deaf = False
        if self._sandbox.runtime != "fake":
            self._sandbox.wait_until(self._is_settled, deadline_s=READY_S, every_s=0.02)

    # Faults

    def cut(self, zone: str, way: str) -> None:
        """Cut a zone off from the others: both ways, what goes `in`, or what comes `out`."""
        if zone not in self.zones or way not in WAYS:
            raise BadInput(f"No zone {zone[:20]!r} can be cut {way[:10]!r}.", hint="There are " + ", ".join(self.zones) + "; both, in, out.")
        self._cuts[zone] = way
        self._apply()
        self._sandbox.tell(LinkChanged(link=zone, state="cut"))
        self.hurry()

    def restore(self, zone: str) -> None:
        """Make a zone whole again. Raises NotNow if it is."""
        if self._cuts.pop(zone, None) is None:
            raise NotNow(f"{zone.capitalize()} is whole.")
        self._apply()
        self._sandbox.tell(LinkChanged(link=zone, state="open"))
        self.hurry()

    @property
    def cut_zones(self) -> list[str]:
        """The zones that are cut now."""
        return sorted(self._cuts)

    def slow(self, one: str, other: str, delay_ms: float) -> None:
        """Everything between two servers takes so much longer each way; 0: no longer."""
        self._pairs[frozenset((one, other))] = delay_ms
        self._apply()
        self._sandbox.tell(LinkChanged(link=f"{one} to {other}", state="slow" if delay_ms else "open", delay_ms=delay_ms))

    def delay_ms(self, one: str, other: str) -> float:
        """What lies between two servers because the link between them was slowed."""
        return self._pairs.get(frozenset((one, other)), 0.0)

    def lose(self, name: str) -> None:
        """A machine is lost: its server ends, and whatever it had handed to the network but had not arrived is lost with it."""
        lines = [line for line, ends in self._lines.items() if name in ends]
        self._links.cut(*lines)
        self._applied = {line: state for line, state in self._applied.items() if line not in lines}
        try:
            self._sandbox.servers[name].kill("its machine was lost")
            self._links.drop(*lines)
        finally:
            self._apply()
        self.hurry()

    def apply_settings(self) -> None:
        """What the settings say of zones, detection and durability, put in force while everything runs."""
        settings = self._sandbox.settings
        self._apply()
        for name in self.sentinels:
            sentinel = self._sentinel(name)
            if sentinel is not None:
                with contextlib.suppress(ServerDown):
                    sentinel.set("down-after-milliseconds", self._detection_ms(name))
                    sentinel.set("quorum", int(float(settings.get("quorum", 2))))
        for name in self.caches:
            with contextlib.suppress(ServerDown, NotNow):
                self.redis(name).run("CONFIG", "SET", "min-replicas-to-write", self._min_replicas())

    def demote(self, name: str) -> None:
        """What the service does to a former primary that comes back: it follows the one that the endpoint leads to. Raises ServerDown."""
        primary = self._public[self.primary]
        self.redis(name).run("REPLICAOF", primary.host, primary.port)
        self.hurry()

    def hand_over(self) -> None:
        """A planned failover, as a careful service does it: nobody writes, the replicas have everything, one of them is promoted, the former primary follows it. Raises NotNow where no sentinel begins."""
        former = self.redis(self.primary)
        former.run("CLIENT", "PAUSE", int(1000 * HAND_OVER_S), "WRITE")
        self._handing_over = self.primary
        self._sandbox.wait_until(self._have_everything, deadline_s=1.0, every_s=0.005)
        try:
            self._promote_one()
        except NotNow:
            self._handing_over = ""
            former.run("CLIENT", "UNPAUSE")
            raise
        self.hurry()

    def _have_everything(self) -> bool:
        seen = [one for name in self.caches if (one := self.look_at(name)) is not None]
        return len({one.offset for one in seen}) == 1

    def _take_over(self, former: str) -> None:
        """The last part of a planned failover: who is still connected to the former primary has to come again."""
        self._handing_over = ""
        with contextlib.suppress(ServerDown, NotNow):
            self.demote(former)
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
            return Seen("primary", "", True, int(info["master_repl_offset"]), int(info["connected_slaves"]))
        return Seen("replica", self._name_at(info["master_host"], info["master_port"]), info["master_link_status"] == "up", int(info.get("slave_repl_offset", 0)), 0)

    def lag(self, name: str, *, deadline_s: float = 3.0) -> tuple[int, float] | None:
        """How far a replica is behind a write that the primary has just executed: bytes, and milliseconds until the replica has it; None if that is not within the deadline."""
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
        members = [name for name in self.caches if self.is_member(name) and self._sandbox.servers[name].state == "up"]
        roles_are_so = all(name in self.seen and self.seen[name].linked and (self.seen[name].role == "primary") == (name == self.primary) for name in members)
        if roles_are_so:
            self._lead_readers("")
        return roles_are_so and all(self._knows_the_others(name) for name in self.sentinels)

    def _knows_the_others(self, name: str) -> bool:
        sentinel = self._sentinel(name)
        if sentinel is None:
            return False
        with contextlib.suppress(ServerDown, ValueError):
            info = parse_info(sentinel.run("INFO", "sentinel"))
            return f"sentinels={len(self.sentinels)}" in info.get("master0", "") and "status=ok" in info["master0"]
        return False

    def _look(self) -> None:
        while not self._stopped.is_set():
            busy = self._sandbox.load.running or bool(self._cuts) or self._hurry.is_set()
            self._hurry.clear()
            self._hurry.wait(LOOK_S if busy else LOOK_WHEN_QUIET_S)
            for name in self.caches:
                self._sandbox.servers[name].watch()
            if not self._stopped.is_set():
                self.look_around()

    def _note(self, name: str, seen: Seen | None, why: str) -> None:
        with self._lock:
            before = self.seen.get(name)
            if seen is None:
                if self.seen.pop(name, None) is not None:
                    self._sandbox.tell(ServerTold(server=name, lines=[]))
                return
            self.seen[name] = seen
            if before is None or (before.role, before.of, before.linked) != (seen.role, seen.of, seen.linked):
                self.changes.append(Change(time.monotonic(), name, seen))
                del self.changes[:-400]
            if before is None or (before.role, before.of) != (seen.role, seen.of):
                self._sandbox.tell(RoleChanged(server=name, role=seen.role, of=seen.of, why=why or ("by its own word" if before is not None else "")))
            lines = self._lines_about(name, seen)
            if before is None or lines != self._lines_about(name, before):
                self._sandbox.tell(ServerTold(server=name, lines=lines))

    def _lines_about(self, name: str, seen: Seen) -> list[str]:
        if seen.role == "primary":
            return [f"offset {seen.offset:,}", f"{seen.replicas} replica{'' if seen.replicas == 1 else 's'} connected"]
        primary = self.seen.get(seen.of)
        behind = max(0, primary.offset - seen.offset) if primary is not None else 0
        return [f"offset {seen.offset:,}", (f"{behind:,} bytes behind" if seen.linked else "hears nothing from its primary")]

    # Endpoints

    def _hear(self, heard: Heard) -> None:
        if self._deaf:
            return
        self.heard.append(heard)
        del self.heard[:-2_000]
        if heard.event == "+switch-master":
            self._follow(heard.sentinel)
        if heard.event in NEWS:
            self._sandbox.tell(SentinelSaid(sentinel=heard.sentinel, event=heard.event, words=heard.words))
        self.hurry()

    def _follow(self, name: str) -> None:
        """A sentinel has switched. One that was late with its part of an older failover does so as well: the highest epoch holds."""
        sentinel = self._sentinel(name)
        if sentinel is None:
            return
        with contextlib.suppress(ServerDown):
            epoch, address = sentinel.known_primary()
            if epoch > self._epoch:
                self._epoch = epoch
                self._move(self._name_at(address.host, str(address.port)))

    def _move(self, primary: str) -> None:
        with self._lock:
            if primary == self.primary or primary not in self.caches:
                return
            self.primary = primary
            self._lead(PRIMARY_ENDPOINT, [primary], "the sentinels have switched")
            self._lead_readers("roles have changed")
        if self._handing_over:
            self._take_over(self._handing_over)
        self._sandbox.tell(Said(text=f"{primary} is the primary now. The endpoint leads to it: nobody had to change a setting.", strong=f"{primary} is the primary now."))

    def _lead_readers(self, why: str) -> None:
        with self._lock:
            readers = [name for name, seen in sorted(self.seen.items()) if seen.role == "replica" and name != self.primary and self._zone(name) not in self._cuts]
            if READER_ENDPOINT in self._near and readers != self.readers:
                self.readers = readers
                self._lead(READER_ENDPOINT, self.leads_readers_to(readers), why)

    def _lead(self, endpoint: str, targets: list[str], why: str) -> None:
        if endpoint not in self._near:
            return
        self._links.lead(endpoint, [f"{APP} to {name}" for name in targets])
        self.moves.append((time.monotonic(), endpoint, targets))
        self._sandbox.tell(EndpointMoved(endpoint=endpoint, targets=targets, why=why))

    # Lines

    def _draw(self, caller: str, target: str, *, from_host: str = "") -> None:
        """A line to a server: of who comes through its gate from an address, or of the clients, who come through an endpoint."""
        name = f"{caller} to {target}"
        self._links.line(name, self._behind[target], gate=target if from_host else "", caller=from_host, source=from_host)
        self._lines[name] = caller, target

    def _zone(self, name: str) -> str:
        return str(self._sandbox.settings.get("client_zone", "")) if name == APP else self._sandbox.lab.topology.node(name).zone

    def _apply(self) -> None:
        """Put every line into the state that cuts, delays and settings ask for."""
        with self._lock:
            by_state: dict[tuple[int, float], list[str]] = {}
            for name, ends in self._lines.items():
                state = self._state_of(*ends)
                if self._applied.get(name) != state:
                    by_state.setdefault(state, []).append(name)
                    self._applied[name] = state
            for (cut, delay_ms), names in by_state.items():
                self._links.set_fault(*names, cut=cut, delay_ms=delay_ms)

    def _state_of(self, caller: str, target: str) -> tuple[int, float]:
        one, other = self._zone(caller), self._zone(target)
        delay_ms = self.delay_ms(caller, target) if self.in_force else 0.0
        if one == other:
            return 0, delay_ms
        cut = 0
        for zone, way in self._cuts.items():
            if zone == other:
                cut |= WAYS[way]
            elif zone == one:
                # Seen from the caller's side, what goes into its zone comes back.
                cut |= {BOTH: BOTH, OUT: BACK, BACK: OUT}[WAYS[way]]
        return cut, delay_ms + float(self._sandbox.settings.get("zone_delay_ms", 0.0))

    def _name_at(self, host: str, port: str) -> str:
        """The member at a public address, or the sentinel of an id; what was asked for if there is none."""
        for name, address in self._public.items():
            if (address.host, str(address.port)) == (host, port):
                return name
        return next((name for name in self.sentinels if not port and host == id_of(name)), host)

    def _sentinel(self, name: str) -> Sentinel | None:
        server = self._sandbox.servers.get(name)
        return server.engine if server is not None and server.state == "up" and isinstance(server.engine, Sentinel) else None

    def _pretend(self) -> None:
        """Where nothing runs: the first cache is the primary of all others."""
        for name in self.caches:
            if not self._sandbox.lab.topology.node(name).waits:
                self._note(name, Seen("primary", "", True, 0, len(self.caches) - 1) if name == self.primary else Seen("replica", self.primary, True, 0, 0), "")
        self._lead_readers("")

