"""What labs of one server under numbered writes share: its topology, controls, charts, tables."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from typing import Any

from labs.caching import numbered
from labs.events import Value
from labs.lab import (
    Chart,
    Choice,
    Column,
    Control,
    Lab,
    Link,
    Node,
    Number,
    Steppable,
    Strategy,
    Table,
    Topology,
)
from labs.setups.journal.journal import WriteJournal

SERVER = "redis"
MODES = {
    "none": "none",
    "rdb": "snapshots (RDB)",
    "everysec": "AOF everysec",
    "always": "AOF always",
    "no": "AOF no",
}
APPENDING = ("everysec", "always", "no")
SYNCS_LATER = ("everysec", "no")
"""The modes in which Redis acknowledges a write before its file is synced."""
FORKS = {"redis": "redis-server", "valkey": "valkey-server"}


def options(settings: Mapping[str, Value]) -> Mapping[str, Any]:
    """How the server is configured in the mode that is chosen."""
    mode = str(settings["mode"])
    directives = {
        "save": f"{settings['snapshot_s']:g} 1" if mode == "rdb" else '""',
        "appendonly": "yes" if mode in APPENDING else "no",
        "auto-aof-rewrite-percentage": "0",
    }
    if mode in APPENDING:
        directives["appendfsync"] = mode
    return {
        "traced": True,
        "program": FORKS[str(settings.get("server", "redis"))],
        "maxmemory_mb": 96,
        "maxmemory_policy": "noeviction",
        "directives": directives,
    }


TOPOLOGY = Topology(
    nodes=(
        Node("app", "Writer", "app"),
        Node(SERVER, "Redis", "redis", about="one server and its disk", options_of=options),
    ),
    links=(Link(SERVER, "app", SERVER),),
)

STEPS = (
    Steppable("write", "Write the next", "When a write counts"),
    Steppable("read", "Look one up", "Is it still there?"),
)


def controls() -> tuple[Control, ...]:
    """What is kept on disk, how often, and the load; where Valkey is installed, the choice of it
    too.
    """
    shared = (
        Choice(
            "mode",
            "What is kept on disk",
            tuple(MODES.items()),
            "everysec",
            help="Another mode is another server: it begins empty, with number 1.",
        ),
        Number(
            "snapshot_s",
            "A snapshot every",
            1,
            3_600,
            1,
            60,
            unit="s",
            scale="log",
            help="In the mode with snapshots, if anything changed. Redis’s own default is an "
            "hour after one change, a minute after 10,000.",
        ),
        Number(
            "rate_per_s",
            "Writes wanted",
            10,
            10_000,
            10,
            1_000,
            unit="/s",
            scale="log",
            gear="load",
            help="One client: it sends a number when the one before is answered, so it may get "
            "fewer.",
        ),
    )
    if not shutil.which(FORKS["valkey"]):
        return shared
    server = Choice(
        "server",
        "Server",
        (("redis", "Redis"), ("valkey", "Valkey")),
        "redis",
        help="Another server begins with an empty disk.",
    )
    return (*shared, server)


CHARTS = (
    Chart("How far the writes have come", ("acknowledged", "in_memory", "in_kernel", "on_disk")),
    Chart("Writes and syncs", ("writes_per_s", "syncs_per_s")),
    Chart("A write takes, from the client and back", ("write_p50_ms", "write_p99_ms"), "log"),
)
TILES = ("acknowledged", "in_kernel", "on_disk", "syncs_per_s", "writes_per_s", "write_p50_ms")

TABLES = (
    Table(
        "faults",
        "What each fault took",
        (
            Column("mode", "Mode"),
            Column("fault", "Fault"),
            Column("by", "By", help="No check judges what a prediction measured"),
            Column("acknowledged", "Acknowledged", sense="write"),
            Column("found", "Found", sense="hit"),
            Column("lost", "Lost", sense="error"),
            Column(
                "lost_s",
                "Lost",
                "s",
                2,
                help="How long the client had been writing what is lost",
            ),
            Column(
                "in_kernel",
                "In the file",
                help="Writes that had reached the kernel when the fault came; of snapshots, "
                "the last one’s",
            ),
            Column(
                "unsynced_kb",
                "Not synced",
                "KB",
                1,
                help="Of the append-only file, when the fault came",
            ),
            Column("written", "Writes"),
            Column("syncs", "Syncs", help="Calls of fsync and fdatasync since the server’s start"),
        ),
        empty="Write something, break the server, start it again.",
    ),
    Table(
        "starts",
        "How long a start takes",
        (
            Column("kind", "It reads a"),
            Column("keys", "Keys"),
            Column("file_mb", "Files", "MB", 1),
            Column("loaded_ms", "Loading", "ms", help="By the server’s own log"),
            Column("answers_ms", "Until it answers", "ms"),
            Column("found", "Keys there"),
        ),
        empty="No start has been timed.",
    ),
    Table("power", "Where the power can’t be cut", (Column("problem", "Why"),), shown=False),
)


def lab(lab_id: str, **definition: Any) -> Lab:
    """A lab of one server and a client that writes numbers; `definition` is that of `Lab`."""
    return Lab(
        id=lab_id,
        topology=TOPOLOGY,
        parts=(partial(WriteJournal, server=SERVER),),
        controls=controls(),
        strategies={
            "numbered": Strategy("numbered", "Numbered writes", numbered.find, numbered.write)
        },
        pick_strategy=lambda _settings: "numbered",
        requests=STEPS,
        item="Number to look up",
        charts=CHARTS,
        tiles=TILES,
        tables=TABLES,
        **definition,
    )
