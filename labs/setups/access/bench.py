"""What labs about access share: the server, and the controls of the application's clients."""

from __future__ import annotations

from labs.errors import NotNow
from labs.lab import Chart, Control, Link, Number
from labs.sandbox.context import Context

APP, SERVER = "app", "cache"
LINK = Link(SERVER, APP, SERVER)


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
