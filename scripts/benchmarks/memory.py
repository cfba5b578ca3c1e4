"""What a sandbox takes of the machine's memory, by process: its proportional share (PSS), and what
is its alone (USS).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, at_most, median, plain
from scripts.benchmarks.learner import Learner
from scripts.benchmarks.site import Site

ABOUT = "PSS counts a page that several processes share by its share, USS only what none shares"
LIMIT_MB = 45.0
IDLE_S, BUSY_S = 6.0, 10.0
MB = 1024 * 1024
CACHES = {"redis-server", "memcached"}


def measure(context: Context) -> Iterator[Row]:
    """One sandbox open and idle, alone on its machine; then idle, and busy with its load, next to
    the pool that a site has. The bound is for what a site is.
    """
    with context.site(pool=0) as site, _opened(site, "cache-aside"):
        yield from _rows("cache-aside alone, idle", site, context, _sharing(site))
    with context.site() as site:
        with _opened(site, "cache-aside") as learner:
            yield from _rows("cache-aside, idle", site, context, _sharing(site), LIMIT_MB)
            learner.post(f"/sandboxes/{learner.sandbox}/load", verb="start")
            time.sleep(BUSY_S)
            yield from _rows("cache-aside, busy", site, context, "its load at the start’s settings")
        with _opened(site, "database-relief"):
            rows = _rows("database-relief, idle", site, context, _sharing(site))
            yield from (row for row in rows if not row.name.startswith(" "))


@contextlib.contextmanager
def _opened(site: Site, lab: str) -> Iterator[Learner]:
    """A learner whose sandbox has been idle for a while."""
    site.settle()
    learner = Learner(site.port)
    learner.open(lab)
    try:
        site.settle(open_sandboxes=1)
        time.sleep(IDLE_S)
        yield learner
    finally:
        learner.close()


def _sharing(site: Site) -> str:
    return (
        f"{site.pool + 1} sandboxes share the warm pages, {site.pool} of them the pool’s"
        if site.pool
        else "only the process that keeps the warm pages shares them"
    )


Taken = dict[str, tuple[int, int, int]]
"""By a process' name: how many there are, their PSS and their USS in bytes."""


def _rows(
    name: str, site: Site, context: Context, note: str, limit_mb: float | None = None
) -> Iterator[Row]:
    """The sums of the open sandbox, then a row for each kind of process."""
    several = []
    for _ in range(context.rounds(5, 2)):
        several.append(_taken(_of_the_open_one(site)))
        time.sleep(0.7)
    taken = sorted(several, key=_pss)[len(several) // 2]
    pss_mb = median([_pss(one) for one in several]) / MB
    note = f"{sum(number for number, _, _ in taken.values())} processes; {note}"
    yield at_most(f"{name}, PSS", pss_mb, "MB", limit_mb, note)
    yield plain(f"{name}, USS", sum(uss for _, _, uss in taken.values()) / MB, "MB")
    for process, (number, pss, uss) in sorted(taken.items(), key=lambda item: -item[1][1]):
        label = f"  {process}" + (f" × {number}" if number > 1 else "")
        yield plain(label, pss / MB, "MB", f"USS {uss / MB:.1f} MB")


def _of_the_open_one(site: Site) -> list[psutil.Process]:
    """Every process of the sandbox that is open: the only one with a cache."""
    for monitor in site.monitors():
        processes = [monitor, *monitor.children(recursive=True)]
        if any(_name(process) in CACHES for process in processes):
            return processes
    raise CannotMeasure("No sandbox has a cache server")


def _taken(processes: list[psutil.Process]) -> Taken:
    taken: Taken = {}
    for process in processes:
        with contextlib.suppress(OSError, psutil.Error):
            pss, uss = pss_and_uss(Path(f"/proc/{process.pid}/smaps_rollup").read_text())
            before = taken.get(process.name(), (0, 0, 0))
            taken[process.name()] = (before[0] + 1, before[1] + pss, before[2] + uss)
    return taken


def pss_and_uss(rollup: str) -> tuple[int, int]:
    """Bytes, out of the text of a smaps_rollup."""
    sizes = {
        line.split()[0].rstrip(":"): int(line.split()[1]) * 1024 for line in rollup.splitlines()[1:]
    }
    return sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"]


def _pss(taken: Taken) -> int:
    return sum(pss for _, pss, _ in taken.values())


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return str(process.name())
    return ""
