"""What the programs of a site, its balancer and its instances, are configured with."""

from __future__ import annotations

from pathlib import Path

from labs.clients.address import Address
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
    if node.engine == "balancer":
        return {
            "sticky": context.settings.get("store") == "sticky",
            "targets": [
                (letter(name), address.host, address.port) for name, address in targets.items()
            ],
        }
    return _instance_settings(context, node, targets, reports)


def _instance_settings(
    context: Context, node: Node, targets: dict[str, Address], reports: Path
) -> dict[str, object]:
    settings, strategy = context.settings, context.strategy()
    assert strategy.write is not None
    stores = {
        context.kind_at(context.lab.topology.node(name)): (name, address)
        for name, address in targets.items()
    }
    (redis, to_redis), (_, to_memcached) = stores["redis"], stores["memcached"]
    return {
        "name": letter(node.name),
        "node": node.name,
        "store": settings["store"],
        "idle_s": settings["idle_s"],
        "absolute_s": settings["absolute_s"],
        "sliding": settings["renewal"] == "sliding",
        "page": f"{strategy.read.__module__}:{strategy.read.__qualname__}",
        "log_in": f"{strategy.write.__module__}:{strategy.write.__qualname__}",
        "redis": (to_redis.host, to_redis.port, "shop", context.password(redis)),
        "memcached": (to_memcached.host, to_memcached.port),
        "reports": str(reports),
    }
