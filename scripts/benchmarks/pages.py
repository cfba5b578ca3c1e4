"""The lesson page compared with a bare Flask and Jinja page of its size, under the same gunicorn
settings, in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portal.content.loading import load
from portal.settings import ROOT
from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, at_most, median, percentile, plain
from scripts.benchmarks.learner import Learner
from scripts.benchmarks.running import Helper
from scripts.benchmarks.visits import Visitor

ABOUT = "one visitor, one connection, rounds in turn; requests a second over 4 connections"
LIMIT = 4.0
SLOWEST_MS = 5.0
CONNECTIONS = 4


def measure(context: Context) -> Iterator[Row]:
    """The largest lesson, as a new visitor and as a learner with progress see it."""
    with context.site() as site:
        path, size = largest_lesson(site.port)
        bare = site.web("scripts.benchmarks.bare:app", "/", BENCH_PAGE_BYTES=str(size))
        with bare as port, Helper("visits") as visitor:
            cookie = known_learner(site.port, path).cookie
            targets = {
                "bare page": {"port": port, "path": "/"},
                "lesson, new visitor": {"port": site.port, "path": path},
                "lesson, known learner": {"port": site.port, "path": path, "cookie": cookie},
            }
            yield from _latencies(
                context,
                visitor,
                targets,
                f"{path}, {size:,} bytes, compressed {Visitor(site.port, path).visit():,}; bare, "
                f"never compressed, {Visitor(port, '/').visit():,}",
            )
            yield from _speeds(context, visitor, targets)


def largest_lesson(port: int) -> tuple[str, int]:
    """The path and the bytes of the largest lesson page, as it is before it is compressed."""
    sizes = {
        f"/lessons/{slug}": Visitor(port, f"/lessons/{slug}", whole=True).visit()
        for slug, lesson in load(ROOT / "lessons").lessons.items()
        if lesson.written
    }
    if not sizes:
        raise CannotMeasure("No lesson is written")
    return max(sizes.items(), key=lambda item: item[1])


def known_learner(port: int, path: str) -> Learner:
    """A learner with progress in this lesson."""
    learner = Learner(port)
    learner.post(f"{path}/read")
    return learner


def _latencies(
    context: Context, visitor: Helper, targets: dict[str, dict[str, Any]], note: str
) -> Iterator[Row]:
    rounds, visits = context.rounds(15, 4), context.rounds(200, 100)
    orders = {"targets": list(targets.values()), "rounds": rounds, "visits": visits, "warm_up": 20}
    visitor.tell({"do": "in_turn", **orders})
    found = dict(zip(targets, found_by(visitor, 300.0), strict=True))
    medians = {name: [median(round_) for round_ in rounds] for name, rounds in found.items()}
    for name, rounds in found.items():
        limit = None if name == "bare page" else SLOWEST_MS
        yield at_most(f"{name}, p50", median(medians[name]), "ms", limit, note)
        note = ""
        p99 = median([percentile(round_, 99) for round_ in rounds])
        yield plain(f"{name}, p99", p99, "ms", "median of the rounds")
    for name in list(targets)[1:]:
        pairs = zip(medians[name], medians["bare page"], strict=True)
        ratios = [ours / bare for ours, bare in pairs]
        note = f"median of {len(ratios)} rounds, from {min(ratios):.2f} to {max(ratios):.2f}"
        yield at_most(f"{name}, p50 to bare", median(ratios), "times", LIMIT, note)


def _speeds(context: Context, visitor: Helper, targets: dict[str, dict[str, Any]]) -> Iterator[Row]:
    speeds: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(context.rounds(5, 2)):
        for name, target in targets.items():
            orders = {"target": target, "connections": CONNECTIONS, "seconds": 1.5}
            visitor.tell({"do": "at_full_speed", **orders})
            speeds[name].append(float(found_by(visitor, 60.0)))
    note = f"the visitor has a part of these {CONNECTIONS} connections’ cores"
    for name, several in speeds.items():
        yield plain(f"{name}, requests a second", median(several), "/s", note)
        note = ""


def found_by(visitor: Helper, within_s: float) -> Any:
    """What the visitor found. Raises CannotMeasure with its problem."""
    answer = visitor.answer(within_s)
    if "problem" in answer:
        raise CannotMeasure(f"A page could not be had: {answer['problem']}")
    return answer["found"]
