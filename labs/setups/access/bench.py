"""What labs about access share: the server, and the controls of the application's clients."""

from __future__ import annotations

from labs.lab import Chart, Control, Link, Number

APP, SERVER = "app", "cache"
LINK = Link(SERVER, APP, SERVER)


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
