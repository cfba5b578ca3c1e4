"""What a flight came to: its results, its sentences, and the document that the page draws.

Everything is counted over the operations that the recorder kept; nothing is asked of a server.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from labs.events import Value
from labs.load.batches import Operation
from labs.sandbox.context import Context
from labs.setups.replication.endpoints import PRIMARY_ENDPOINT
from labs.setups.replication.flight import Flight, Isolated
from labs.setups.replication.group import ReplicationGroup
from labs.setups.replication.recount import Recount
from labs.setups.replication.sentinels import SentinelMessage
from labs.setups.replication.workload import ACKNOWLEDGED, LOST, NO_REPLICAS, UNCONFIRMED

BEFORE_S = 2.0
"""A flight shows this much of the time before its fault."""
PULSE_S = 0.3
"""A shorter time without a write is none: that is how clients write."""
MOST_SHOWN = 9_000
"""Operations of either kind in a record, which is under 1 MiB.

One that would be longer ends before its flight does, and says so.
"""
MOST_MESSAGES, MOST_MOVES, MOST_CHANGES = 400, 40, 60
KEPT_ACKS = (ACKNOWLEDGED, UNCONFIRMED)


def gap_of(
    flight: Flight, writes: Sequence[Operation], pulse_s: float
) -> tuple[float, float | None]:
    """The longest time without an acknowledged write that ended after the fault: monotonic seconds,
    None if it has not ended.
    """
    ends = sorted(op.began + op.took_s for op in writes if op.ended_as in KEPT_ACKS)
    last = ends[-1] if ends else flight.at
    longest_s, gap = 0.0, (last, last)
    for one, other in itertools.pairwise(ends):
        if other > flight.at and other - one > longest_s:
            longest_s, gap = other - one, (one, other)
    if last <= flight.at or time.monotonic() - last > max(pulse_s, longest_s):
        return last, None
    return gap


def results_of(
    flight: Flight, group: ReplicationGroup, writes: Sequence[Operation], recounted: Recount
) -> dict[str, Value]:
    """The figures of a flight whose `lost` and `gap` are known."""
    began, ended = flight.gap
    window = [op for op in writes if flight.at - BEFORE_S <= op.began <= flight.ended_at]
    failed = Counter(op.ended_as for op in window if op.ended_as not in KEPT_ACKS)
    promoted, promoted_at = (
        group.primary,
        next(
            (
                move.at
                for move in group.endpoints.moves
                if move.at > flight.at
                and move.endpoint == PRIMARY_ENDPOINT
                and move.targets == [group.primary]
            ),
            None,
        ),
    )
    if promoted_at is None:
        promoted = ""
    before = {
        op.number for op in writes if op.ended_as in KEPT_ACKS and op.began + op.took_s <= flight.at
    } & recounted.acknowledged
    return {
        "downtime_ms": round(1000 * ((flight.ended_at if ended is None else ended) - began), 1),
        "recovered": ended is not None,
        "acknowledged": len(recounted.acknowledged),
        "lost": len(flight.lost),
        "refused": sum(failed.values()),
        "promoted": promoted,
        "promoted_after_ms": round(1000 * (promoted_at - flight.at), 1) if promoted_at else 0.0,
        "recounted": not recounted.problem,
        "acknowledged_before": len(before),
        "lost_before": len(before & set(flight.lost)),
    }


def accepted_after(flight: Flight, writes: Sequence[Operation], lost: set[int]) -> tuple[int, ...]:
    """The numbers that were acknowledged after the gap, and are not lost; empty if there was no
    gap, or it has not ended: then they do not show that a client goes on.
    """
    began, ended = flight.gap
    if ended is None or ended - began < PULSE_S:
        return ()
    return tuple(
        op.number
        for op in writes
        if op.ended_as in KEPT_ACKS and op.began + op.took_s >= ended and op.number not in lost
    )


def agreed_on(flight: Flight, messages: Sequence[SentinelMessage]) -> int:
    """How many sentinels held the server of the fault to be down."""
    return len(
        {
            message.sentinel
            for message in messages
            if message.at >= flight.at
            and message.event == "+sdown"
            and message.subject == flight.server
        }
    )


def isolated_of(flight: Flight, writes: Sequence[Operation]) -> Isolated:
    """What the isolated primary did, counted over every operation since the fault."""
    lost = set(flight.lost)
    since = [op for op in writes if flight.at <= op.began <= flight.ended_at]
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


def sentences_of(flight: Flight) -> tuple[str, str]:
    """How long no write was accepted, and what is lost."""
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
    shown_until = until
    if max(len(writes), len(reads)) > MOST_SHOWN:
        shown_until = min(
            several[MOST_SHOWN - 1].began
            for several in (writes, reads)
            if len(several) > MOST_SHOWN
        )
        marks.append((shown_until, "more operations than a record holds"))

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
        "lab": context.lab.id,
        "at": round(flight.wall, 3),
        "versions": context.versions(),
        "isolation": context.runtime_name,
        "settings": [
            [control.label, control.show(flight.settings[control.name])]
            for control in context.lab.controls
        ],
        "fault": {
            "verb": flight.verb,
            "server": flight.server,
            "zone": flight.zone,
            "words": flight.words,
        },
        "marks": [[ms(at), words] for at, words in marks],
        "from_ms": ms(since),
        "to_ms": ms(shown_until),
        "writes": [row(op) for op in writes if op.began <= shown_until],
        "reads": [row(op) for op in reads if op.began <= shown_until],
        "sentinels": [
            [ms(message.at), message.sentinel, message.event, message.words]
            for message in group.observer.messages
            if since <= message.at <= until
        ][:MOST_MESSAGES],
        "moves": [
            [ms(move.at), move.endpoint, move.targets]
            for move in group.endpoints.moves
            if move.at <= until
        ][-MOST_MOVES:],
        "roles": [
            [ms(change.at), change.server, change.status.role]
            for change in group.observer.changes
            if change.at <= until
        ][-MOST_CHANGES:],
        "results": {
            **flight.results,
            "gap_from_ms": ms(began) if was_gap else None,
            "gap_to_ms": ms(ended) if was_gap and ended is not None else None,
            "written": len(writes),
        },
    }
