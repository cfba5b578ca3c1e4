"""Writes the made-up flights to a folder, one file each, to be opened on the page /flights: `python
-m tests.samples.flights FOLDER`. Always the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from portal.patterns.flights import sample_flight

KINDS = ("kill", "split-brain", "no-recovery", "fast")


def write(folder: Path) -> list[Path]:
    """The files, as they were written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in KINDS:
        path = folder / f"sample-{kind}.json"
        path.write_text(json.dumps(sample_flight(kind), separators=(",", ":")))
        paths.append(path)
    return paths


if __name__ == "__main__":
    for written in write(Path(sys.argv[1])):
        sys.stdout.write(f"{written}: {written.stat().st_size / 1000:.0f} kB\n")
