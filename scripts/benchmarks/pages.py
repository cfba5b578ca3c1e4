"""The lesson page beside a bare Flask and Jinja page of its size, under the same gunicorn settings,
in turn.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from portal.content.loading import load
from portal.serve.child import Child, Launch
from portal.settings import ROOT
from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, at_most, median, percentile, plain
from scripts.benchmarks.learner import Learner
from scripts.benchmarks.running import Helper, free_port, wait_until
from scripts.benchmarks.site import Site
from scripts.benchmarks.visits import Visitor

ABOUT = "one visitor, one connection, rounds in turn; requests a second over 4 connections"
LIMIT = 4.0
SLOWEST_MS = 5.0
CONNECTIONS = 4


def measure(context: Context) -> Iterator[Row]:
    """The largest lesson, as somebody new and as somebody with progress sees it."""
    with context.site() as site:
        path, size = largest_lesson(site.port)
        with (
            bare_site(site, size) as port,
            Helper(
                "visits", {"do": "in_turn", "targets": [], "rounds": 0, "visits": 0, "warm_up": 0}
            ) as visitor,
        ):
            visitor.answer(30.0)
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
                f"{path}, {size:,} bytes; bare {Visitor(port, '/').visit():,}",
            )
            yield from _speeds(context, visitor, targets)


def largest_lesson(port: int) -> tuple[str, int]:
    """The path and the bytes of the largest lesson page."""
    sizes = {
        f"/lessons/{slug}": Visitor(port, f"/lessons/{slug}").visit()
        for slug, lesson in load(ROOT / "lessons").lessons.items()
        if lesson.written
    }
    if not sizes:
        raise CannotMeasure("No lesson is written")
    return max(sizes.items(), key=lambda item: item[1])


def known_learner(port: int, path: str) -> Learner:
    """Somebody with progress in this lesson."""
    learner = Learner(port)
    learner.post(f"{path}/read")
    return learner


@contextlib.contextmanager
def bare_site(site: Site, size: int) -> Iterator[int]:
    """The bare page, served as the site's web is; yields its port."""
    port = free_port()
    child = Child(
        Launch(
            name="bare",
            argv=[
                sys.executable,
                "-m",
                "gunicorn",
                "-c",
                "python:portal.serve.gunicorn_settings",
                "--bind",
                f"127.0.0.1:{port}",
                "scripts.benchmarks.bare:app",
            ],
            environment={
                **site.environment(),
                "BENCH_PAGE_BYTES": str(size),
                "HOME": str(site.places.portal),
            },
            directory=ROOT,
            uid=site.places.uid,
        ),
        site.places.logs / "bare.log",
    )
    try:
        wait_until(lambda: _answers(port, "/"), 30.0, "A bare page")
        yield port
    finally:
        child.stop()


def _answers(port: int, path: str) -> bool:
    visitor = Visitor(port, path)
    try:
        return visitor.visit() > 0
    except (OSError, ValueError):
        return False
    finally:
        visitor.close()


def _latencies(
    context: Context, visitor: Helper, targets: dict[str, dict[str, Any]], note: str
) -> Iterator[Row]:
    visitor.tell(
        {
            "do": "in_turn",
            "targets": list(targets.values()),
            "rounds": context.rounds(15, 4),
            "visits": context.rounds(200, 100),
            "warm_up": 20,
        }
    )
    found = dict(zip(targets, found_by(visitor, 300.0), strict=True))
    medians = {name: [median(round_) for round_ in rounds] for name, rounds in found.items()}
    for name, rounds in found.items():
        yield (
            plain("bare page, p50", median(medians[name]), "ms", note)
            if name == "bare page"
            else at_most(f"{name}, p50", median(medians[name]), "ms", SLOWEST_MS)
        )
        yield plain(
            f"{name}, p99",
            median([percentile(round_, 99) for round_ in rounds]),
            "ms",
            "median of the rounds",
        )
    for name in list(targets)[1:]:
        ratios = [
            ours / bare for ours, bare in zip(medians[name], medians["bare page"], strict=True)
        ]
        yield at_most(
            f"{name}, p50 to bare",
            median(ratios),
            "times",
            LIMIT,
            f"median of {len(ratios)} rounds, from {min(ratios):.2f} to {max(ratios):.2f}",
        )


def _speeds(context: Context, visitor: Helper, targets: dict[str, dict[str, Any]]) -> Iterator[Row]:
    speeds: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(context.rounds(5, 2)):
        for name, target in targets.items():
            visitor.tell(
                {
                    "do": "at_full_speed",
                    "target": target,
                    "connections": CONNECTIONS,
                    "seconds": 1.5,
                }
            )
            speeds[name].append(float(found_by(visitor, 60.0)))
    for name, several in speeds.items():
        yield plain(
            f"{name}, requests a second",
            median(several),
            "/s",
            f"the visitor has a part of these {CONNECTIONS} connections’ cores"
            if name == "bare page"
            else "",
        )


def found_by(visitor: Helper, within_s: float) -> Any:
    """What the visitor found. Raises CannotMeasure with its problem."""
    answer = visitor.answer(within_s)
    if "problem" in answer:
        raise CannotMeasure(f"A page could not be had: {answer['problem']}")
    return answer["found"]
