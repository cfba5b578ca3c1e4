"""What the members of a replication group say of themselves over time: each Redis is asked several
times a second, each sentinel publishes its messages, and every change is noted and emitted.

It observes and leads the reader endpoint; the primary is moved by labs.setups.replication.failover.
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

from labs.engines.redis import parse_info
from labs.errors import NotNow, ServerDown
from labs.events import RoleChanged, SentinelSaid, ServerFiguresChanged
from labs.sandbox.context import Context
from labs.setups.replication.endpoints import Endpoints
from labs.setups.replication.members import Members, MemberStatus
from labs.setups.replication.mesh import Mesh
from labs.setups.replication.sentinels import NEWS, SentinelMessage, SentinelSubscriber

log = logging.getLogger("labs.group")
POLL_S, POLL_WHEN_QUIET_S = 0.1, 0.5
PROBE = "lag-probe"
MOST_CHANGES, MOST_MESSAGES = 400, 2_000


@dataclass(frozen=True, slots=True)
class StatusChange:
    """From `at` on (monotonic seconds) a server said something else of its role, of the server that
    it follows, or of whether it receives that server's stream.
    """

    at: float
    server: str
    status: MemberStatus


class Observer:
    """Polls the members in a thread of its own, and subscribes to the sentinels.

    `lock` is the group's: what is noted here and where endpoints lead change together.
    """

    def __init__(
        self,
        context: Context,
        members: Members,
        endpoints: Endpoints,
        mesh: Mesh,
        *,
        lock: threading.RLock,
        on_message: Callable[[SentinelMessage], None],
    ) -> None:
        self._context = context
        self._members = members
        self._endpoints = endpoints
        self._mesh = mesh
        self._lock = lock
        self._on_message = on_message
        self.statuses: dict[str, MemberStatus] = {}
        """The newest status of each server that answers."""
        self.changes: list[StatusChange] = []
        self.joined_at: dict[str, float] = {}
        """When each server answered for the first time after it had not, in monotonic seconds."""
        self.messages: list[SentinelMessage] = []
        """What the sentinels published, oldest first."""
        self.ignores_sentinels = False
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="group", daemon=True)
        self._subscriber = SentinelSubscriber(
            {name: partial(members.sentinel, name) for name in members.sentinels},
            name_of=mesh.name_at,
            on_message=self._receive,
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

    def wake(self) -> None:
        """Poll again soon."""
        self._woken.set()

    def poll_all(self) -> None:
        """Ask every Redis now, and have the reader endpoint follow."""
        for name in self._members.caches:
            self.note(name, self._members.status_of(name))
        self.lead_readers("its replicas are others now")

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
            if before is None and status is not None:
                self.joined_at[name] = time.monotonic()
            if status is None:
                if self.statuses.pop(name, None) is not None:
                    self._context.emit(ServerFiguresChanged(server=name, lines=[]))
                return
            self.statuses[name] = status
            if before is None or (before.role, before.of, before.linked) != (
                status.role,
                status.of,
                status.linked,
            ):
                self.changes.append(StatusChange(time.monotonic(), name, status))
                del self.changes[:-MOST_CHANGES]
            if before is None or (before.role, before.of) != (status.role, status.of):
                self._context.emit(
                    RoleChanged(
                        server=name,
                        role=status.role,
                        of=status.of,
                        why="by its own word" if before is not None else "",
                    )
                )
            lines = self._lines_about(status)
            if before is None or lines != self._lines_about(before):
                self._context.emit(ServerFiguresChanged(server=name, lines=lines))

    def is_settled(self) -> bool:
        """True if every member that is up has its role and receives the primary's stream, and every
        sentinel knows all others.
        """
        servers = self._context.servers
        for name in self._members.caches:
            if self._members.is_present(name) and servers[name].state != "stopped":
                self.note(name, self._members.status_of(name))
        up = [
            name
            for name in self._members.caches
            if self._members.is_present(name) and servers[name].state == "up"
        ]
        roles_are_right = all(
            name in self.statuses
            and self.statuses[name].linked
            and (self.statuses[name].role == "primary") == (name == self._endpoints.primary)
            for name in up
        )
        if roles_are_right:
            self.lead_readers("")
        return roles_are_right and all(map(self._knows_the_others, self._members.sentinels))

    def sentinels_agree(self) -> bool:
        """True if every sentinel that is up takes the server behind the primary endpoint for the
        primary.

        The sentinel that led a failover is the last one: until then it gives no vote, and if the
        new primary fails meanwhile, it never does.
        """
        primary = self._mesh.public(self._endpoints.primary)
        for sentinel in filter(None, map(self._members.sentinel, self._members.sentinels)):
            with contextlib.suppress(ServerDown):
                if sentinel.known_primary()[1] != primary:
                    return False
        return True

    def lag(self, name: str, *, deadline_s: float = 3.0) -> tuple[int, float] | None:
        """How far a replica is behind a write that the primary has just executed: bytes, and
        milliseconds until the replica has it; None if it does not have it at the deadline.
        """
        members, token = self._members, secrets.token_hex(4)
        with contextlib.suppress(ServerDown, NotNow):
            replica = members.redis(name)
            began = time.monotonic()
            members.redis(self._endpoints.primary).run("SET", PROBE, token)
            there, here = members.status_of(name), members.status_of(self._endpoints.primary)
            behind = here.offset - there.offset if here is not None and there is not None else 0
            while time.monotonic() - began < deadline_s:
                if replica.run("GET", PROBE) == token.encode():
                    return max(0, behind), (time.monotonic() - began) * 1000
        return None

    def _knows_the_others(self, name: str) -> bool:
        sentinel = self._members.sentinel(name)
        if sentinel is None:
            return False
        with contextlib.suppress(ServerDown, ValueError):
            info = parse_info(sentinel.run("INFO", "sentinel"))
            return (
                f"sentinels={len(self._members.sentinels)}" in info.get("master0", "")
                and "status=ok" in info["master0"]
            )
        return False

    def _watch(self) -> None:
        while not self._stopped.is_set():
            busy = self._context.load.running or bool(self._mesh.cut_zones) or self._woken.is_set()
            self._woken.clear()
            self._woken.wait(POLL_S if busy else POLL_WHEN_QUIET_S)
            for name in self._members.caches:
                self._context.servers[name].watch()
            if not self._stopped.is_set():
                try:
                    self.poll_all()
                except Exception:
                    log.exception("the group could not be polled")

    def _lines_about(self, status: MemberStatus) -> list[str]:
        if status.role == "primary":
            return [
                f"offset {status.offset:,}",
                f"{status.replicas} replica{'' if status.replicas == 1 else 's'} connected",
            ]
        primary = self.statuses.get(status.of)
        behind = max(0, primary.offset - status.offset) if primary is not None else 0
        return [
            f"offset {status.offset:,}",
            (f"{behind:,} bytes behind" if status.linked else "hears nothing from its primary"),
        ]

    def _receive(self, message: SentinelMessage) -> None:
        if self.ignores_sentinels:
            return
        self.messages.append(message)
        del self.messages[:-MOST_MESSAGES]
        self._on_message(message)
        if message.event in NEWS:
            self._context.emit(
                SentinelSaid(sentinel=message.sentinel, event=message.event, words=message.words)
            )
        self.wake()
