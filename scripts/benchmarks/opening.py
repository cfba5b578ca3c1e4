"""How long a learner waits for a sandbox, through the web: until it is open, and until the page
shows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.catalogue import catalogue
from labs.host.supervisor import shop_template_directory
from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, at_most, median, percentile, plain, under
from scripts.benchmarks.learner import Learner, Opened
from scripts.benchmarks.running import Helper, together
from scripts.benchmarks.site import Site

ABOUT = (
    "from a new learner’s post until the sandbox says that it is open; “on the page”: until "
    "the bench is there, which the page asks for five times a second; “bare start”: the same "
    "servers over data that is laid out, together, until each answers"
)
ABOUT_CLASS = (
    "a hundred new learners open the same lab at the same moment, without a pool; each page "
    "asks again after the time that it names"
)
ABOUT_LABS = (
    "every lab, one sandbox at a time, in turn with the bare start of its servers as they are "
    "built from its topology: without TLS and without what its parts start besides"
)
LABS = ("cache-aside", "database-relief")
BARE_LIMIT = 2.0
ASKED_WHILE_OPENING = 15
"""Pages that ask every 200 ms while a sandbox opens: more than this is a wait for others."""
TOGETHER, TOGETHER_LIMIT_S = 20, 2.0
CLASS, CLASS_LIMIT_S, CLASS_PATIENCE_S = 100, 10.0, 180.0


def measure(context: Context) -> Iterator[Row]:
    """One at a time, with a pool and without, in turn with the bare start; then twenty at once."""
    with context.site(pool=2) as pooled, context.site(pool=0) as unpooled:
        sites = {"with the pool": pooled, "without a pool": unpooled}
        taken: dict[tuple[str, str], list[Opened]] = {
            (lab, how): [] for lab in LABS for how in sites
        }
        bare_ms = []
        for round_ in range(1 + context.rounds(25, 6)):
            bare = _start_bare(context, unpooled, LABS[0], str(round_))
            if round_:
                bare_ms.append(bare * 1e3)
            for lab, how in taken:
                opened = _open_one(sites[how], lab)
                if round_:
                    taken[lab, how].append(opened)
        for (lab, how), several in taken.items():
            yield from _rows(f"{lab}, {how}", several)
        opened_ms = [one.open_s * 1e3 for one in taken[LABS[0], "without a pool"]]
        note = f"p95 {percentile(bare_ms, 95):.0f} ms"
        yield plain(f"bare start of the servers of {LABS[0]}, p50", median(bare_ms), "ms", note)
        yield at_most(
            f"{LABS[0]}, without a pool, p50 to the bare start",
            median(opened_ms) / median(bare_ms),
            "times",
            BARE_LIMIT,
        )
        for how, site in sites.items():
            for lab in LABS:
                together = [_open_together(site, lab) for _ in range(context.rounds(5, 1))]
                open_s, shown_s, note = _slowest(together)
                name = f"{lab}, {how}, slowest of {TOGETHER}"
                yield under(f"{name} at once", open_s, "s", TOGETHER_LIMIT_S, note)
                yield plain(f"{name} on the page", shown_s, "s")


def measure_labs(context: Context) -> Iterator[Row]:
    """Each lab, with the pool and without, against the bare start of its own servers."""
    with context.site(pool=2) as pooled, context.site(pool=0) as unpooled:
        for lab in sorted(catalogue()):
            taken: dict[Site, list[float]] = {pooled: [], unpooled: []}
            bare_ms: list[float] = []
            starts_bare = True
            for round_ in range(context.rounds(9, 3)):
                for site, opened_ms in taken.items():
                    opened_ms.append(_open_one(site, lab).open_s * 1e3)
                if starts_bare:
                    try:
                        bare = _start_bare(context, unpooled, lab, f"{lab}-{round_}")
                        bare_ms.append(bare * 1e3)
                    except CannotMeasure:
                        starts_bare = False
            bare_p50 = f"bare {median(bare_ms):.0f} ms" if bare_ms else "they do not start bare"
            for how, site in (("with the pool", pooled), ("without a pool", unpooled)):
                open_p50 = median(taken[site])
                times = f", {open_p50 / median(bare_ms):.1f} times" if bare_ms else ""
                yield plain(f"{lab}, {how}, p50", open_p50, "ms", bare_p50 + times)


def measure_class(context: Context) -> Iterator[Row]:
    """A hundred at once, without a pool: a class that begins."""
    with context.site(pool=0) as site:
        rounds = [_open_together(site, LABS[0], CLASS) for _ in range(context.rounds(3, 1))]
        site.settle()
    several = [one for round_ in rounds for one in round_]
    open_s, shown_s, note = _slowest(rounds)
    waited = [one for one in several if one.asked]
    unplaced = [one for one in waited if not one.places and one.asked > ASKED_WHILE_OPENING]
    yield at_most(f"{CLASS} at once, all open", open_s, "s", CLASS_LIMIT_S, note)
    yield plain(f"{CLASS} at once, all on the page", shown_s, "s")
    yield at_most(
        "  waited and were shown no position",
        len(unplaced),
        "learners",
        0,
        f"{sum(bool(one.places) for one in several)} of {len(several)} were shown one, the "
        f"highest {max((max(one.places) for one in several if one.places), default=0)}",
    )
    yield plain(
        "  pages asked for by each while it waits, mean",
        sum(one.asked for one in several) / len(several),
        "pages",
    )


def _slowest(rounds: list[list[Opened]]) -> tuple[float, float, str]:
    """Of the rounds' slowest the median seconds, open and on the page; and a note."""
    open_s = [max(one.open_s for one in round_) for round_ in rounds]
    shown_s = [max(one.shown_s for one in round_) for round_ in rounds]
    p50 = median([one.open_s for round_ in rounds for one in round_])
    note = f"median of {len(rounds)} rounds, worst {max(open_s):.2f} s; p50 of all {p50:.2f} s"
    return median(open_s), median(shown_s), note


def _rows(name: str, several: list[Opened]) -> Iterator[Row]:
    opened, shown = [one.open_s * 1e3 for one in several], [one.shown_s * 1e3 for one in several]
    note = f"of {len(several)}, p95 {percentile(opened, 95):.0f} ms"
    yield plain(f"{name}, p50", median(opened), "ms", note)
    yield plain(
        f"{name}, on the page p50", median(shown), "ms", f"p95 {percentile(shown, 95):.0f} ms"
    )


def _start_bare(context: Context, site: Site, lab: str, name: str) -> float:
    """Seconds in which the servers of a sandbox start where no site has a hand in it."""
    site.settle()
    with Helper("servers") as servers:
        servers.tell(
            {
                "lab": lab,
                "directory": str(context.directory / f"bare-{name}"),
                "template": str(shop_template_directory()),
                "uid": site.places.uid,
            }
        )
        servers.answer(60.0)
        servers.tell("start")
        return float(servers.answer(60.0))


def _open_one(site: Site, lab: str) -> Opened:
    site.settle()
    learner = Learner(site.port)
    try:
        return learner.open(lab)
    finally:
        learner.close()


def _open_together(site: Site, lab: str, count: int = TOGETHER) -> list[Opened]:
    site.settle()
    learners = [Learner(site.port, patience_s=CLASS_PATIENCE_S) for _ in range(count)]
    try:
        return together(count, lambda number: learners[number].open(lab))
    finally:
        for learner in learners:
            learner.close()
