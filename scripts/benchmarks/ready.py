"""How long `scripts/serve` takes until it says Ready, when everything has been made before."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import Row, at_most, median, plain

ABOUT = "from the command to the line Ready"
LIMIT_S = 3.0


def measure(context: Context) -> Iterator[Row]:
    """A first start, then second starts."""
    site = context.site()
    taken = []
    with site:
        first_s = site.seconds_to_ready
    for _ in range(context.rounds(7, 3)):
        with site:
            taken.append(site.seconds_to_ready)
    yield at_most(
        "second start",
        median(taken),
        "s",
        LIMIT_S,
        f"median of {len(taken)}, the slowest {max(taken):.2f} s",
    )
    yield plain(
        "the start before them",
        first_s,
        "s",
        "with the portal’s database to be made if this measurement is the first of its run",
    )
