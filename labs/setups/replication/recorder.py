"""The flight recorder: keeps every operation of the clients, and around a fault records a flight,
on one clock with what the sentinels, the endpoints and the servers said.

It decides when a flight begins and ends. What the flight came to is counted in
labs.setups.replication.report, what survived is read in labs.setups.replication.recount.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections import Counter, deque

from labs.errors import NothingRecorded, NotNow, ServerDown
from labs.events import MOST_ROWS, CaptionChanged, OperationsRecorded
from labs.load.batches import Batch, Operation
from labs.sandbox.context import Context
from labs.sandbox.part import Workload
from labs.setups.replication import (
    metrics,  # noqa: F401 - makes them known
    report,
)
from labs.setups.replication.endpoints import PRIMARY_ENDPOINT, READER_ENDPOINT
from labs.setups.replication.flight import Flight, words_for
from labs.setups.replication.group import ReplicationGroup
from labs.setups.replication.recount import recount
from labs.setups.replication.report import KEPT_ACKS, PULSE_S
from labs.setups.replication.workload import READ, EndpointSpec

log = logging.getLogger("labs.recorder")
LIST = "flight"
KEPT = 100_000
"""Operations of either kind that are remembered."""
AFTER_S = 0.5
"""A flight ends when writes have been acknowledged again for this long."""
MOST_FLIGHTS = 100
LONGEST_S, PATIENCE_S = 40.0, 12.0
"""No flight takes longer than the first; after the second it no longer waits for a sentinel that
still has another primary.
"""
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
    caption = "The clients run. They know two endpoints and nothing else."
    running = "The clients run"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._group = context.part(ReplicationGroup)
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
        self._watcher: threading.Thread | None = None

    @property
    def list_name(self) -> str:
        """The list that the numbers of this run are pushed to."""
        return f"{LIST}:{self._run}"

    def clients(self) -> int:
        """One client writes, the others read."""
        return 1 + self._readers

    @property
    def _readers(self) -> int:
        return int(float(self.context.settings.get("readers", 1)))

    def about(self) -> str:
        """What the load does, as half a sentence."""
        settings, readers = self.context.settings, self._readers
        return (
            f"one client writes {float(settings['writes_per_s']):g} numbers/s, {readers} "
            f"read{'s' if readers == 1 else ''} {float(settings['reads_per_s']):g} times/s"
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
            self.writes.clear()
            self.reads.clear()
            self.acknowledged.clear()
            self.known_lost.clear()
            self._batch_at.clear()
            self._read_at.clear()
            self.began, self._began_wall = time.monotonic(), time.time()
            self.steady_since = self.began

    def setting_changed(self, name: str) -> None:
        """The clients, or what lies between them and the servers, are different from now on."""
        self.steady_since = time.monotonic()

    def spec(self, client: int, clients: int, requests: int = 0) -> EndpointSpec:
        """The workload of one client: the first one writes, the others read."""
        settings, reads = self.context.settings, client > 0
        return EndpointSpec(
            rate_per_s=float(settings["reads_per_s" if reads else "writes_per_s"]),
            client=client,
            clients=max(1, clients - 1) if reads else 1,
            requests=requests,
            endpoint=self._group.endpoints.address(READER_ENDPOINT if reads else PRIMARY_ENDPOINT),
            access=self._group.access("shop"),
            list_name=self.list_name,
            reads=reads,
            timeout_s=float(settings.get("client_timeout_ms", 500)) / 1000,
            retry="fixed" if settings.get("retry", "fixed") == "fixed" else "backoff",
            wait=int(float(settings.get("wait", 0))),
            keep_connection_s=float(settings.get("keep_connections_s", 0)),
            own_reads_at=None if reads else self._group.own_reads_at(),
        )

    def on_batch(self, batch: Batch) -> None:
        """Note what a client did, and emit it."""
        if not batch.operations:
            return
        with self._lock:
            reads = batch.operations[0].reads
            self._batch_at["reads" if reads else "writes"] = time.monotonic()
            if reads:
                self.readers_connected_at = max(self.readers_connected_at, batch.connected_at)
            for operation in batch.operations:
                answered = operation.ended_as in (*KEPT_ACKS, READ)
                (self.reads if operation.reads else self.writes).append(operation)
                self._taken["reads" if operation.reads else "writes"] += answered
                self._taken["errors"] += not answered
                if not operation.reads and operation.ended_as in KEPT_ACKS:
                    self.acknowledged.add(operation.number)
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
        members = dict(self._group.observer.statuses)
        behind = [
            max(0, primary.offset - seen.offset)
            for seen in members.values()
            if seen.role == "replica" and (primary := members.get(seen.of)) is not None
        ]
        lag = {"lag_bytes": float(max(behind))} if behind else {}
        if not self.context.load.running:
            return lag
        return lag | rates

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

    def begin(self, verb: str, words: str, *, server: str = "", zone: str = "") -> Flight:
        """A fault happens now.

        Raises NotNow while another flight is under way, or while no client writes.
        """
        with self._lock:
            if self.current is not None:
                raise NotNow(
                    "A flight is being recorded.",
                    hint="It ends by itself when writes are accepted again and nothing is "
                    "frozen or cut off; or end the recording.",
                )
            if not self.context.load.running:
                raise NotNow(
                    "Nobody writes, so there is nothing to record.", hint="Start the clients first."
                )
            self._forget_what_is_gone_already()
            self._number += 1
            flight = self.current = Flight(
                self._number,
                verb,
                server,
                zone,
                words,
                time.monotonic(),
                time.time(),
                dict(self.context.settings),
                self.list_name,
                before={
                    name: seen.role for name, seen in dict(self._group.observer.statuses).items()
                },
                client=self._client(),
            )
            flight.marks.append((flight.at, words))
        self._watcher = threading.Thread(
            target=self._watch, args=(flight,), name="flight", daemon=True
        )
        self._watcher.start()
        return flight

    def _client(self) -> str:
        """What the writing client knows: an address and its own settings."""
        settings = self.context.settings
        return (
            f"{self._group.endpoints.address(PRIMARY_ENDPOINT)}, timeout "
            f"{settings['client_timeout_ms']:g} ms, retries {settings['retry']}"
            if "retry" in settings
            else str(self._group.endpoints.address(PRIMARY_ENDPOINT))
        )

    def _forget_what_is_gone_already(self) -> None:
        """What is missing before a fault was not lost by it: an isolated primary may have gone on
        after its own flight had ended.
        """
        self.known_lost |= recount(self._group, self.list_name, self.acknowledged).missing

    def mark(self, words: str) -> None:
        """Something else was done to the servers while a flight is under way."""
        if self.current is not None:
            self.current.marks.append((time.monotonic(), words))

    def wait(self, deadline_s: float) -> Flight:
        """The flight that is under way, when it is over. Raises NotNow at the deadline."""
        flight = self.current
        if flight is None:
            if not self.over:
                raise NothingRecorded("No flight has been recorded yet.")
            return self.over[-1]
        if not self.context.wait_until(lambda: self.current is not flight, deadline_s=deadline_s):
            raise NotNow("The flight is not over yet.")
        return flight

    def record_change(self, server: str, verb: str) -> None:
        """A server was killed, paused, resumed or restarted, by whatever button.

        For the primary that is a fault like any other, and it turns a planned failover that is
        under way into an unplanned one.
        """
        flight, is_primary = self.current, server == self._group.primary
        words = words_for(server, verb)
        if flight is None:
            if is_primary and verb in ("kill", "pause") and self.context.load.running:
                zone = self.context.lab.topology.node(server).zone
                self.begin(verb, words, server=server, zone=zone)
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
        """A silence that is longer than this is one: the client would have written several
        times.
        """
        return max(PULSE_S, 5 / float(self.context.settings["writes_per_s"]))

    def _has_gone_on(self, flight: Flight, now: float) -> bool:
        """True if writes have been acknowledged for a while, without a silence, since the fault."""
        ends = [
            at
            for at in (
                op.began + op.took_s
                for op in list(itertools.islice(reversed(self.writes), RECENT))
                if op.ended_as in KEPT_ACKS
            )
            if at > now - AFTER_S
        ]
        return (
            bool(ends)
            and all(
                later - earlier < self._pulse_s
                for earlier, later in itertools.pairwise((now - AFTER_S, *sorted(ends), now))
            )
            and now - AFTER_S > flight.at
        )

    def _watch(self, flight: Flight) -> None:
        """End the flight when writes have been acknowledged again for a while by a primary that
        every sentinel knows, or when it takes too long.
        """
        while self.current is flight:
            time.sleep(0.05)
            now = time.monotonic()
            try:
                if now - flight.at > LONGEST_S or (
                    now - flight.at > AFTER_S and self._is_over(flight, now)
                ):
                    with self._lock:
                        if self.current is flight:
                            self._finish(flight)
            except Exception:
                log.exception("flight %d could not be watched", flight.number)
                self.current = None

    def _is_over(self, flight: Flight, now: float) -> bool:
        group = self._group
        if (
            group.mesh.cut_zones
            or not self.context.load.running
            or any(server.state == "paused" for server in self.context.servers.values())
        ):
            return False
        if now - flight.marks[-1][0] < AFTER_S or (
            now - flight.at < PATIENCE_S
            and not (self._has_gone_on(flight, now) and group.observer.sentinels_agree())
        ):
            return False
        has_moved = any(
            move.at > flight.at and move.endpoint == PRIMARY_ENDPOINT
            for move in group.endpoints.moves
        )
        primaries = [
            name
            for name, status in dict(group.observer.statuses).items()
            if status.role == "primary"
        ]
        return (
            self._has_gone_on(flight, now)
            and primaries == [group.primary]
            and (has_moved or flight.verb in ENDS_A_PRIMARY or now - flight.at > 12 * AFTER_S)
        )

    def _finish(self, flight: Flight) -> None:
        flight.ended_at = time.monotonic()
        flight.gap = report.gap_of(flight, list(self.writes), self._pulse_s)
        flight.client_after = self._client()
        recounted = recount(self._group, flight.list_name, self.acknowledged)
        flight.lost = sorted(recounted.missing - self.known_lost)
        self.known_lost |= set(flight.lost)
        flight.results = report.results_of(flight, self._group, list(self.writes), recounted)
        flight.isolated = report.isolated_of(flight, list(self.writes))
        flight.accepted_after = report.accepted_after(flight, list(self.writes), self.known_lost)
        flight.agreed = report.agreed_on(flight, list(self._group.observer.messages))
        document = report.document_of(
            flight, self.context, self._group, list(self.writes), list(self.reads)
        )
        self.over.append(flight)
        del self.over[:-MOST_FLIGHTS]
        self.current = None
        self.context.save_record(flight.name, flight.words, document, flight.results)
        head, rest = report.sentences_of(flight)
        self.context.emit(CaptionChanged(text=f"{head} {rest}", strong=head))
        self.context.checker.wake()
