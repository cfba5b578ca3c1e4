"""What labs over a replication group share: the drawing (clients, two endpoints, caches in zones,
sentinels), the controls of the clients and of the group.
"""

from __future__ import annotations

from labs.lab import Chart, Choice, Link, Node, Number, Topology
from labs.sandbox.addresses import APP
from labs.sandbox.context import Context
from labs.setups.replication.endpoints import PRIMARY_ENDPOINT, READER_ENDPOINT
from labs.setups.replication.group import ReplicationGroup
from labs.setups.replication.recorder import FlightRecorder

ZONES = ("zone a", "zone b", "zone c")
MEMORY = {"maxmemory_mb": 64, "maxmemory_policy": "noeviction"}
"""Written numbers are counted later: none may be evicted."""


def topology(*, caches: int, waiting: int = 0, sentinels: bool) -> Topology:
    """Over three zones `caches` Redis servers, the first one the primary; the last `waiting` of
    them are not started with the sandbox.
    """
    nodes = [
        Node(APP, "Writer and readers", "app"),
        Node(PRIMARY_ENDPOINT, "primary endpoint", "endpoint"),
        Node(READER_ENDPOINT, "reader endpoint", "endpoint"),
    ]
    for place in range(caches):
        name, waits = f"cache-{place + 1:03}", place >= caches - waiting
        nodes.append(Node(name, name, "redis", zone=ZONES[place % 3], waits=waits, options=MEMORY))
    nodes += [
        Node(f"sentinel-{zone[-1]}", f"sentinel {zone[-1]}", "sentinel", zone=zone)
        for zone in ZONES
        if sentinels
    ]
    links = Link("to-primary", APP, PRIMARY_ENDPOINT), Link("to-reader", APP, READER_ENDPOINT)
    return Topology(tuple(nodes), links)


def group_of(sandbox: Context) -> ReplicationGroup:
    """The sandbox's replication group."""
    return sandbox.part(ReplicationGroup)


def flights_of(sandbox: Context) -> FlightRecorder:
    """The sandbox's flight recorder."""
    return sandbox.part(FlightRecorder)


def client_zone(default: str, help: str = "") -> Choice:
    """The control for the zone that the clients are in."""
    zones = tuple((zone, zone[-1]) for zone in ZONES)
    return Choice("client_zone", "The clients are in", zones, default, gear="load", help=help)


def _rate(name: str, label: str, help_text: str) -> Number:
    return Number(
        name, label, 1, 1_000, 1, 200, unit="/s", scale="log", gear="load", help=help_text
    )


PARTS = (ReplicationGroup, FlightRecorder)
UP_TO_TWO = (("0", "0"), ("1", "1"), ("2", "2"))

WRITES = _rate(
    "writes_per_s",
    "Writes a second",
    "One client pushes the next number to a list, again and again.",
)
READS = _rate(
    "reads_per_s", "Reads a second", "Each reads the list’s length through the reader endpoint."
)
CLIENT_TIMEOUT = Number(
    "client_timeout_ms",
    "The client’s timeout",
    100,
    5_000,
    100,
    500,
    unit="ms",
    scale="log",
    gear="load",
    help="For connecting and for a reply; then it connects again.",
)
RETRY = Choice(
    "retry",
    "The client’s retries",
    (("fixed", "every 20 ms"), ("backoff", "back off, with jitter")),
    "fixed",
    gear="load",
    help="How long it waits after a failure: always 20 ms, or twice as long each time, up to "
    "half a second.",
)
ZONE_DELAY = Number(
    "zone_delay_ms",
    "Delay between zones",
    0,
    100,
    1,
    1,
    unit="ms",
    gear="load",
    help="Each way, for replication, sentinels and clients alike.",
)
WAIT = Choice(
    "wait",
    "Wait for replicas (WAIT)",
    UP_TO_TWO,
    "0",
    gear="load",
    help="After each write the client waits until this number of replicas has it, or half its "
    "timeout is over.",
)
MIN_REPLICAS = Choice(
    "min_replicas",
    "min-replicas-to-write",
    UP_TO_TWO,
    "0",
    gear="break",
    help="If fewer replicas have reported within a second, the primary refuses to write.",
)
CHARTS = (
    Chart("Writes and reads", ("flight_writes_per_s", "flight_reads_per_s", "flight_errors_per_s")),
    Chart("A write takes", ("write_p50_ms", "write_p99_ms"), "log"),
    Chart("Replication lag", ("lag_bytes",)),
    Chart("Memory used by the primary", ("cache_bytes",)),
)
