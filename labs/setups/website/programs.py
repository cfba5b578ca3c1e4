"""What the programs of a site, its balancer and its instances, are configured with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labs.lab import Node
from labs.sandbox.context import Context
from labs.setups.website.browsers import letter


def settings_of(context: Context, node: Node, reports: Path) -> dict[str, object]:
    """What the program at a node needs now: where its own links lead, and the lab's settings.
    `reports` is the socket to which instances report.
    """
    targets = {
        link.target: context.addresses.of_link(link.name)
        for link in context.lab.topology.links
        if link.source == node.name
    }
    settings, strategy = context.settings, context.strategy()
    if node.engine == "balancer":
        return {
            "sticky": settings.get("store") == "sticky",
            "targets": [(letter(name), to.host, to.port) for name, to in targets.items()],
        }
    assert strategy.write is not None
    redis, memcached = targets["redis"], targets["memcached"]
    return {
        "name": letter(node.name),
        "node": node.name,
        "store": settings["store"],
        "idle_s": settings["idle_s"],
        "absolute_s": settings["absolute_s"],
        "sliding": settings["renewal"] == "sliding",
        "page": _dotted(strategy.read),
        "log_in": _dotted(strategy.write),
        "redis": (redis.host, redis.port, "shop", context.password("redis")),
        "memcached": (memcached.host, memcached.port),
        "reports": str(reports),
    }


def _dotted(handler: Callable[..., object]) -> str:
    return f"{handler.__module__}:{handler.__qualname__}"
