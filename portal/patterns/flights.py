"""Made-up flights for the page of patterns and for tests: the same each time.

Nothing in them was measured, and their titles say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

AT = 1_795_640_000.123
SETTINGS = [["Detection time", "1,000 ms"], ["Replicas", "2"], ["Wait for replicas (WAIT)", "0"]]
FAILOVER = (
    (1_002.0, "sentinel-b", "+sdown", "cannot reach cache-001"),
    (1_038.0, "sentinel-c", "+sdown", "cannot reach cache-001"),
    (1_061.0, "sentinel-b", "+odown", "2 of 3 agree"),
    (1_063.0, "sentinel-b", "+new-epoch", "1"),
    (1_064.0, "sentinel-b", "+try-failover", "cache-001"),
    (1_068.0, "sentinel-b", "+vote-for-leader", "sentinel-b, epoch 1"),
    (1_071.0, "sentinel-c", "+new-epoch", "1"),
    (1_072.0, "sentinel-c", "+vote-for-leader", "sentinel-b, epoch 1"),
    (1_310.0, "sentinel-b", "+elected-leader", "epoch 1"),
    (1_720.0, "sentinel-b", "+selected-slave", "cache-002"),
    (2_060.0, "sentinel-b", "+promoted-slave", "cache-002"),
    (2_190.0, "sentinel-b", "+switch-master", "cache-001 to cache-002"),
    (2_240.0, "sentinel-c", "+switch-master", "cache-001 to cache-002"),
)


MOVES = ((2_190.0, "primary-endpoint", ["cache-002"]), (2_205.0, "reader-endpoint", ["cache-003"]))
ROLES = ((2_060.0, "cache-002", "primary"),)
Event = tuple[float, str, Any]
Outcome = Callable[[float, Random], tuple[str, float]]


def sample_flight(kind: str) -> dict[str, Any]:
    """A flight of this kind: kill, split-brain, no-recovery or fast. KeyError for another."""
    return {"kill": _kill, "split-brain": _split_brain, "no-recovery": _no_recovery, "fast": _fast}[
        kind
    ]()


def _flight(
    number: int,
    title: str,
    *,
    until: int = 6_000,
    rate: int = 200,
    outcome: Outcome,
    verb: str = "kill",
    words: str = "cache-001 was killed",
    marks: Sequence[tuple[float, str]] = ((0, "killed"),),
    sentinels: Sequence[tuple[Any, ...]] = FAILOVER,
    moves: Sequence[Event] = MOVES,
    roles: Sequence[Event] = ROLES,
    promoted: str = "cache-002",
    gap: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """A flight from two seconds before its fault; its number is the seed of its chance."""
    chance, since = Random(number), -2_000
    writes: list[list[Any]] = []
    for index in range((until - since) * rate // 1000):
        at = round(since + index * 1000 / rate + chance.random() * 0.4, 1)
        code, took = outcome(at, chance)
        if code:
            writes.append([at, took, code, len(writes) + 1])
    reads = [
        [
            at,
            round(0.15 + chance.expovariate(9), 1),
            "r" if chance.random() < 0.4 and 0 <= at < 30 else "h",
            0,
        ]
        for at in range(since, until, max(1, 1000 // min(rate, 400)))
    ]
    codes = [code for _, _, code, _ in writes]
    accepted = [at for at, _, code, _ in writes if code in "alw"]
    gap_from, gap_to = gap or (
        max((at for at in accepted if at < 0), default=since),
        min((at for at in accepted if at > 1_500), default=None),
    )
    return {
        "kind": "flight",
        "version": 1,
        "name": f"flight-{number}",
        "title": title,
        "lab": "failover",
        "at": AT,
        "versions": {"redis": "7.0.15"},
        "isolation": "cage",
        "settings": [*SETTINGS, ["Writes a second", f"{rate:,}"]],
        "fault": {"verb": verb, "server": "cache-001", "zone": "zone a", "words": words},
        "from_ms": since,
        "to_ms": until,
        "marks": [list(mark) for mark in marks],
        "writes": writes,
        "reads": reads,
        "sentinels": [list(event) for event in sentinels],
        "moves": [list(move) for move in moves],
        "roles": [list(role) for role in roles],
        "results": {
            "downtime_ms": None if gap_to is None else round(gap_to - gap_from, 1),
            "gap_from_ms": gap_from,
            "gap_to_ms": gap_to,
            "written": len(writes),
            "acknowledged": len(accepted),
            "lost": codes.count("l"),
            "refused": sum(code in "onefrt" for code in codes),
            "promoted": promoted,
            "recounted": True,
            "tilt_ms": 0.0,
            "stalled_ms": 0.0,
        },
    }


def _took(at: float, chance: Random, again: float = 2_237.0) -> float:
    slow = max(0.0, 90.0 - (at - again) * 0.9) if at >= again else 0.0
    return round(0.2 + chance.expovariate(6) + slow, 1)


def _killed(at: float, chance: Random, again: float = 2_237.0) -> tuple[str, float]:
    if at < -35 or at >= again:
        return "a", _took(at, chance, again)
    if at < 0:
        return "l", _took(at, chance)
    if at < 12:
        return "r", 0.3
    return ("t", 250.0) if chance.random() < 0.01 else ("o", 0.3) if again - 40 < at else ("f", 0.1)


def _kill() -> dict[str, Any]:
    return _flight(1, "Sample: cache-001 killed", outcome=_killed)


def _fast() -> dict[str, Any]:
    def outcome(at: float, chance: Random) -> tuple[str, float]:
        code, took = _killed(at, chance, 1_540.0)
        return ("" if code in "fot" and chance.random() < 0.5 else code), took

    return _flight(
        2,
        "Sample: cache-001 killed at 2,000 writes a second",
        rate=2_000,
        outcome=outcome,
        sentinels=[(at * 0.68, *rest) for at, *rest in FAILOVER],
        moves=[(1_490.0, "primary-endpoint", ["cache-003"])],
        roles=[(1_401.0, "cache-003", "primary")],
        promoted="cache-003",
    )


def _no_recovery() -> dict[str, Any]:
    return _flight(
        3,
        "Sample: cache-001 killed without a replica",
        until=8_000,
        outcome=lambda at, chance: _killed(at, chance, 1e9),
        words="cache-001 was killed, and it had no replica",
        sentinels=[
            *FAILOVER[:3],
            (1_064.0, "sentinel-b", "+try-failover", "cache-001"),
            (1_310.0, "sentinel-b", "+elected-leader", "epoch 1"),
            (1_330.0, "sentinel-b", "-failover-abort-no-good-slave", "cache-001"),
        ],
        moves=[],
        roles=[(-2_000.0, "cache-001", "primary")],
        promoted="",
    )


def _split_brain() -> dict[str, Any]:
    def outcome(at: float, chance: Random) -> tuple[str, float]:
        if 0 <= at < 14_200:
            return "l", _took(at, chance, 1e9)
        if 14_200 <= at < 14_700:
            return ("o" if at > 14_400 else "r"), 0.4
        return "a", _took(at, chance, 14_700)

    return _flight(
        4,
        "Sample: split brain for fourteen seconds",
        until=30_000,
        rate=100,
        outcome=outcome,
        verb="cut",
        words="Zone a was cut off, with the writer in it",
        marks=[
            (0, "cut off"),
            (14_000, "zone a is whole again"),
            (14_200, "cache-001 starts over as a replica"),
        ],
        sentinels=[
            *FAILOVER,
            (2_300.0, "sentinel-b", "+sdown", "cannot reach sentinel-a"),
            (14_010.0, "sentinel-b", "-sdown", "reaches cache-001"),
            (14_150.0, "sentinel-b", "+convert-to-slave", "cache-001"),
            (14_390.0, "sentinel-a", "+config-update-from", "sentinel-b"),
            (14_395.0, "sentinel-a", "+switch-master", "cache-001 to cache-002"),
        ],
        moves=[(14_395.0, "primary-endpoint", ["cache-002"])],
        roles=[
            (-2_000.0, "cache-001", "primary"),
            (2_060.0, "cache-002", "primary"),
            (14_160.0, "cache-001", "replica"),
        ],
        gap=(14_190.0, 14_700.0),
    )
