"""The flight recorder: every operation of the clients, and around a fault all that the sentinels,
the endpoints and the servers said, on one clock.

What was acknowledged and is gone is not reckoned: the list is read back from the server that the
endpoint leads to, number by number, and compared.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from labs.errors import NotNow, ServerDown
from labs.events import MOST_ROWS, OperationsFlown, Said, Value
from labs.load.batches import Batch, Operation
from labs.sandbox.addresses import APP
from labs.sandbox.context import Context
from labs.sandbox.part import Workload
from labs.setups.replication.group import PRIMARY_ENDPOINT, READER_ENDPOINT, ReplicationGroup
from labs.setups.replication.workload import (
    ACKNOWLEDGED,
    LOST,
    NO_REPLICAS,
    READ,
    UNCONFIRMED,
    EndpointSpec,
)

log = logging.getLogger("labs.recorder")
LIST = "flight"
KEPT = 100_000
"""Operations of either kind that are remembered."""
BEFORE_S, AFTER_S = 2.0, 0.5
MOST_FLIGHTS = 100
"""A flight shows so much before its fault, and ends when writes have been acknowledged again for so
long.
"""
LONGEST_S, PATIENCE_S = 40.0, 12.0
"""No flight takes longer; and after so long it waits no more for a sentinel that still thinks of
another primary.
"""
RECENT = 4_000
MOST_SHOWN = 9_000
"""Operations of either kind in a record, which is under 1 MiB.

One that would be longer ends before its flight does, and says so.
"""
MOST_NUMBERS = 2_000_000
CHUNK = 4_000
PULSE_S = 0.3
"""A shorter time without a write is none: that is how clients write."""
ENDS_A_PRIMARY = ("kill", "lose")
"""After these, whoever acknowledges is another primary, or the same one started anew: nothing else
is to be waited for.
"""
KEPT_ACKS = (ACKNOWLEDGED, UNCONFIRMED)


_CHANGES = {
    "kill": "was killed",
    "pause": "is frozen",
    "resume": "goes on",
    "restart": "is back",
}


def words_for(server: str, verb: str) -> str:
    """How a recording describes that a server was killed, paused, resumed or restarted."""
    return f"{server} {_CHANGES[verb]}"


@dataclass(frozen=True, slots=True)
class Isolated:
    """What a primary did from the fault on that nobody followed any more: numbers acknowledged and
    lost, those of them after another was promoted, its NOREPLICAS errors, when the first of these
    came (ms), and what it acknowledged after that.
    """

    lost: int
    lost_after_promotion: int
    refused: int
    first_refusal_ms: float
    lost_after_refusal: int


@dataclass(slots=True)
class Flight:
    """A fault and what came of it.

    `at` is monotonic seconds; what is below `before` is there when it is over.

    `agreed` is how many sentinels held the server to be down, `accepted_after` the numbers that
    were acknowledged when writes went on, and kept.
    """

    number: int
    verb: str
    server: str
    zone: str
    words: str
    at: float
    wall: float
    settings: dict[str, Value]
    list_name: str
    marks: list[tuple[float, str]] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    results: dict[str, Value] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    isolated: Isolated = field(default_factory=lambda: Isolated(0, 0, 0, 0.0, 0))
    agreed: int = 0
    accepted_after: tuple[int, ...] = ()
    gap: tuple[float, float | None] = (0.0, None)
    ended_at: float = 0.0
    client: str = ""
    client_after: str = ""

    @property
    def name(self) -> str:
        """What its record is called."""
        return f"flight-{self.number}"


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
        self.readers_connected_at = 0.0
        self._taken: Counter[str] = Counter()
        self._heard_at: dict[str, float] = {}
        self._read_at: dict[str, float] = {}
        self._counted: set[int] = set()
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
                self._group.redis(self._group.primary).run("UNLINK", self.list_name)
            self._run += 1
            self.writes.clear()
            self.reads.clear()
            self.acknowledged.clear()
            self.known_lost.clear()
            self._heard_at.clear()
            self._read_at.clear()
            self.began, self._began_wall = time.monotonic(), time.time()

    def spec(self, client: int, clients: int, requests: int = 0) -> EndpointSpec:
        """The workload of one client: the first one writes, the others read."""
        settings, reads = self.context.settings, client > 0
        return EndpointSpec(
            rate_per_s=float(settings["reads_per_s" if reads else "writes_per_s"]),
            client=client,
            clients=max(1, clients - 1) if reads else 1,
            requests=requests,
            endpoint=self._group.endpoint(READER_ENDPOINT if reads else PRIMARY_ENDPOINT),
            user="shop",
            password=self.context.password(APP),
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
            self._heard_at["reads" if reads else "writes"] = time.monotonic()
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
        self.context.emit(OperationsFlown(began_at=round(self._began_wall, 4), operations=shown))

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
        members = dict(self._group.seen)
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
        since, until = self._read_at.get(name, self.began), self._heard_at.get(name, 0.0)
        if until <= since:
            self._read_at[name] = now
            return 0.0
        self._read_at[name] = until
        return taken / max(until - since, 0.001)

    def begin(self, verb: str, words: str, *, server: str = "", zone: str = "") -> Flight:
        """A fault happens now.

        Raises NotNow while another flight is under way, or while nobody writes.
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
                before={name: seen.role for name, seen in dict(self._group.seen).items()},
                client=self._client(),
            )
            flight.marks.append((flight.at, words))
        self._watcher = threading.Thread(
            target=self._watch, args=(flight,), name="flight", daemon=True
        )
        self._watcher.start()
        return flight

    def _client(self) -> str:
        """What the writing client was told of the world."""
        settings = self.context.settings
        return (
            f"{self._group.endpoint(PRIMARY_ENDPOINT)}, timeout "
            f"{settings['client_timeout_ms']:g} ms, retries {settings['retry']}"
            if "retry" in settings
            else str(self._group.endpoint(PRIMARY_ENDPOINT))
        )

    def _forget_what_is_gone_already(self) -> None:
        """What is missing before a fault was not lost by it: an isolated primary may have gone on
        after its own flight had ended.
        """
        found, problem = self.recount(self.list_name)
        if not problem:
            self.known_lost |= self._counted - found

    def mark(self, words: str) -> None:
        """Something else was done to the servers while a flight is under way."""
        if self.current is not None:
            self.current.marks.append((time.monotonic(), words))

    def wait(self, deadline_s: float) -> Flight:
        """The flight that is under way, when it is over. Raises NotNow at the deadline."""
        flight = self.current
        if flight is None:
            if not self.over:
                raise NotNow("No flight has been recorded yet.")
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
                raise NotNow("No flight is being recorded.")
            self._finish(flight)
        return flight

    def clear(self) -> None:
        """Forget all flights."""
        with self._lock:
            self.current = None
            self.over.clear()

    def gap_of(self, flight: Flight) -> tuple[float, float | None]:
        """The longest time without an acknowledged write that ended after the fault: monotonic
        seconds, None if it has not ended.
        """
        ends = sorted(op.began + op.took_s for op in list(self.writes) if op.ended_as in KEPT_ACKS)
        last = ends[-1] if ends else flight.at
        longest_s, gap = 0.0, (last, last)
        for one, other in itertools.pairwise(ends):
            if other > flight.at and other - one > longest_s:
                longest_s, gap = other - one, (one, other)
        if last <= flight.at or time.monotonic() - last > max(self._pulse_s, longest_s):
            return last, None
        return gap

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
        """End the flight when writes have been acknowledged again for a while by a primary that is
        nobody's secret, or when it takes too long.
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
        if (
            self._group.mesh.cut_zones
            or not self.context.load.running
            or any(server.state == "paused" for server in self.context.servers.values())
        ):
            return False
        if now - flight.marks[-1][0] < AFTER_S or (
            now - flight.at < PATIENCE_S
            and not (self._has_gone_on(flight, now) and self._group.sentinels_agree())
        ):
            return False
        has_moved = any(
            at > flight.at and endpoint == PRIMARY_ENDPOINT for at, endpoint, _ in self._group.moves
        )
        primaries = [
            name for name, seen in dict(self._group.seen).items() if seen.role == "primary"
        ]
        return (
            self._has_gone_on(flight, now)
            and primaries == [self._group.primary]
            and (has_moved or flight.verb in ENDS_A_PRIMARY or now - flight.at > 12 * AFTER_S)
        )

    def _finish(self, flight: Flight) -> None:
        flight.ended_at = time.monotonic()
        flight.gap, flight.client_after = self.gap_of(flight), self._client()
        found, problem = self.recount(flight.list_name)
        acknowledged = self._counted
        before = {
            op.number
            for op in list(self.writes)
            if op.ended_as in KEPT_ACKS and op.began + op.took_s <= flight.at
        } & acknowledged
        flight.lost = sorted(acknowledged - found - self.known_lost) if not problem else []
        self.known_lost |= set(flight.lost)
        flight.results = self._results(flight, len(acknowledged), problem) | {
            "acknowledged_before": len(before),
            "lost_before": len(before & set(flight.lost)),
        }
        flight.isolated = self._isolated(flight)
        if flight.gap[1] is not None and flight.gap[1] - flight.gap[0] >= PULSE_S:
            flight.accepted_after = tuple(
                op.number
                for op in list(self.writes)
                if op.ended_as in KEPT_ACKS
                and op.began + op.took_s >= flight.gap[1]
                and op.number not in self.known_lost
            )
        flight.agreed = len(
            {
                heard.sentinel
                for heard in list(self._group.heard)
                if heard.at >= flight.at
                and heard.event == "+sdown"
                and heard.subject == flight.server
            }
        )
        document = self._document(flight)
        self.over.append(flight)
        del self.over[:-MOST_FLIGHTS]
        self.current = None
        self.context.save_record(flight.name, flight.words, document, flight.results)
        head, rest = self._sentences(flight)
        self.context.emit(Said(text=f"{head} {rest}", strong=head))
        self.context.checker.wake()

    def recount(self, list_name: str, server: str = "") -> tuple[set[int], str]:
        """The numbers that a server holds, by default the one that the primary endpoint leads to;
        else the reason why it can't be asked. Numbers acknowledged before count as asked for.
        """
        self._counted = set(self.acknowledged)
        found: set[int] = set()
        try:
            redis = self._group.redis(server or self._group.primary)
            for start in range(0, MOST_NUMBERS, CHUNK):
                part = redis.run("LRANGE", list_name, start, start + CHUNK - 1)
                # A learner may have pushed to it, too: what is no number was no client's.
                several = part if isinstance(part, list) else []
                found.update(int(number) for number in several if number.isdigit())
                if len(several) < CHUNK:
                    break
        except (ServerDown, NotNow) as exc:
            return set(), str(exc)
        return found, ""

    def _isolated(self, flight: Flight) -> Isolated:
        """What the record shows of it, counted over every operation since the fault."""
        lost = set(flight.lost)
        since = [op for op in list(self.writes) if flight.at <= op.began <= flight.ended_at]
        gone = [op for op in since if op.number in lost and op.ended_as in KEPT_ACKS]
        refusals = [op.began for op in since if op.ended_as == NO_REPLICAS]
        promoted_at = flight.at + float(flight.results["promoted_after_ms"]) / 1000
        first = min(refusals, default=0.0)
        return Isolated(
            len(gone),
            sum(op.began > promoted_at for op in gone),
            len(refusals),
            round(1000 * (first - flight.at), 1) if first else 0.0,
            sum(bool(first) and op.began > first for op in gone),
        )

    def _results(self, flight: Flight, acknowledged: int, problem: str) -> dict[str, Value]:
        began, ended = flight.gap
        window = [
            op for op in list(self.writes) if flight.at - BEFORE_S <= op.began <= flight.ended_at
        ]
        failed = Counter(op.ended_as for op in window if op.ended_as not in KEPT_ACKS)
        promoted, promoted_at = (
            self._group.primary,
            next(
                (
                    at
                    for at, endpoint, targets in self._group.moves
                    if at > flight.at
                    and endpoint == PRIMARY_ENDPOINT
                    and targets == [self._group.primary]
                ),
                None,
            ),
        )
        if promoted_at is None:
            promoted = ""
        return {
            "downtime_ms": round(1000 * ((flight.ended_at if ended is None else ended) - began), 1),
            "recovered": ended is not None,
            "acknowledged": acknowledged,
            "lost": len(flight.lost),
            "refused": sum(failed.values()),
            "promoted": promoted,
            "promoted_after_ms": round(1000 * (promoted_at - flight.at), 1) if promoted_at else 0.0,
            "recounted": not problem,
        }

    @staticmethod
    def _sentences(flight: Flight) -> tuple[str, str]:
        results = flight.results
        head = (
            f"No write was accepted for {float(results['downtime_ms']) / 1000:.2f} s."
            if results["recovered"]
            else "No write has been accepted since."
        )
        if float(results["downtime_ms"]) / 1000 < PULSE_S:
            head = "Writes were accepted all the while."
        lost = (
            "It could not be found out what was lost."
            if not results["recounted"]
            else f"{results['lost']:,} of {results['acknowledged']:,} acknowledged writes are lost."
        )
        return head, lost

    def _document(self, flight: Flight) -> dict[str, Any]:
        """The flight as docs/architecture.md describes it."""
        began, ended = flight.gap
        marks, was_gap = list(flight.marks), ended is None or ended - began >= PULSE_S

        def ms(at: float) -> float:
            return round(1000 * (at - flight.at), 1)

        lost = set(flight.lost)
        window = (flight.at - BEFORE_S, flight.ended_at)
        writes, reads = (
            [op for op in list(several) if window[0] <= op.began <= window[1]]
            for several in (self.writes, self.reads)
        )
        lab, until = self.context.lab, window[1]
        if max(len(writes), len(reads)) > MOST_SHOWN:
            until = min(
                several[MOST_SHOWN - 1].began
                for several in (writes, reads)
                if len(several) > MOST_SHOWN
            )
            marks.append((until, "more operations than a record holds"))

        def row(op: Operation) -> list[Value]:
            is_lost = not op.reads and op.number in lost and op.ended_as in KEPT_ACKS
            return [
                ms(op.began),
                round(1000 * op.took_s, 2),
                LOST if is_lost else op.ended_as,
                op.number,
            ]

        return {
            "kind": "flight",
            "version": 1,
            "name": flight.name,
            "title": flight.words,
            "lab": lab.id,
            "at": round(flight.wall, 3),
            "versions": self.context.versions(),
            "isolation": self.context.runtime_name,
            "settings": [
                [control.label, control.show(flight.settings[control.name])]
                for control in lab.controls
            ],
            "fault": {
                "verb": flight.verb,
                "server": flight.server,
                "zone": flight.zone,
                "words": flight.words,
            },
            "marks": [[ms(at), words] for at, words in marks],
            "from_ms": ms(window[0]),
            "to_ms": ms(until),
            "writes": [row(op) for op in writes if op.began <= until],
            "reads": [row(op) for op in reads if op.began <= until],
            "sentinels": [
                [ms(heard.at), heard.sentinel, heard.event, heard.words]
                for heard in self._group.heard
                if window[0] <= heard.at <= window[1]
            ][:400],
            "moves": [
                [ms(at), endpoint, targets]
                for at, endpoint, targets in self._group.moves
                if at <= window[1]
            ][-40:],
            "roles": [
                [ms(change.at), change.server, change.seen.role]
                for change in self._group.changes
                if change.at <= window[1]
            ][-60:],
            "results": {
                **flight.results,
                "gap_from_ms": ms(began) if was_gap else None,
                "gap_to_ms": ms(ended) if was_gap and ended is not None else None,
                "written": len(writes),
            },
        }
