"""What labs about access share: the server, the controls of the application's clients, and how the
page shows what was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from labs.errors import NotNow
from labs.events import Sense, Travelled, Value
from labs.lab import Chart, Control, Link, Number, Table
from labs.sandbox.context import Context

Seen = TypeVar("Seen")
APP, SERVER = "app", "cache"
LINK = Link(SERVER, APP, SERVER)
MOST_SHOWN = 12
"""Rows of a table of what was tried."""
VISITED_S = 5.0


def require_up(context: Context, server: str) -> None:
    """Raises NotNow unless a server is up, and where nothing real runs."""
    if not context.is_real:
        raise NotNow("Nothing real runs in this sandbox, so there is nothing to call.")
    if context.servers[server].state != "up":
        raise NotNow(
            f"{context.topology.node(server).label} is not running.",
            hint="Press “Restart” next to it in the tab Break.",
        )


def visits(context: Context) -> tuple[int, int]:
    """How many visits the load's clients have counted, and how many failed."""
    tallies = list(context.load.totals.values())
    return sum(one.done for one in tallies), sum(one.errors for one in tallies)


def load_until_visited(context: Context, visits_more: int) -> None:
    """Start the load, and wait until its clients have counted this many visits, or VISITED_S."""
    enough = visits(context)[0] + visits_more
    context.start_load()
    context.wait_until(lambda: visits(context)[0] >= enough, deadline_s=VISITED_S)


def show_newest(
    context: Context,
    table: Table,
    kind: type[Seen],
    row_of: Callable[[Seen], Mapping[str, Value]],
) -> None:
    """Fill a table with what was observed of one kind: the newest MOST_SHOWN, newest first."""
    newest = context.ledger.seen(kind)[-MOST_SHOWN:]
    context.tabulate(table.name, [row_of(one) for one in reversed(newest)])


def show_on_link(context: Context, link: str, words: str, *, is_answered: bool) -> None:
    """Draw on a link that it was used, and in a word how that ended."""
    meaning: Sense = "hit" if is_answered else "error"
    context.emit(Travelled(links=[link], meaning=meaning, words=words))


def controls(*, keep_s: float = 0.0) -> tuple[Control, ...]:
    """The clients of the application, and how long each keeps a connection."""
    return (
        Number("clients", "Clients", 1, 8, 1, 4, gear="load"),
        Number(
            "rate_per_s", "Visits wanted", 10, 2_000, 10, 200, unit="/s", scale="log", gear="load"
        ),
        Number(
            "keep_connections_s",
            "Clients keep a connection for",
            0,
            10,
            0.1,
            keep_s,
            unit="s",
            gear="load",
            help="0: as long as the load runs. Otherwise a client connects again after this time.",
        ),
    )


CHARTS = (
    Chart("Visits counted, and failed", ("done_per_s", "errors_per_s")),
    Chart("A visit takes", ("write_p50_ms", "write_p99_ms"), "log"),
)
TILES = ("done_per_s", "errors_per_s", "write_p50_ms", "cache_connections")
