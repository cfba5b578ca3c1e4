"""What labs over backups share: the cluster that is backed up and the one that is restored from a
backup, their endpoints, and the controls of the writers.
"""

from __future__ import annotations

from labs.lab import Choice, Link, Node, Number
from labs.sandbox.addresses import APP
from labs.sandbox.context import Context

OLD, NEW = "shop-001", "shop-restored-001"
"""Named as ElastiCache names the first node of a replication group."""
ENDPOINTS = {"shop": OLD, "shop-restored": NEW}
LINKS = {OLD: "shop", NEW: "shop-restored"}
MEMORY = {"maxmemory_mb": 96, "maxmemory_policy": "noeviction"}
MOST_WRITERS, MOST_PER_S = 4, 10_000
SHORT = 12
"""How many characters of a digest a learner sees."""

CLUSTERS = (
    Node(OLD, OLD, "redis", about="the cluster shop", options=MEMORY),
    Node(NEW, NEW, "redis", about="the cluster shop-restored", waits=True, options=MEMORY),
)
CLUSTER_LINKS = (Link("shop", APP, OLD), Link("shop-restored", APP, NEW))

KEYS = Number(
    "keys",
    "Keys in the shop",
    2_000,
    60_000,
    1_000,
    20_000,
    scale="log",
    gear="step",
    help="For the next time that you fill it. More data: a longer fork, a longer snapshot.",
)
ENDPOINT = Choice(
    "endpoint",
    "The application asks",
    (("shop", "shop"), ("shop-restored", "shop-restored")),
    "shop",
    help="Here: two addresses on your sandbox’s loopback. On AWS: a restored cluster "
    "has endpoints of its own, and the application’s settings have to name them.",
)
WRITERS = Number(
    "clients",
    "Writers",
    1,
    MOST_WRITERS,
    1,
    2,
    gear="load",
    help="Each changes prices, counts its changes, and notes which were acknowledged.",
)
RATE = Number(
    "rate_per_s",
    "Changes wanted",
    50,
    MOST_PER_S,
    50,
    1_000,
    unit="/s",
    scale="log",
    gear="load",
    help="An open loop: changes are due on a schedule, whether or not the last one is done.",
)


def node_asked(sandbox: Context) -> str:
    """The server behind the endpoint in the application's settings."""
    return ENDPOINTS[str(sandbox.settings["endpoint"])]
