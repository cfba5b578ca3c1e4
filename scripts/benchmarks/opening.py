"""How long a learner waits for a sandbox: from the post to the event that says it is open, through the web."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, median, percentile, plain, under
from scripts.benchmarks.learner import Learner
from scripts.benchmarks.site import Site

ABOUT = "from a new learner’s post to the event sandbox-opened in their stream"
LABS = ("cache-aside", "database-relief")
P50_LIMIT_MS = 400.0
TOGETHER, TOGETHER_LIMIT_S = 20, 2.0


def measure(context: Context) -> Iterator[Row]:
    """One at a time, with and without a pool in turn; then twenty at once, with the pool."""
    with context.site(pool=2) as pooled, context.site(pool=0) as unpooled:
        sites = {"with the pool": pooled, "without a pool": unpooled}
        taken: dict[tuple[str, str], list[float]] = {(lab, how): [] for lab in LABS for how in sites}
        for round_ in range(1 + context.rounds(25, 6)):
            for lab, how in taken:
                seconds = _open_one(sites[how], lab)
                if round_:
                    taken[lab, how].append(seconds * 1e3)
        for (lab, how), times in taken.items():
            yield under(f"{lab} {how}, p50", median(times), "ms", P50_LIMIT_MS, f"of {len(times)}")
            yield plain(f"{lab} {how}, p95", percentile(times, 95), "ms")
        for lab in LABS:
            together = [_open_together(pooled, lab) for _ in range(context.rounds(5, 1))]
            slowest = [max(times) for times in together]
            yield under(
                f"{lab}, the slowest of {TOGETHER} at once", median(slowest), "s", TOGETHER_LIMIT_S,
                f"median of {len(slowest)} rounds, the worst {max(slowest):.2f} s; their p50 {median([one for times in together for one in times]):.2f} s",
            )


def _open_one(site: Site, lab: str) -> float:
    site.settle()
    learner = Learner(site.port)
    try:
        return learner.open(lab)
    finally:
        learner.close()


def _open_together(site: Site, lab: str) -> list[float]:
    site.settle()
    learners = [Learner(site.port) for _ in range(TOGETHER)]
    taken: list[float] = []
    problems: list[str] = []
    begin = threading.Barrier(TOGETHER)

    def open_it(learner: Learner) -> None:
        begin.wait(timeout=10.0)
        try:
            taken.append(learner.open(lab))
        except CannotMeasure as exc:
            problems.append(str(exc))

    threads = [threading.Thread(target=open_it, args=(learner,), daemon=True) for learner in learners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for learner in learners:
        learner.close()
    if problems:
        raise CannotMeasure(f"{len(problems)} of {TOGETHER} did not open: {problems[0]}")
    return taken
