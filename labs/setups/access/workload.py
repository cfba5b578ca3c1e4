"""The load of labs about access: clients of the application that count visits in one server, each
over a connection that it keeps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.resp import ReplyError, RespClient
from labs.load.batches import Batch, flow
from labs.load.commits import Commits
from labs.load.failures import words_of
from labs.load.program import ScheduledProgram, WorkloadSpec
from labs.sandbox.part import Workload
from labs.setups.access.bench import APP, SERVER
from labs.setups.access.calls import connections_of, redis_of

TIMEOUT_S = 1.0
TRY_AGAIN_S = 0.2
ROUNDS = 2
"""Connections for each client, on the average, until every one has connected again."""
CONNECT_AGAIN_WITHIN_S = 9.0
"""An action that waits for it must end in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitsSpec(WorkloadSpec):
    """Visits counted in a server, which the client reaches at `entrance`, over `link`, with
    `access`. A connection is kept for `keep_s`; 0: until it breaks.
    """

    link: str
    entrance: Address
    access: Access
    key: str
    keep_s: float

    label = "redis", "visits"

    def program(self, commits: Commits) -> Visitor:
        """The program, made in the client's process."""
        return Visitor(self)


class Visitor(ScheduledProgram):
    """Counts one visit after the other. Other settings hold from its next connection on."""

    def __init__(self, spec: VisitsSpec) -> None:
        super().__init__(spec)
        self._spec = spec
        self._client = self._new_client()
        self._batch = Batch(*spec.label)

    def once(self, now: float) -> None:
        """Count one visit."""
        self.schedule.take(now)
        client, keep_s = self._client, self._spec.keep_s
        if keep_s and client.connected and now - client.connected_at > keep_s:
            self._connect_anew()
        began = time.monotonic()
        try:
            reply = self._client.command("INCR", self._spec.key)
            if isinstance(reply, ReplyError):
                raise reply
        except (OSError, ReplyError) as exc:
            self._batch.errors += 1
            self._batch.error = words_of(exc)
            self._batch.flows[flow(self._spec.link, "error")] += 1
            self.schedule.next_at = max(self.schedule.next_at, time.monotonic() + TRY_AGAIN_S)
            self._connect_anew()
            return
        self._batch.done += 1
        self._batch.times["write"].append(int((time.monotonic() - began) * 1e6))
        self._batch.flows[flow(self._spec.link, "write")] += 1

    def take_batch(self) -> Batch:
        """What was done since the last call."""
        batch, self._batch = self._batch, Batch(*self._spec.label)
        return self.counted(batch)

    def reconfigure(self, spec: WorkloadSpec) -> None:
        """Go on with other settings; the connection stays."""
        assert isinstance(spec, VisitsSpec)
        self._spec = spec
        self.set_rate(spec)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _connect_anew(self) -> None:
        """Use a new connection, as the settings are now, from the next visit on."""
        self._client.close()
        self._client = self._new_client()

    def _new_client(self) -> RespClient:
        return RespClient(straight(self._spec.entrance), self._spec.access, timeout_s=TIMEOUT_S)


class Visitors(Workload):
    """The clients of the application. A lab says with `access` how they are let in."""

    visits = "visits"
    """The key under which they count."""

    caption = "The application’s clients count visits, each over a connection that it keeps."

    def access(self) -> Access:
        """How a client that connects now is let in."""
        return self.context.servers[SERVER].engine.access("shop")

    def refresh(self) -> None:
        """Hand clients that run how they are let in now; each uses it when it connects again."""
        load = self.context.load
        if load.running:
            clients = max(1, load.clients)
            load.change(lambda number: self.spec(number, clients))

    def all_connect_again(self) -> bool:
        """Wait until the server has counted ROUNDS connections for each client of the load. False
        if none runs, if they keep their connections, or if it takes longer than
        CONNECT_AGAIN_WITHIN_S.
        """
        keep_s = float(self.context.settings["keep_connections_s"])
        if not self.context.load.running or not 0 < ROUNDS * keep_s < CONNECT_AGAIN_WITHIN_S:
            return False
        engine = redis_of(self.context)
        enough = connections_of(engine) + ROUNDS * max(1, self.context.load.clients)
        return self.context.wait_until(
            lambda: connections_of(engine) >= enough,
            deadline_s=min(2 * ROUNDS * keep_s + 1, CONNECT_AGAIN_WITHIN_S),
        )

    def spec(self, client: int, clients: int, requests: int = 0) -> VisitsSpec:
        """The workload of one client."""
        settings = self.context.settings
        link = self.link
        return VisitsSpec(
            rate_per_s=float(settings["rate_per_s"]),
            client=client,
            clients=clients,
            requests=requests,
            link=link,
            entrance=self.context.addresses.of_link(link),
            access=self.access(),
            key=self.visits,
            keep_s=float(settings["keep_connections_s"]),
        )

    def about(self) -> str:
        """What the load does, as half a sentence."""
        clients, rate = self.clients(), float(self.context.settings["rate_per_s"])
        return (
            f"{clients} client{'s' if clients != 1 else ''} of the application, {rate:g} visits/s"
        )

    @property
    def link(self) -> str:
        """The link from the application to the server."""
        links = self.context.topology.links_to(SERVER)
        return next(link.name for link in links if link.source == APP)
