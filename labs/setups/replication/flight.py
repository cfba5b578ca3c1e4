"""A flight: a fault of a replication group and what came of it, as the recorder keeps it: its
results, its sentences, and the document that the page draws.

All is counted over the operations that the recorder kept. What survived is read back from the
server that the primary endpoint leads to, number by number. Nothing is estimated.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labs.errors import NotNow, ServerDown
from labs.events import Value
from labs.load.batches import Operation
from labs.sandbox.context import Context
from labs.setups.replication.endpoints import PRIMARY_ENDPOINT
from labs.setups.replication.group import ReplicationGroup
from labs.setups.replication.tilt import marks_of, tilted_s
from labs.setups.replication.workload import ACKNOWLEDGED, LOST, NO_REPLICAS, UNCONFIRMED

BEFORE_S = 2.0
"""A flight shows this much of the time before its fault."""
PULSE_S = 0.3
"""A shorter time without a write is no gap: clients pause that long between two writes."""
MOST_SHOWN = 9_000
"""Operations of either kind in a record, which is under 1 MiB.

One that would be longer ends before its flight does, and says so.
"""
MOST_MESSAGES, MOST_MOVES, MOST_CHANGES, MOST_MARKS = 400, 40, 60, 50
MOST_NUMBERS, CHUNK = 2_000_000, 4_000
KEPT_ACKS = (ACKNOWLEDGED, UNCONFIRMED)
_CHANGES = {"kill": "was killed", "pause": "is frozen", "resume": "goes on", "restart": "is back"}


def words_for(server: str, verb: str) -> str:
    """How a recording describes that a server was killed, paused, resumed or restarted."""
    return f"{server} {_CHANGES[verb]}"


@dataclass(frozen=True, slots=True)
class Isolated:
    """What a primary did after the fault that cut it off from all others: the numbers that it
    acknowledged and that are lost, those of them after another was promoted, its NOREPLICAS errors,
    when the first of these came (ms), and what it acknowledged after that.
    """

    lost: int = 0
    lost_after_promotion: int = 0
    refused: int = 0
    first_refusal_ms: float = 0.0
    lost_after_refusal: int = 0


@dataclass(slots=True)
class Flight:
    """A fault and what came of it.

    `at` is monotonic seconds; every field after `before` is set when the flight is over.

    `agreed` is how many sentinels held the server to be down, `accepted_after` the numbers that
    were acknowledged when writes went on, and kept. `gap` is the longest time without an
    acknowledged write, in monotonic seconds; its end is None if it has not ended.
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
    client: str
    before: dict[str, str]
    marks: list[tuple[float, str]]
    results: dict[str, Value] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    isolated: Isolated = field(default_factory=Isolated)
    agreed: int = 0
    accepted_after: tuple[int, ...] = ()
    gap: tuple[float, float | None] = (0.0, None)
    ended_at: float = 0.0
    client_after: str = ""

    @property
    def name(self) -> str:
        """The name of its record."""
        return f"flight-{self.number}"

    @property
    def replicas_before(self) -> int:
        """How many replicas the group had when the fault happened."""
        return list(self.before.values()).count("replica")

    @property
    def gap_s(self) -> float:
        """How long no write was acknowledged, until now if it has not ended."""
        began, ended = self.gap
        return (self.ended_at if ended is None else ended) - began


def recount(group: ReplicationGroup, list_name: str, acknowledged: set[int]) -> set[int] | None:
    """The acknowledged numbers that the server behind the primary endpoint lacks; None if it could
    not be read.
    """
    found = set[int]()
    try:
        redis = group.members.redis(group.primary)
        for start in range(0, MOST_NUMBERS, CHUNK):
            part = redis.run("LRANGE", list_name, start, start + CHUNK - 1)
            # A learner may have pushed other values to the list; clients push numbers only.
            several = part if isinstance(part, list) else []
            found.update(int(number) for number in several if number.isdigit())
            if len(several) < CHUNK:
                break
    except (ServerDown, NotNow):
        return None
    return acknowledged - found


def conclude(
    flight: Flight,
    group: ReplicationGroup,
    writes: Sequence[Operation],
    acknowledged: set[int],
    known_lost: set[int],
    *,
    pulse_s: float,
    stalled_s: float,
) -> None:
    """Set the results of a flight that ends now. The machine stalled for `stalled_s` during it; its
    lost numbers are added to `known_lost`.
    """
    flight.ended_at = time.monotonic()
    acks = [(op.began + op.took_s, op.number) for op in writes if op.ended_as in KEPT_ACKS]
    flight.gap = _gap_of(flight, sorted(at for at, _ in acks), pulse_s)
    missing = recount(group, flight.list_name, acknowledged)
    flight.lost = sorted((missing or set()) - known_lost)
    known_lost |= set(flight.lost)
    flight.agreed = len(
        {
            message.sentinel
            for message in list(group.members.messages)
            if message.at >= flight.at
            and (message.event, message.subject) == ("+sdown", flight.server)
        }
    )
    began, ended = flight.gap
    if ended is not None and ended - began >= PULSE_S:
        # Without a gap that has ended they do not show that a client goes on.
        flight.accepted_after = tuple(n for at, n in acks if at >= ended and n not in known_lost)
    promoted_at = next(
        (
            move.at
            for move in group.endpoints.moves
            if move.at > flight.at
            and (move.endpoint, move.targets) == (PRIMARY_ENDPOINT, [group.primary])
        ),
        None,
    )
    lost_earlier = known_lost - set(flight.lost)
    before = ({number for at, number in acks if at <= flight.at} & acknowledged) - lost_earlier
    window = (op for op in writes if flight.at - BEFORE_S <= op.began <= flight.ended_at)
    flight.results = {
        "downtime_ms": round(1000 * flight.gap_s, 1),
        "recovered": ended is not None,
        "acknowledged": len(acknowledged),
        "lost": len(flight.lost),
        "refused": sum(op.ended_as not in KEPT_ACKS for op in window),
        "promoted": group.primary if promoted_at else "",
        "promoted_after_ms": round(1000 * (promoted_at - flight.at), 1) if promoted_at else 0.0,
        "recounted": missing is not None,
        "acknowledged_before": len(before),
        "lost_before": len(before & set(flight.lost)),
        "tilt_ms": round(
            1000 * tilted_s(group.members.tilts.over(flight.at), flight.at, flight.ended_at), 1
        ),
        "stalled_ms": round(1000 * stalled_s, 1),
    }
    flight.isolated = _isolated_of(flight, writes)


def _gap_of(flight: Flight, acks: list[float], pulse_s: float) -> tuple[float, float | None]:
    """The longest time without an acknowledged write that ended after the fault."""
    last = acks[-1] if acks else flight.at
    longest_s, gap = 0.0, (last, last)
    for one, other in itertools.pairwise(acks):
        if other > flight.at and other - one > longest_s:
            longest_s, gap = other - one, (one, other)
    if last <= flight.at or time.monotonic() - last > max(pulse_s, longest_s):
        return last, None
    return gap


def _isolated_of(flight: Flight, writes: Sequence[Operation]) -> Isolated:
    """What the isolated primary did, counted over every operation since the fault."""
    lost = set(flight.lost)
    since = [op for op in writes if flight.at <= op.began <= flight.ended_at]
    gone = [op.began for op in since if op.number in lost and op.ended_as in KEPT_ACKS]
    refusals = [op.began for op in since if op.ended_as == NO_REPLICAS]
    promoted_at = flight.at + float(flight.results["promoted_after_ms"]) / 1000
    first = min(refusals, default=0.0)
    return Isolated(
        len(gone),
        sum(began > promoted_at for began in gone),
        len(refusals),
        round(1000 * (first - flight.at), 1) if first else 0.0,
        sum(bool(first) and began > first for began in gone),
    )


def sentences_of(flight: Flight) -> tuple[str, str]:
    """How long no write was accepted, and what else is to be said: what is lost, and what kept the
    sentinels from acting.
    """
    results = flight.results
    if flight.gap_s < PULSE_S:
        head = "Writes were accepted all the time."
    elif results["recovered"]:
        head = f"No write was accepted for {flight.gap_s:.2f} s."
    else:
        head = "No write has been accepted since."
    if float(results["tilt_ms"]):
        tilted = f" Sentinels were in TILT mode for {float(results['tilt_ms']) / 1000:.1f} s of it."
    else:
        tilted = ""
    if not results["recounted"]:
        return head, f"The lost writes could not be counted.{tilted}"
    return (
        head,
        f"{results['lost']:,} of {results['acknowledged']:,} acknowledged writes are lost.{tilted}",
    )


def document_of(
    flight: Flight,
    context: Context,
    group: ReplicationGroup,
    all_writes: Sequence[Operation],
    all_reads: Sequence[Operation],
) -> dict[str, Any]:
    """The flight as docs/architecture.md describes it."""
    began, ended = flight.gap
    marks, was_gap = list(flight.marks), ended is None or ended - began >= PULSE_S

    def ms(at: float) -> float:
        return round(1000 * (at - flight.at), 1)

    lost = set(flight.lost)
    since, until = flight.at - BEFORE_S, flight.ended_at
    writes, reads = (
        [op for op in several if since <= op.began <= until] for several in (all_writes, all_reads)
    )
    marks += marks_of(group.members.tilts.over(since), since, until)
    marks += [
        (stall.ended, f"the machine stalled for {stall.seconds:.1f} s")
        for stall in context.stalls.since(since)
        if stall.ended < until
    ]
    too_long = [several for several in (writes, reads) if len(several) > MOST_SHOWN]
    shown_until = min((several[MOST_SHOWN - 1].began for several in too_long), default=until)
    if too_long:
        marks.append((shown_until, "more operations than a record holds"))

    def rows(several: list[Operation]) -> list[list[Value]]:
        return [
            [
                ms(op.began),
                round(1000 * op.took_s, 2),
                LOST
                if not op.reads and op.number in lost and op.ended_as in KEPT_ACKS
                else op.ended_as,
                op.number,
            ]
            for op in several
            if op.began <= shown_until
        ]

    return {
        "kind": "flight",
        "version": 1,
        "name": flight.name,
        "title": flight.words,
        "lab": context.lab.id,
        "at": round(flight.wall, 3),
        "versions": context.versions(),
        "isolation": context.runtime_name,
        "settings": [
            [control.label, control.show(flight.settings[control.name])]
            for control in context.lab.controls
        ],
        "fault": {name: getattr(flight, name) for name in ("verb", "server", "zone", "words")},
        "marks": [[ms(at), words] for at, words in sorted(marks)[:MOST_MARKS]],
        "from_ms": ms(since),
        "to_ms": ms(shown_until),
        "writes": rows(writes),
        "reads": rows(reads),
        "sentinels": [
            [ms(message.at), message.sentinel, message.event, message.words]
            for message in group.members.messages
            if since <= message.at <= until
        ][:MOST_MESSAGES],
        "moves": [
            [ms(move.at), move.endpoint, move.targets]
            for move in group.endpoints.moves
            if move.at <= until
        ][-MOST_MOVES:],
        "roles": [
            [ms(change.at), change.server, change.status.role]
            for change in group.members.changes
            if change.at <= until
        ][-MOST_CHANGES:],
        "results": {
            **flight.results,
            "gap_from_ms": ms(began) if was_gap else None,
            "gap_to_ms": ms(ended) if was_gap and ended is not None else None,
            "written": len(writes),
        },
    }
