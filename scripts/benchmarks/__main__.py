"""`scripts/bench`: run the measurements that are asked for, print what they found."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from labs.errors import LabsError
from portal.settings import ROOT
from scripts.benchmarks import holding, lighthouse, load, memory, opening, pages, ready, streams
from scripts.benchmarks.context import Context
from scripts.benchmarks.facts import facts
from scripts.benchmarks.figures import CannotMeasure, NotInstalled, Row
from scripts.benchmarks.table import Section, page, report

BUSY = 0.5
"""A load average of the last minute at which figures are another machine's."""
MEASUREMENTS: dict[str, tuple[str, Callable[[Context], Iterator[Row]]]] = {
    "ready": (ready.ABOUT, ready.measure),
    "page": (pages.ABOUT, pages.measure),
    "open": (opening.ABOUT, opening.measure),
    "labs": (opening.ABOUT_LABS, opening.measure_labs),
    "class": (opening.ABOUT_CLASS, opening.measure_class),
    "memory": (memory.ABOUT, memory.measure),
    "streams": (streams.ABOUT, streams.measure),
    "holding": (holding.ABOUT, holding.measure),
    "load": (load.ABOUT, load.measure),
    "lighthouse": (lighthouse.ABOUT, lighthouse.measure),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; returns 1 if something could not be measured.

    A bound that fails is in the table, not in the exit code.
    """
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the site on this machine, in a site of its own, and print a table.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to measure: {', '.join(MEASUREMENTS)}; all if none is named",
    )
    quick = "fewer rounds: in a minute or two, with less certainty"
    parser.add_argument("--quick", action="store_true", help=quick)
    written = "write it as a page of the documentation as well: docs/measurements.md"
    parser.add_argument("--write", type=Path, metavar="FILE", help=written)
    as_json = "write it all to this file as well"
    parser.add_argument("--json", type=Path, metavar="FILE", help=as_json)
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(
            f"There is no measurement {', '.join(unknown)}. There are {', '.join(MEASUREMENTS)}."
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if os.getloadavg()[0] > BUSY:
        busy = "Others use this machine just now: times are longer than on a quiet one."
        print(busy, file=sys.stderr)
    known = facts()
    try:
        names = [name for name in MEASUREMENTS if not asked.names or name in asked.names]
        sections = run(names, quick=asked.quick)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    known["load average"] += ", at the end " + " ".join(f"{load_:.2f}" for load_ in os.getloadavg())
    print(report(known, sections))
    if asked.write:
        command = ["scripts/bench", *asked.names, *(["--quick"] if asked.quick else [])]
        asked.write.write_text(page(known, sections, " ".join(command)))
    if asked.json:
        measured = {section.name: asdict(section) for section in sections}
        data = {"facts": known, "quick": asked.quick, "measurements": measured}
        asked.json.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    return 1 if any(section.problem for section in sections) else 0


def run(names: list[str], *, quick: bool) -> list[Section]:
    """The measurements of these names, one after the other, in a directory that goes with them.

    One that fails does not keep the next from running.
    """
    (ROOT / "var").mkdir(exist_ok=True)
    # A short name: sandboxes without a cage have sockets below it. Not in /tmp, which may be
    # memory, or another disk than the template's.
    directory = Path(tempfile.mkdtemp(prefix="b-", dir=ROOT / "var"))
    directory.chmod(0o755)
    try:
        return [_run_one(name, Context(directory, quick)) for name in names]
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run_one(name: str, context: Context) -> Section:
    about, measure = MEASUREMENTS[name]
    section = Section(name, about)
    print(f"Measuring {name} …", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        for row in measure(context):
            section.rows.append(row)
    except NotInstalled as exc:
        section.skipped = str(exc)
    except (CannotMeasure, LabsError) as exc:
        section.problem = str(exc)
    except Exception as exc:  # noqa: BLE001 - the others are still to be measured
        traceback.print_exc()
        section.problem = f"{type(exc).__name__}: {exc}"
    section.seconds = time.monotonic() - began
    return section


if __name__ == "__main__":
    sys.exit(main())
