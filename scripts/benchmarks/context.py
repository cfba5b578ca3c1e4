"""What every measurement is handed: how thorough to be, a directory of its own, the sites it may
start.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.site import Site


@dataclass(frozen=True, slots=True)
class Context:
    """`quick` trades certainty for time: the same steps, fewer rounds."""

    directory: Path
    quick: bool = False

    def site(self, *, pool: int = 2) -> Site:
        """A site with `pool` sandboxes in its pool.

        Each size of pool has a state of its own, so two may run side by side.
        """
        return Site(self.directory / f"pool-{pool}", pool=pool)

    def say(self, what: str) -> None:
        """A line that says what is being measured: long measurements show that they go on."""
        print(f"  {what} …", file=sys.stderr, flush=True)

    def rounds(self, usual: int, quick: int) -> int:
        """How often to do something."""
        return quick if self.quick else usual
