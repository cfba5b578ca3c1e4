"""The flight recorder: every operation of the clients, and around a fault all that the sentinels, the endpoints and the servers said, on one clock.

What was acknowledged and is gone is not reckoned: the list is read back from the server that the endpoint leads to, number by number, and compared.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labs.errors import NotNow, ServerDown
from labs.events import MOST_ROWS, OperationsFlown, Said, Value
from labs.load.batches import Batch, Operation
from labs.load.flight import ACKNOWLEDGED, LOST, NOT_SENT, UNCONFIRMED, FlightOrders
from labs.sandbox.group import PRIMARY_ENDPOINT, READER_ENDPOINT, Group

if TYPE_CHECKING:
    from labs.sandbox.sandbox import Sandbox

LIST = "flight"
KEPT = 100_000
"""Operations of either kind that are remembered, and numbers that a list may hold before it is begun anew."""
BEFORE_S, AFTER_S = 2.0, 0.5
MOST_FLIGHTS = 12
"""A flight shows so much before its fault, and ends when writes have been acknowledged again for so long."""
LONGEST_S = 40.0
RECENT = 4_000
MOST_SHOWN = 9_000
"""Operations of either kind in a record, which is under 1 MiB; of a longer flight the middle is thinned by nothing: its end is cut."""
CHUNK = 4_000
ENDS_A_PRIMARY = ("kill", "lose")
"""After these, whoever acknowledges is another primary, or the same one started anew: nothing else is to be waited for."""
KEPT_ACKS = (ACKNOWLEDGED, UNCONFIRMED)


@dataclass(slots=True)
class Flight:
    """A fault and what came of it. `at` is monotonic seconds; `results` are there when it is over."""

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
    gap: tuple[float, float | None] = (0.0, None)
    ended_at: float = 0.0
    document: dict[str, Any] = field(default_factory=dict)
    client: str = ""
    client_after: str = ""

    @property
    def name(self) -> str:
        """What its record is called."""
        return f"flight-{self.number}"


class Flights:
    """The clients' memory, and the flights one after the other; at most one is under way."""

    def __init__(self, sandbox: Sandbox, group: Group) -> None:
        self._sandbox = sandbox
        self._group = group
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
        self._taken: Counter[str] = Counter()
        self._counted: set[int] = set()
        self._watcher: threading.Thread | None = None

    # The clients

    @property
    def list_name(self) -> str:
        """The list that the numbers of this run are pushed to."""
        return f"{LIST}:{self._run}"

    def begin_run(self) -> None:
        """Clients begin: their numbers from one again, on a list of their own."""
        with self._lock:
            self._run += 1
            self.writes.clear()
            self.reads.clear()
            self.acknowledged.clear()
            self.known_lost.clear()
            self.began, self._began_wall = time.monotonic(), time.time()

    def orders(self, worker: int, workers: int, password: str, seed: int) -> FlightOrders:
        """What a client is told: the first one writes, the others read."""
        reads = worker > 0
        return FlightOrders(
            settings=dict(self._sandbox.settings), endpoint=self._group.endpoint(READER_ENDPOINT if reads else PRIMARY_ENDPOINT), user="shop", password=password,
            list_name=self.list_name, reads=reads, worker=worker, workers=max(1, workers - 1) if reads else 1, seed=seed,
            own_reads_at=None if reads else self._group.own_reads_at(),
        )

    def take(self, batch: Batch) -> None:
        """Note what a client did, and tell it."""
        if not batch.operations:
            return
        with self._lock:
            for operation in batch.operations:
                (self.reads if operation.reads else self.writes).append(operation)
                self._taken["reads" if operation.reads else "writes"] += operation.ended_as in (*KEPT_ACKS, "h")
                self._taken["errors"] += operation.ended_as not in (*KEPT_ACKS, "h")
                if not operation.reads and operation.ended_as in KEPT_ACKS:
                    self.acknowledged.add(operation.number)
        shown = [f"{'r' if op.reads else 'w'} {1000 * (op.began - self.began):.1f} {1000 * op.took_s:.2f} {op.ended_as} {op.number}" for op in batch.operations[-MOST_ROWS:]]
        self._sandbox.tell(OperationsFlown(began_at=round(self._began_wall, 4), operations=shown))

    def readings(self, seconds: float) -> dict[str, float]:
        """Metrics since this was last asked, while clients run."""
        with self._lock:
            taken, self._taken = self._taken, Counter()
        behind = [max(0, primary.offset - seen.offset) for seen in self._group.seen.values() if seen.role == "replica" and (primary := self._group.seen.get(seen.of)) is not None]
        lag = {"lag_bytes": float(max(behind))} if behind else {}
        if not self._sandbox.load.running:
            return lag
        return {**lag, **{f"flight_{name}_per_s": taken[name] / max(seconds, 0.001) for name in ("writes", "reads", "errors")}}

    # Flights

    def begin(self, verb: str, words: str, *, server: str = "", zone: str = "") -> Flight:
        """A fault happens now. Raises NotNow while another flight is under way, or while nobody writes."""
        with self._lock:
            if self.current is not None:
                raise NotNow("A flight is being recorded.", hint="It ends by itself when writes are accepted again; or end the recording.")
            if not self._sandbox.load.running:
                raise NotNow("Nobody writes, so there is nothing to record.", hint="Start the clients first.")
            self._forget_what_is_gone_already()
            self._number += 1
            flight = self.current = Flight(
                self._number, verb, server, zone, words, time.monotonic(), time.time(), dict(self._sandbox.settings), self.list_name,
                before={name: seen.role for name, seen in self._group.seen.items()}, client=self._client(),
            )
            flight.marks.append((flight.at, words))
        self._watcher = threading.Thread(target=self._watch, args=(flight,), name="flight", daemon=True)
        self._watcher.start()
        return flight

    def _client(self) -> str:
        """What the writing client was told of the world."""
        settings = self._sandbox.settings
        return f"{self._group.endpoint(PRIMARY_ENDPOINT)}, timeout {settings['client_timeout_ms']:g} ms, retries {settings['retry']}" if "retry" in settings else str(self._group.endpoint(PRIMARY_ENDPOINT))

    def _forget_what_is_gone_already(self) -> None:
        """What is missing before a fault was not lost by it: an isolated primary may have gone on after its own flight had ended."""
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
            return self.over[-1]
        if not self._sandbox.wait_until(lambda: self.current is not flight, deadline_s=deadline_s):
            raise NotNow("The flight is not over yet.")
        return flight

    def end(self) -> Flight:
        """End the recording now. Raises NotNow if none runs."""
        with self._lock:
            flight = self.current
            if flight is None:
                raise NotNow("No flight is being recorded.")
            self._finish(flight)
        return flight

    def forget(self) -> None:
        """Begin anew, as after a reset."""
        with self._lock:
            self.current = None
            self.over.clear()

    def gap_of(self, flight: Flight) -> tuple[float, float | None]:
        """The longest time without an acknowledged write that ended after the fault: monotonic seconds, None if it has not ended."""
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
        """A silence that is longer than this is one: the client would have written several times."""
        return max(0.3, 5 / float(self._sandbox.settings["writes_per_s"]))

    def _has_gone_on(self, flight: Flight, now: float) -> bool:
        """True if writes have been acknowledged for a while, without a silence, since the fault."""
        ends = [at for at in (op.began + op.took_s for op in list(itertools.islice(reversed(self.writes), RECENT)) if op.ended_as in KEPT_ACKS) if at > now - AFTER_S]
        return bool(ends) and all(later - earlier < self._pulse_s for earlier, later in itertools.pairwise((now - AFTER_S, *sorted(ends), now))) and now - AFTER_S > flight.at

    def _watch(self, flight: Flight) -> None:
        """End the flight when writes have been acknowledged again for a while by a primary that is nobody's secret, or when it takes too long."""
        while self.current is flight:
            time.sleep(0.05)
            now = time.monotonic()
            if now - flight.at > LONGEST_S or (now - flight.at > AFTER_S and self._is_over(flight, now)):
                with self._lock:
                    if self.current is flight:
                        self._finish(flight)

    def _is_over(self, flight: Flight, now: float) -> bool:
        if self._group.mesh.cut_zones or not self._sandbox.load.running or any(server.state == "paused" for server in self._sandbox.servers.values()):
            return False
        has_moved = any(at > flight.at and endpoint == PRIMARY_ENDPOINT for at, endpoint, _ in self._group.moves)
        primaries = [name for name, seen in self._group.seen.items() if seen.role == "primary"]
        return self._has_gone_on(flight, now) and primaries == [self._group.primary] and (has_moved or flight.verb in ENDS_A_PRIMARY or now - flight.at > 12 * AFTER_S)

    def _finish(self, flight: Flight) -> None:
        flight.ended_at = time.monotonic()
        flight.gap, flight.client_after = self.gap_of(flight), self._client()
        found, problem = self.recount(flight.list_name)
        acknowledged = self._counted
        before = {op.number for op in list(self.writes) if op.ended_as in KEPT_ACKS and op.began + op.took_s <= flight.at} & acknowledged
        flight.lost = sorted(acknowledged - found - self.known_lost) if not problem else []
        self.known_lost |= set(flight.lost)
        flight.results = self._results(flight, len(acknowledged), problem) | {"acknowledged_before": len(before), "lost_before": len(before & set(flight.lost))}
        self.current = None
        self.over.append(flight)
        del self.over[:-MOST_FLIGHTS]
        flight.document = self._document(flight)
        self._sandbox.keep_record(flight.name, flight.words, flight.document, flight.results)
        head, rest = self._sentences(flight)
        self._sandbox.tell(Said(text=f"{head} {rest}", strong=head))
        self._sandbox.checker.stir()

    def recount(self, list_name: str, server: str = "") -> tuple[set[int], str]:
        """The numbers that a server holds, by default the one that the primary endpoint leads to; else the reason why it can't be asked. Numbers acknowledged before count as asked for."""
        self._counted = set(self.acknowledged)
        found: set[int] = set()
        try:
            redis = self._group.redis(server or self._group.primary)
            while True:
                part = redis.run("LRANGE", list_name, len(found), len(found) + CHUNK - 1)
                numbers = [int(number) for number in part] if isinstance(part, list) else []
                found.update(numbers)
                if len(numbers) < CHUNK:
                    return found, ""
        except (ServerDown, NotNow) as exc:
            return set(), str(exc)

    def _results(self, flight: Flight, acknowledged: int, problem: str) -> dict[str, Value]:
        began, ended = flight.gap
        window = [op for op in list(self.writes) if flight.at - BEFORE_S <= op.began <= flight.ended_at]
        failed = Counter(op.ended_as for op in window if op.ended_as not in (*KEPT_ACKS, NOT_SENT))
        promoted = self._group.primary if self._group.primary != flight.server and flight.before.get(self._group.primary) != "primary" else ""
        promoted_at = next((at for at, endpoint, targets in self._group.moves if at > flight.at and endpoint == PRIMARY_ENDPOINT and targets == [promoted]), None)
        return {
            "downtime_ms": round(1000 * ((flight.ended_at if ended is None else ended) - began), 1), "recovered": ended is not None, "acknowledged": acknowledged, "lost": len(flight.lost),
            "refused": sum(failed.values()), "promoted": promoted, "promoted_after_ms": round(1000 * (promoted_at - flight.at), 1) if promoted_at else 0.0, "recounted": not problem,
        }

    @staticmethod
    def _sentences(flight: Flight) -> tuple[str, str]:
        results = flight.results
        head = f"No write was accepted for {float(results['downtime_ms']) / 1000:.2f} s." if results["recovered"] else "No write has been accepted since."
        lost = "It could not be found out what was lost." if not results["recounted"] else f"{results['lost']} of {results['acknowledged']:,} acknowledged writes are lost."
        return head, lost

    def _document(self, flight: Flight) -> dict[str, Any]:
        """The flight as /docs/architecture.md describes it."""
        began, ended = flight.gap

        def ms(at: float) -> float:
            return round(1000 * (at - flight.at), 1)

        lost = set(flight.lost)
        window = (flight.at - BEFORE_S, flight.ended_at)
        writes = [[ms(op.began), round(1000 * op.took_s, 2), LOST if op.number in lost and op.ended_as in KEPT_ACKS else op.ended_as, op.number] for op in list(self.writes) if window[0] <= op.began <= window[1]]
        reads = [[ms(op.began), round(1000 * op.took_s, 2), op.ended_as, op.number] for op in list(self.reads) if window[0] <= op.began <= window[1]]
        lab = self._sandbox.lab
        return {
            "kind": "flight", "version": 1, "name": flight.name, "title": flight.words, "lab": lab.id, "at": round(flight.wall, 3), "versions": self._sandbox.versions(), "isolation": self._sandbox.runtime,
            "settings": [[control.label, control.show(flight.settings[control.name])] for control in lab.controls],
            "fault": {"verb": flight.verb, "server": flight.server, "zone": flight.zone, "words": flight.words},
            "marks": [[ms(at), words] for at, words in flight.marks], "from_ms": ms(window[0]), "to_ms": ms(window[1]),
            "writes": writes[:MOST_SHOWN], "reads": reads[:MOST_SHOWN],
            "sentinels": [[ms(heard.at), heard.sentinel, heard.event, heard.words] for heard in self._group.heard if window[0] <= heard.at <= window[1]][:400],
            "moves": [[ms(at), endpoint, targets] for at, endpoint, targets in self._group.moves if at <= window[1]][-40:],
            "roles": [[ms(change.at), change.server, change.seen.role] for change in self._group.changes if change.at <= window[1]][-60:],
            "results": {**flight.results, "gap_from_ms": ms(began), "gap_to_ms": None if ended is None else ms(ended), "written": len(writes)},
        }
