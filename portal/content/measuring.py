"""The figures that the lessons quote: every lab's reference run, several times, medians into
lessons/measured.toml. None is typed in by hand.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from labs.client import LABS_SETTINGS, for_python
from portal.settings import ROOT

RUN_DEADLINE_S = 120


class RunFailed(Exception):
    """A reference run did not end with every check met; its text says why."""


HEAD = (
    "# Made by `cacheground lessons measure`: medians of reference runs on one machine. Not to be "
    "edited.\n\n"
)


def measure(lab_ids: Iterable[str], *, times: int) -> dict[str, str]:
    """For each lab its table of measured.toml. Raises RunFailed."""
    tables = {}
    for lab_id in lab_ids:
        runs = [_run(lab_id) for _ in range(times)]
        names = list(runs[0]["measurements"])
        values = {name: median(run["measurements"][name] for run in runs) for name in names}
        tables[lab_id] = _table(lab_id, values, runs[0]["versions"], times)
    return tables


def write(folder: Path, tables: Mapping[str, str]) -> None:
    """Put these tables into a folder's measured.toml; what was measured of other labs stays."""
    file = folder / "measured.toml"
    before = file.read_text() if file.exists() else ""
    kept = dict(re.findall(r"^(?=\[(.+)\]$)((?:.+\n)+)", before, flags=re.MULTILINE))
    file.write_text(HEAD + "\n".join(table for _, table in sorted({**kept, **tables}.items())))


def _run(lab_id: str) -> dict[str, Any]:
    played = subprocess.run(
        [sys.executable, "-m", "labs", "run", lab_id, "--json"],
        cwd=ROOT,
        env=for_python(LABS_SETTINGS),
        capture_output=True,
        text=True,
        timeout=RUN_DEADLINE_S,
        check=False,
    )
    if played.returncode != 0:
        raise RunFailed(f"{lab_id}: {played.stderr.strip()[-2000:]}")
    run: dict[str, Any] = json.loads(played.stdout)
    return run


def _table(
    lab_id: str, values: Mapping[str, float], versions: Mapping[str, str], times: int
) -> str:
    shown = ", ".join(f"{engine} {version}" for engine, version in sorted(versions.items()))
    head = f"[{lab_id}]\nversions = {json.dumps(shown)}\n"
    head += f'measured_on = "{datetime.now(UTC):%Y-%m-%d}"\nruns = {times}\n'
    return head + "".join(f"{name} = {value:g}\n" for name, value in values.items())
