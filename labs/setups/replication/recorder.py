"""The flight recorder: keeps every operation of the clients, and around a fault records a flight,
on one clock with what the sentinels, the endpoints and the servers said.

It decides when a flight begins and ends. What came of it is counted in
labs.setups.replication.flight.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections import Counter, deque

from labs.errors import NothingRecorded, NotNow, ServerDown
from labs.events import MOST_ROWS, OperationsRecorded
from labs.load.batches import Batch, Operation, flow
from labs.load.controller import Tally
from labs.sandbox.context import Context
from labs.sandbox.part import Workload
from labs.setups.replication import metrics  # noqa: F401 - makes them known
from labs.setups.replication.answers import Answers
from labs.setups.replication.endpoints import PRIMARY_ENDPOINT, READER_ENDPOINT
from labs.setups.replication.flight import (
    KEPT_ACKS,
    PULSE_S,
    Flight,
    conclude,
    document_of,
    recount,
    sentences_of,
    words_for,
)
from labs.setups.replication.group import ReplicationGroup
from labs.setups.replication.workload import EndpointSpec

log = logging.getLogger("labs.recorder")
LIST = "flight"
KEPT = 100_000
"""Operations of either kind that are remembered."""
AFTER_S = 0.5
"""A flight ends when writes have been acknowledged again for this long."""
MOST_FLIGHTS = 100
LONGEST_S, PATIENCE_S = 40.0, 12.0
"""No flight takes longer than the first; after the second it no longer waits for a sentinel that
still has another primary. Neither counts while a sentinel is in TILT mode.
"""
LONGEST_IN_TILT_S = 160.0
"""A machine that stalls again and again does not make a flight longer than this."""
RECENT = 4_000
ENDS_A_PRIMARY = ("kill", "lose")
"""After these, the server that acknowledges is another primary, or the same one started again:
there is nothing else to wait for.
"""


class FlightRecorder(Workload):
    """What the clients of the endpoints did, and the flights one after the other; at most one is
    being recorded.
    """

    client_settings = ("readers",)
    caption = "The clients run. They have the addresses of two endpoints and no other."
    running = "The clients run"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._group = context.part(ReplicationGroup)
        self._answers = Answers(self._group.members)
        self._lock = threading.RLock()
        self.writes: deque[Operation] = deque(maxlen=KEPT)
        self.reads: deque[Operation] = deque(maxlen=KEPT)
        self.acknowledged: set[int] = set()
        self.known_lost: set[int] = set()
        self.over: list[Flight] = []
        self.current: Flight | None = None
        self._number = 0
        self._run = 0
        self._began_wall = self.began = 0.0
        self.steady_since = 0.0
        """Since when the clients run with the same settings, in monotonic seconds."""
        self.readers_connected_at = 0.0
        self._taken: Counter[str] = Counter()
        self._batch_at: dict[str, float] = {}
        self._read_at: dict[str, float] = {}

    @property
    def list_name(self) -> str:
        """The list that the numbers of this run are pushed to."""
        return f"{LIST}:{self._run}"

    def clients(self) -> int:
        """One client writes, the others read."""
        return 1 + int(float(self.context.settings.get("readers", 1)))

    def about(self) -> str:
        """What the load does, as half a sentence."""
        settings, readers = self.context.settings, self.clients() - 1
        return (
            f"one client writes {float(settings['writes_per_s']):,g} numbers/s, {readers} "
            f"read{'s' if readers == 1 else ''} {float(settings['reads_per_s']):,g} times/s"
        )

    def before_load(self) -> None:
        """Clients begin: their numbers from one again, on a list of their own.

        A flight that is being recorded ends.
        """
        with self._lock:
            if self.current is not None:
                self._finish(self.current)
            with contextlib.suppress(ServerDown, NotNow):
                self._group.members.redis(self._group.primary).run("UNLINK", self.list_name)
            self._run += 1
            for seen in (self.writes, self.reads, self.acknowledged, self.known_lost):
                seen.clear()
            self._batch_at.clear()
            self._read_at.clear()
            self._answers.clear()
            self.began = self.steady_since = time.monotonic()
            self._began_wall = time.time()

    def setting_changed(self, name: str) -> None:
        """The clients, or what lies between them and the servers, are different from now on."""
        self.steady_since = time.monotonic()

    def spec(self, client: int, clients: int, requests: int = 0) -> EndpointSpec:
        """The workload of one client: the first one writes, the others read."""
        settings, reads = self.context.settings, client > 0
        group, own_reads = self._group, self._own_reads_at
        endpoint = READER_ENDPOINT if reads else PRIMARY_ENDPOINT
        return EndpointSpec(
            rate_per_s=float(settings["reads_per_s" if reads else "writes_per_s"]),
            client=client,
            clients=max(1, clients - 1) if reads else 1,
            requests=requests,
            endpoint=group.mesh.endpoints[endpoint],
            link=self._link_to(endpoint),
            access=self.context.servers[group.primary].engine.access("shop"),
            list_name=self.list_name,
            reads=reads,
            timeout_s=float(settings.get("client_timeout_ms", 500)) / 1000,
            retry=str(settings.get("retry", "fixed")),
            wait=int(float(settings.get("wait", 0))),
            keep_connection_s=float(settings.get("keep_connections_s", 0)),
            own_reads_at=None if reads else group.mesh.endpoints.get(own_reads),
            own_link=self._link_to(own_reads),
        )

    @property
    def _own_reads_at(self) -> str:
        """The endpoint where the writer reads its own writes; empty if it doesn't."""
        wanted = f"{self.context.settings.get('own_reads', 'no')}-endpoint"
        return wanted if wanted in self._group.mesh.endpoints else ""

    def _link_to(self, endpoint: str) -> str:
        """The name of the clients' link to an endpoint; empty if there is none."""
        links = self.context.lab.topology.links_to(endpoint) if endpoint else ()
        return next((link.name for link in links), "")

    def flows(self, seconds: float, tally: Tally) -> dict[str, float]:
        """What went on from the endpoints to each server."""
        own = self._own_reads_at
        stale = tally.flows[flow(self._link_to(own), "stale")] / seconds
        return self._answers.flows(seconds, own_reads_at=own, stale_per_s=stale)

    def on_batch(self, batch: Batch) -> None:
        """Note what a client did, and emit it."""
        if not batch.operations:
            return
        with self._lock:
            reads = batch.operations[0].reads
            kind = "reads" if reads else "writes"
            self._batch_at[kind] = time.monotonic()
            self._taken[kind] += batch.done
            self._taken["errors"] += batch.errors
            (self.reads if reads else self.writes).extend(batch.operations)
            if reads:
                self.readers_connected_at = max(self.readers_connected_at, batch.connected_at)
            else:
                self.acknowledged.update(
                    op.number for op in batch.operations if op.ended_as in KEPT_ACKS
                )
        shown = [
            f"{'r' if op.reads else 'w'} {1000 * (op.began - self.began):.1f} "
            f"{1000 * op.took_s:.2f} {op.ended_as} {op.number}"
            for op in batch.operations[-MOST_ROWS:]
        ]
        self.context.emit(OperationsRecorded(began_at=round(self._began_wall, 4), operations=shown))

    def interrupt(self) -> None:
        """End the recording while the load still runs."""
        if self.current is not None:
            self.end()

    def readings(self, seconds: float) -> dict[str, float]:
        """Metrics since this was last asked, while clients run."""
        with self._lock:
            taken, self._taken = self._taken, Counter()
            rates = {
                f"flight_{name}_per_s": self._rate_of(name, taken[name])
                for name in ("writes", "reads")
            } | {"flight_errors_per_s": taken["errors"] / max(seconds, 0.001)}
        members = dict(self._group.members.statuses)
        behind = [
            max(0, primary.offset - seen.offset)
            for seen in members.values()
            if seen.role == "replica" and (primary := members.get(seen.of)) is not None
        ]
        lag = {"lag_bytes": float(max(behind))} if behind else {}
        return lag | rates if self.context.load.running else lag

    def _rate_of(self, name: str, taken: int) -> float:
        """Per second, from the last batch that was counted before to the last one now: batches
        don't come in step with the readings.
        """
        now = time.monotonic()
        since, until = self._read_at.get(name, self.began), self._batch_at.get(name, 0.0)
        if until <= since:
            self._read_at[name] = now
            return 0.0
        self._read_at[name] = until
        return taken / max(until - since, 0.001)

    def begin(self, verb: str, words: str, *, server: str = "", zone: str = "") -> None:
        """Begin the flight of a fault that happens now: of a server, or of a zone with its server.

        Raises NotNow while another flight is under way, or while no client writes.
        """
        with self._lock:
            self.require_none()
            if not self.context.load.running:
                raise NotNow(
                    "No client writes, so there is nothing to record.",
                    hint="Start the clients first.",
                )
            # What is missing before a fault was not lost by it: an isolated primary may have gone
            # on after its own flight had ended.
            self.known_lost |= recount(self._group, self.list_name, self.acknowledged) or set()
            self._number += 1
            at, statuses = time.monotonic(), dict(self._group.members.statuses)
            flight = self.current = Flight(
                self._number,
                verb,
                server,
                zone or self.context.lab.topology.node(server).zone,
                words,
                at,
                time.time(),
                dict(self.context.settings),
                self.list_name,
                self._client(),
                before={name: status.role for name, status in statuses.items()},
                marks=[(at, words)],
            )
        threading.Thread(target=self._watch, args=(flight,), name="flight", daemon=True).start()

    def require_none(self) -> None:
        """Raise NotNow while a flight is under way."""
        if self.current is not None:
            raise NotNow(
                "A flight is being recorded.",
                hint="It ends by itself when writes are accepted again and nothing is frozen or "
                "cut off; or end the recording.",
            )

    def _client(self) -> str:
        """What the writing client has: an address and its own settings."""
        settings, address = self.context.settings, self._group.mesh.endpoints[PRIMARY_ENDPOINT]
        if "retry" not in settings:
            return str(address)
        timeout = f"timeout {settings['client_timeout_ms']:g} ms"
        return f"{address}, {timeout}, retries {settings['retry']}"

    def mark(self, words: str) -> None:
        """Something else was done to the servers while a flight is under way."""
        if self.current is not None:
            self.current.marks.append((time.monotonic(), words))

    def record_change(self, server: str, verb: str) -> None:
        """A server was killed, paused, resumed or restarted, by whatever button.

        For the primary that is a fault like any other, and it turns a planned failover that is
        under way into an unplanned one.
        """
        flight, is_primary = self.current, server == self._group.primary
        words = words_for(server, verb)
        if flight is None:
            if is_primary and verb in ("kill", "pause") and self.context.load.running:
                self.begin(verb, words, server=server)
            return
        if (flight.server, flight.verb) == (server, verb):
            return  # the fault that this flight records
        self.mark(words)
        if is_primary and flight.verb == "planned":
            flight.verb, flight.server, flight.words = verb, server, words

    def end(self) -> Flight:
        """End the recording now. Raises NotNow if none runs."""
        with self._lock:
            flight = self.current
            if flight is None:
                raise NothingRecorded("No flight is being recorded.")
            self._finish(flight)
        return flight

    def clear(self) -> None:
        """Forget all flights."""
        with self._lock:
            self.current = None
            self.over.clear()

    @property
    def _pulse_s(self) -> float:
        """The shortest time without an acknowledged write that counts as a silence: enough for
        several writes.
        """
        return max(PULSE_S, 5 / float(self.context.settings["writes_per_s"]))

    def _has_gone_on(self, flight: Flight, now: float) -> bool:
        """True if writes have been acknowledged for a while, without a silence, since the fault."""
        since, newest = now - AFTER_S, list(itertools.islice(reversed(self.writes), RECENT))
        ends = sorted(op.began + op.took_s for op in newest if op.ended_as in KEPT_ACKS)
        ends = [at for at in ends if at > since]
        return (
            bool(ends)
            and since > flight.at
            and all(
                later - earlier < self._pulse_s
                for earlier, later in itertools.pairwise((since, *ends, now))
            )
        )

    def _watch(self, flight: Flight) -> None:
        """End the flight when writes have been acknowledged again for a while by a primary
        that every sentinel agrees on, or when it takes too long.
        """
        while self.current is flight:
            time.sleep(0.05)
            now = time.monotonic()
            try:
                if self._flown_s(flight, now) > LONGEST_S or self._is_over(flight, now):
                    with self._lock:
                        if self.current is flight:
                            self._finish(flight)
            except Exception:
                log.exception("flight %d could not be watched", flight.number)
                self.current = None

    def _flown_s(self, flight: Flight, now: float) -> float:
        """How long the sentinels could have acted since the fault, or since the last of them left
        TILT mode.
        """
        if now - flight.at > LONGEST_IN_TILT_S:
            return now - flight.at
        return now - max(flight.at, self._group.members.tilts.last_end())

    def _is_over(self, flight: Flight, now: float) -> bool:
        group, servers = self._group, self.context.servers.values()
        if (
            now - flight.marks[-1][0] < AFTER_S
            or group.mesh.cut_zones
            or not self.context.load.running
            or any(server.state == "paused" for server in servers)
            or not self._has_gone_on(flight, now)
            or (self._flown_s(flight, now) < PATIENCE_S and not group.members.sentinels_agree())
        ):
            return False
        has_moved = any(
            move.at > flight.at and move.endpoint == PRIMARY_ENDPOINT
            for move in group.endpoints.moves
        )
        statuses = dict(group.members.statuses)
        return [name for name, status in statuses.items() if status.role == "primary"] == [
            group.primary
        ] and (has_moved or flight.verb in ENDS_A_PRIMARY or now - flight.at > 12 * AFTER_S)

    def _finish(self, flight: Flight) -> None:
        group, writes = self._group, list(self.writes)
        stalled_s = sum(stall.seconds for stall in self.context.stalls.since(flight.at))
        conclude(
            flight,
            group,
            writes,
            self.acknowledged,
            self.known_lost,
            pulse_s=self._pulse_s,
            stalled_s=stalled_s,
        )
        flight.client_after = self._client()
        document = document_of(flight, self.context, group, writes, list(self.reads))
        self.over.append(flight)
        del self.over[:-MOST_FLIGHTS]
        self.current = None
        self.context.save_record(flight.name, flight.words, document, flight.results)
        self.context.caption(*sentences_of(flight))
        self.context.checker.wake()
