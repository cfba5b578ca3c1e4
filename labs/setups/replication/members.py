"""The members of a replication group: its Redis servers and its sentinels, what each says of
itself, and how that changes. Each Redis is asked several times a second, each sentinel publishes
its messages, and every change is noted and emitted.

The reader endpoint follows the replicas here; the group moves the primary.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from labs.engines.redis import Redis, parse_info
from labs.engines.sentinel import Sentinel
from labs.errors import NotNow, ServerDown, ServerNotUp
from labs.events import Role, RoleChanged, SentinelSaid, ServerFiguresChanged
from labs.sandbox.context import Context
from labs.setups.replication.endpoints import Endpoints
from labs.setups.replication.mesh import Mesh
from labs.setups.replication.sentinels import TIMELINE_EVENTS, SentinelMessage, SentinelSubscriber
from labs.setups.replication.tilt import MESSAGES, Tilts

log = logging.getLogger("labs.group")
POLL_S, POLL_WHEN_QUIET_S = 0.1, 0.5
PROBE = "lag-probe"
MOST_CHANGES, MOST_MESSAGES = 400, 2_000


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


@dataclass(frozen=True, slots=True)
class StatusChange:
    """From `at` on (monotonic seconds) a server said something else of its role, of the server that
    it follows, or of whether it receives that server's stream.
    """

    at: float
    server: str
    status: MemberStatus


class Members:
    """The Redis servers (`caches`) and the sentinels of a group, by name. Any thread may call."""

    def __init__(
        self,
        context: Context,
        mesh: Mesh,
        endpoints: Endpoints,
        *,
        on_message: Callable[[SentinelMessage], None],
    ) -> None:
        self._context = context
        self._mesh = mesh
        self._endpoints = endpoints
        self._lock = endpoints.lock
        self._on_message = on_message
        topology = context.lab.topology
        self.caches = [node.name for node in topology.servers if node.engine == "redis"]
        self.sentinels = [node.name for node in topology.of_engine("sentinel")]
        self.statuses: dict[str, MemberStatus] = {}
        """The newest status of each server that answers."""
        self.changes: list[StatusChange] = []
        self.joined_at: dict[str, float] = {}
        """When each server answered for the first time after it had not, in monotonic seconds."""
        self.messages: list[SentinelMessage] = []
        """What the sentinels published, oldest first."""
        self.tilts = Tilts(self.sentinels_up, context.emit)
        self.are_started = False
        """False until the servers that start with the sandbox are up."""
        self.ignores_sentinels = False
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="group", daemon=True)
        self._subscriber = SentinelSubscriber(
            self.sentinels, find=self.sentinel, name_of=mesh.name_at, on_message=self._receive
        )

    def start(self) -> None:
        """Begin to poll and to listen."""
        self._subscriber.start()
        self._thread.start()

    def stop(self) -> None:
        """End the threads."""
        self._stopped.set()
        self._woken.set()
        self._subscriber.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=3.0)

    def clear(self) -> None:
        """Forget what was noted. The caller holds the lock."""
        self.statuses.clear()
        self.changes.clear()
        self.messages.clear()
        self.tilts.clear()

    def wake(self) -> None:
        """Poll again soon."""
        self._woken.set()

    def redis(self, name: str) -> Redis:
        """A member's engine, asked past every link. Raises ServerNotUp."""
        server = self._context.servers[name]
        if server.state != "up" or not isinstance(server.engine, Redis):
            raise ServerNotUp(f"{name} is not up.")
        return server.engine

    def sentinel(self, name: str) -> Sentinel | None:
        """A sentinel's engine; None if it is not up."""
        server = self._context.servers.get(name)
        if server is None or server.state != "up" or not isinstance(server.engine, Sentinel):
            return None
        return server.engine

    def sentinels_up(self) -> dict[str, Sentinel]:
        """The engine of every sentinel that is up, by name."""
        found = {name: self.sentinel(name) for name in self.sentinels}
        return {name: sentinel for name, sentinel in found.items() if sentinel is not None}

    def free_sentinels(self) -> dict[str, Sentinel]:
        """The engine of every sentinel that is up and not in TILT mode, by name."""
        tilted = self.tilts.in_tilt()
        return {name: one for name, one in self.sentinels_up().items() if name not in tilted}

    def is_present(self, name: str) -> bool:
        """False for a replica that waits to be added, or was removed."""
        if not self.are_started:
            return not self._context.lab.topology.node(name).waits
        return self._context.servers[name].state != "stopped"

    def status_of(self, name: str) -> MemberStatus | None:
        """What a Redis says of itself now; None if it does not answer."""
        try:
            info = self.redis(name).info("replication")
        except (ServerDown, NotNow):
            return None
        if info["role"] == "master":
            offset, replicas = int(info["master_repl_offset"]), int(info["connected_slaves"])
            return MemberStatus("primary", "", True, offset, replicas)
        of = self._mesh.name_at(info["master_host"], info["master_port"])
        linked = info["master_link_status"] == "up"
        return MemberStatus("replica", of, linked, int(info.get("slave_repl_offset", 0)), 0)

    def poll_all(self) -> None:
        """Ask every Redis now, and have the reader endpoint follow."""
        self._note_all()
        self.lead_readers("its replicas have changed")

    def lead_readers(self, why: str) -> None:
        """Have the reader endpoint lead to the replicas that can be reached."""
        with self._lock:
            readers = [
                name
                for name, status in sorted(dict(self.statuses).items())
                if status.role == "replica"
                and name != self._endpoints.primary
                and self._context.lab.topology.node(name).zone not in self._mesh.cut_zones
            ]
            self._endpoints.lead_to_readers(readers, why)

    def note(self, name: str, status: MemberStatus | None) -> None:
        """Keep what a server says of itself (None: no answer), and emit what is new of it."""
        with self._lock:
            before = self.statuses.get(name)
            if status is None:
                if self.statuses.pop(name, None) is not None:
                    self._context.emit(ServerFiguresChanged(server=name, lines=[]))
                return
            now, self.statuses[name] = time.monotonic(), status
            if before is None:
                self.joined_at[name] = now
            is_other = before is None or (before.role, before.of) != (status.role, status.of)
            if is_other or before is None or before.linked != status.linked:
                self.changes.append(StatusChange(now, name, status))
                del self.changes[:-MOST_CHANGES]
            if is_other:
                why = "as it reports itself" if before is not None else ""
                self._context.emit(
                    RoleChanged(server=name, role=status.role, of=status.of, why=why)
                )
            lines = self._lines_about(status)
            if before is None or lines != self._lines_about(before):
                self._context.emit(ServerFiguresChanged(server=name, lines=lines))

    def follow_the_primary(self) -> bool:
        """True if every Redis that is up says now that it has its role, and a replica that it
        receives the primary's stream.
        """
        primary = self._endpoints.primary
        return all(
            (status := self.status_of(name)) is not None
            and status.linked
            and status.of == ("" if name == primary else primary)
            for name in self.caches
            if self._context.servers[name].state == "up"
        )

    def is_settled(self) -> bool:
        """True if every member that is up has its role and receives the primary's stream, and every
        sentinel has found all others.
        """
        up = self.sentinels_up().values()
        if (
            not self.follow_the_primary()
            or len(up) < len(self.sentinels)
            or not all(map(self._has_found_the_others, up))
        ):
            return False
        self._note_all()
        self.lead_readers("")
        return True

    def sentinels_agree(self) -> bool:
        """True if every sentinel that is up regards the server behind the primary endpoint as the
        primary.

        The sentinel that led a failover is the last one: until then it gives no vote, and if the
        new primary fails meanwhile, it never does.
        """
        primary = self._mesh.public[self._endpoints.primary]
        for sentinel in self.sentinels_up().values():
            with contextlib.suppress(ServerDown):
                if sentinel.known_primary()[1] != primary:
                    return False
        return True

    def lag(self, name: str, *, deadline_s: float = 3.0) -> tuple[int, float] | None:
        """How far a replica is behind a write that the primary has just executed: bytes, and
        milliseconds until the replica has it; None if it does not have it at the deadline.
        """
        token = secrets.token_hex(4)
        with contextlib.suppress(ServerDown, NotNow):
            replica = self.redis(name)
            began = time.monotonic()
            self.redis(self._endpoints.primary).run("SET", PROBE, token)
            there, here = self.status_of(name), self.status_of(self._endpoints.primary)
            behind = here.offset - there.offset if here is not None and there is not None else 0
            while time.monotonic() - began < deadline_s:
                if replica.run("GET", PROBE) == token.encode():
                    return max(0, behind), (time.monotonic() - began) * 1000
        return None

    def _has_found_the_others(self, sentinel: Sentinel) -> bool:
        with contextlib.suppress(ServerDown, ValueError):
            known = parse_info(sentinel.run("INFO", "sentinel")).get("master0", "")
            return f"sentinels={len(self.sentinels)}" in known and "status=ok" in known
        return False

    def _note_all(self) -> None:
        for name in self.caches:
            self.note(name, self.status_of(name))

    def _watch(self) -> None:
        while not self._stopped.is_set():
            busy = self._context.load.running or bool(self._mesh.cut_zones) or self._woken.is_set()
            self._woken.clear()
            self._woken.wait(POLL_S if busy else POLL_WHEN_QUIET_S)
            for name in self.caches:
                self._context.servers[name].watch()
            if not self._stopped.is_set():
                try:
                    self.poll_all()
                    self.tilts.look_now_and_then()
                except Exception:
                    log.exception("the group could not be polled")

    def _lines_about(self, status: MemberStatus) -> list[str]:
        offset = f"offset {status.offset:,}"
        if status.role == "primary":
            return [
                offset,
                f"{status.replicas} replica{'' if status.replicas == 1 else 's'} connected",
            ]
        if not status.linked:
            return [offset, "gets nothing from its primary"]
        primary = self.statuses.get(status.of)
        behind = max(0, primary.offset - status.offset) if primary is not None else 0
        return [offset, f"{behind:,} bytes behind"]

    def _receive(self, message: SentinelMessage) -> None:
        if self.ignores_sentinels:
            return
        self.messages.append(message)
        del self.messages[:-MOST_MESSAGES]
        self._on_message(message)
        if message.event in MESSAGES:
            self.tilts.look()
        if message.event in TIMELINE_EVENTS:
            self._context.emit(
                SentinelSaid(sentinel=message.sentinel, event=message.event, words=message.words)
            )
        self.wake()
