"""Event lag and page time while up to 500 streams are open; 500 streams right after 500 others were
closed; and whether a reader of a byte a second is felt by others.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, at_most, median, percentile, plain, under
from scripts.benchmarks.learner import Learner
from scripts.benchmarks.pages import found_by, known_learner, largest_lesson
from scripts.benchmarks.running import Helper
from scripts.benchmarks.wide import STREAMS_OF_A_LEARNER

ABOUT = (
    "10 sandboxes whose load runs at 20 requests a second, each sending 4 readings a second; the "
    "lesson page is asked for 40 times a second at the same time; median of the rounds"
)
LAB = "cache-aside"
SANDBOXES, RATE_PER_S, WARM_UP_S = 10, 20, 8.0
COUNTS = (0, 200, 500)
BOUNDED = 500
LAG_LIMIT_MS, PAGE_LIMIT, SLOW_LIMIT = 250.0, 2.0, 1.25
VISITORS, EACH_PER_S = 4, 10.0
QUIET_S = 3.0
"""Before an interval: the streams of the round before are let go of by then."""
BEGIN_S = 45.0
"""All streams of a round have begun by then, or the round is given up: 100 connect a second."""


@dataclass(slots=True)
class Found:
    """What was seen with one number of streams, a value for each round."""

    lag_p50: list[float] = field(default_factory=list)
    lag_p99: list[float] = field(default_factory=list)
    page_p50: list[float] = field(default_factory=list)
    page_p99: list[float] = field(default_factory=list)
    events_per_s: list[float] = field(default_factory=list)


def measure(context: Context) -> Iterator[Row]:
    """Rounds over the numbers of streams, in which the largest number is read with and without a
    slow reader, in turn.
    """
    seconds = 10.0 if not context.quick else 6.0
    with (
        context.site() as site,
        site.web("scripts.benchmarks.wide:create()", "/labs") as port,
        contextlib.ExitStack() as cleanup,
    ):
        learners = [Learner(port) for _ in range(SANDBOXES)]
        context.say(f"{SANDBOXES} sandboxes, {BOUNDED} streams, closed and opened again")
        for learner in learners:
            cleanup.callback(learner.close)
            learner.open(LAB)
            learner.post(
                f"/sandboxes/{learner.sandbox}/settings", name="rate_per_s", value=str(RATE_PER_S)
            )
        yield _opened_again(learners, port)
        for learner in learners:
            learner.post(f"/sandboxes/{learner.sandbox}/load", verb="start")
        time.sleep(WARM_UP_S)
        path, _ = largest_lesson(port)
        found, slowed = {count: Found() for count in COUNTS}, Found()
        with Helper("visits") as visitor:
            page = {"port": port, "path": path, "cookie": known_learner(port, path).cookie}
            rounds = context.rounds(4, 2)
            for round_ in range(rounds):
                for count, seen in found.items():
                    context.say(f"round {round_ + 1} of {rounds}: {count} streams")
                    intervals = [(False, seen)]
                    if count == BOUNDED:
                        intervals.insert(round_ % 2, (True, slowed))
                    _one_round(intervals, learners, count, visitor, page, seconds)
    yield from _rows(found)
    yield from _rows_of_slow(found[BOUNDED], slowed)


def _opened_again(learners: list[Learner], port: int) -> Row:
    """How many of as many streams as are promised are refused right after as many were closed.

    No load runs: nothing is written to the streams, so a reader that has gone shows itself late.
    """
    found = []
    for _ in range(2):
        with Helper("listeners") as listeners:
            listeners.tell({"port": port, "streams": _streams(learners, BOUNDED)})
            found.append(listeners.answer(BEGIN_S))
    first, again = found
    if first["problem"]:
        raise CannotMeasure(first["problem"])
    return at_most(
        f"of {BOUNDED} streams right after {BOUNDED} were closed, not begun",
        again["missing"],
        "streams",
        0,
        again["problem"],
    )


def _streams(learners: list[Learner], count: int) -> list[dict[str, object]]:
    """As many streams, each from where a page that is opened now begins."""
    assert count < STREAMS_OF_A_LEARNER * len(learners)
    of_each = [
        {
            "sandbox": learner.sandbox,
            "cookie": learner.cookie,
            "after": learner.last_event(LAB) if count else 0,
        }
        for learner in learners
    ]
    return [of_each[number % len(learners)] for number in range(count)]


def _one_round(
    intervals: list[tuple[bool, Found]],
    learners: list[Learner],
    count: int,
    visitor: Helper,
    page: dict[str, Any],
    seconds: float,
) -> None:
    """Connect `count` streams and read them for one interval after the other, each with or without
    a slow reader.
    """
    for learner in learners if count else []:
        # A load ends by itself after some minutes. A start restarts one that runs.
        learner.post(f"/sandboxes/{learner.sandbox}/load", verb="start")
    with Helper("listeners") as listeners:
        listeners.tell({"port": page["port"], "streams": _streams(learners, count)})
        if problem := listeners.answer(BEGIN_S)["problem"]:
            raise CannotMeasure(problem)
        for slow, found in intervals:
            time.sleep(QUIET_S)
            listeners.tell({"slow": slow})
            pace = {"connections": VISITORS, "each_per_s": EACH_PER_S, "seconds": seconds}
            visitor.tell({"do": "at_a_pace", "target": page, **pace})
            times = found_by(visitor, seconds + 30.0)
            listeners.tell("end")
            _add(found, count, times, listeners.answer(30.0))


def _add(found: Found, count: int, times: list[float], heard: dict[str, Any]) -> None:
    if heard["alive"] != count:
        raise CannotMeasure(
            f"{count - heard['alive']} of {count} streams ended while they were read"
        )
    if count and not heard["lags"]:
        raise CannotMeasure(
            f"No event came in {heard['seconds']:.0f} s to {count} streams; their first lines: "
            f"{heard['answers']}"
        )
    found.page_p50.append(median(times))
    found.page_p99.append(percentile(times, 99))
    if count:
        found.lag_p50.append(median(heard["lags"]))
        found.lag_p99.append(percentile(heard["lags"], 99))
        found.events_per_s.append(len(heard["lags"]) / heard["seconds"])


def _rows(found: dict[int, Found]) -> Iterator[Row]:
    for count in COUNTS[1:]:
        name, seen = f"{count} streams, event lag p99", found[count]
        lag = median(seen.lag_p99)
        note = (
            f"p50 {median(seen.lag_p50):.1f} ms; {median(seen.events_per_s):,.0f} events a "
            f"second; worst round {max(seen.lag_p99):.0f} ms"
        )
        yield under(name, lag, "ms", LAG_LIMIT_MS if count == BOUNDED else None, note)
    for count, seen in found.items():
        note = f"p50 {median(seen.page_p50):.1f} ms; worst round {max(seen.page_p99):.0f} ms"
        name = f"{count or 'no'} streams, page p99"
        yield plain(name, median(seen.page_p99), "ms", note)
    for count in COUNTS[1:]:
        name = f"{count} streams, page p99 to none"
        ratio = median(found[count].page_p99) / median(found[0].page_p99)
        yield at_most(name, ratio, "times", PAGE_LIMIT if count == BOUNDED else None)


def _rows_of_slow(without: Found, with_it: Found) -> Iterator[Row]:
    yield under(
        f"{BOUNDED} streams and one of 1 byte/s, lag p99 of the others",
        median(with_it.lag_p99),
        "ms",
        LAG_LIMIT_MS,
        f"without it, in turn: {median(without.lag_p99):.1f} ms",
    )
    yield at_most(
        f"{BOUNDED} streams and one of 1 byte/s, lag p50 to without",
        median(with_it.lag_p50) / median(without.lag_p50),
        "times",
        SLOW_LIMIT,
        f"{median(with_it.lag_p50):.1f} and {median(without.lag_p50):.1f} ms",
    )
