"""How the primary of a replication group moves: because the sentinels promoted another server, or
by a planned switchover; and what becomes of the former primary.
"""

from __future__ import annotations

import contextlib
import threading

from labs.errors import GroupNotSettled, NotNow, ServerDown
from labs.events import CaptionChanged
from labs.sandbox.context import Context
from labs.setups.replication.endpoints import Endpoints
from labs.setups.replication.members import Members
from labs.setups.replication.mesh import Mesh
from labs.setups.replication.observer import Observer
from labs.setups.replication.sentinels import SentinelMessage

SWITCHOVER_S = 6.0
"""How long at most no client can write in a planned failover."""
IN_STEP_S = 1.5


class Failover:
    """Follows the sentinels with the primary endpoint, and does what the service does to the
    members. Any thread may call.
    """

    def __init__(
        self,
        context: Context,
        members: Members,
        endpoints: Endpoints,
        mesh: Mesh,
        observer: Observer,
        *,
        lock: threading.RLock,
    ) -> None:
        self._context = context
        self._members = members
        self._endpoints = endpoints
        self._mesh = mesh
        self._observer = observer
        self._lock = lock
        self.epoch = 0
        """The newest round of votes of the sentinels that was followed."""
        self._stepping_down = ""

    def on_message(self, message: SentinelMessage) -> None:
        """A sentinel has published something: follow it if it has switched to another primary."""
        if message.event == "+switch-master":
            self._follow(message.sentinel)
        if message.event.startswith("-failover-abort"):
            self._stepping_down = ""

    def clear(self) -> None:
        """Forget the past rounds of votes. The caller holds the lock."""
        self.epoch = 0
        self._stepping_down = ""

    def crash_host(self, name: str) -> None:
        """End a server with its machine: what it had handed to the network and what had not arrived
        is lost with it.
        """
        with self._mesh.lost(name):
            self._context.servers[name].kill("its machine was lost")
        self._observer.wake()

    def reattach(self) -> list[str]:
        """Have every server that calls itself primary, or follows another than the one behind the
        primary endpoint, follow that one, as the service does to a former primary that comes back.
        Returns their names. Raises ServerDown.
        """
        primary, names = self._mesh.public(self._endpoints.primary), []
        for name in self._members.caches:
            if name == self._endpoints.primary:
                continue
            status = self._members.status_of(name)
            if status is not None and status.of != self._endpoints.primary:
                self._members.redis(name).run("REPLICAOF", primary.host, primary.port)
                names.append(name)
        self._observer.wake()
        return names

    def switchover(self) -> None:
        """A planned failover, as a careful service does it: writes wait until the replicas have
        everything, a sentinel promotes one of them, and the former primary follows it.

        Raises GroupNotSettled if the replicas don't get everything, NotNow if no sentinel begins.
        """
        former = self._members.redis(self._endpoints.primary)
        former.run("CLIENT", "PAUSE", int(1000 * SWITCHOVER_S), "WRITE")
        self._stepping_down = self._endpoints.primary
        try:
            if not self._context.wait_until(self._are_in_step, deadline_s=IN_STEP_S, every_s=0.005):
                raise GroupNotSettled(
                    "The replicas do not get everything that the primary has.",
                    hint="Make the zones whole, bring back what is down, then try again.",
                )
            self._promote_one()
        except NotNow:
            self._stepping_down = ""
            former.run("CLIENT", "UNPAUSE")
            raise
        self._observer.wake()

    def _are_in_step(self) -> bool:
        statuses = [
            status
            for name in self._members.caches
            if (status := self._members.status_of(name)) is not None
        ]
        return len({status.offset for status in statuses}) == 1

    def _promote_one(self) -> None:
        problem: Exception | None = None
        for name in self._members.sentinels:
            sentinel = self._members.sentinel(name)
            if sentinel is not None:
                try:
                    sentinel.fail_over()
                    return
                except ServerDown as exc:
                    problem = exc
        raise NotNow(f"No sentinel begins a failover: {problem or 'none is up'}.")

    def _finish_switchover(self, former: str) -> None:
        """End the pause, and close the connections of the clients that are still connected to the
        former primary, so that they connect again.
        """
        self._stepping_down = ""
        with contextlib.suppress(ServerDown, NotNow):
            self.reattach()
            redis = self._members.redis(former)
            redis.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            redis.run("CLIENT", "UNPAUSE")

    def _follow(self, name: str) -> None:
        """Lead the primary endpoint where a sentinel has switched to.

        A sentinel may be late with its part of an older failover: the highest epoch holds.
        """
        sentinel = self._members.sentinel(name)
        if sentinel is None:
            return
        with contextlib.suppress(ServerDown):
            epoch, address = sentinel.known_primary()
            if epoch > self.epoch:
                self.epoch = epoch
                self._move(self._mesh.name_at(address.host, str(address.port)))

    def _move(self, primary: str) -> None:
        with self._lock:
            if primary == self._endpoints.primary or primary not in self._members.caches:
                return
            self._endpoints.lead_to_primary(primary, "the sentinels have switched")
            self._observer.lead_readers("roles have changed")
        if self._stepping_down:
            self._finish_switchover(self._stepping_down)
        self._context.emit(
            CaptionChanged(
                text=f"{primary} is the primary now. The endpoint leads to it: nobody had to "
                "change a setting.",
                strong=f"{primary} is the primary now.",
            )
        )
