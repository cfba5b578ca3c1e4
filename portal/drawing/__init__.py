"""Where things stand in a topology's drawing, wide and on a phone.

Pure geometry in the drawing's own units.

Refuses to know states and readings: the page's scripts dress it (static/js/topology.js, group.js).
"""

from __future__ import annotations

from labs import Node, Topology
from portal.drawing import chain, group, shop
from portal.drawing.group import Group as Group
from portal.drawing.shapes import (
    Box as Box,
    Drawing as Drawing,
    Spot as Spot,
    Wire as Wire,
    Zone as Zone,
)

LONGEST_WITHOUT_COLUMNS = 3


def wide(topology: Topology) -> Drawing | Group:
    """The drawing for a wide bench."""
    if topology.of_engine("endpoint"):
        return group.wide(topology)
    columns = layers(topology)
    return (
        chain.wide(topology, columns)
        if len(columns) > LONGEST_WITHOUT_COLUMNS
        else shop.wide(topology)
    )


def flat(topology: Topology) -> Drawing | Group:
    """The drawing for a wall, where a group would be too high: else the wide one."""
    return group.flat(topology) if topology.of_engine("endpoint") else wide(topology)


def narrow(topology: Topology) -> Drawing | Group:
    """The drawing for a phone."""
    if topology.of_engine("endpoint"):
        return group.narrow(topology)
    rows = layers(topology)
    return (
        chain.narrow(topology, rows)
        if len(rows) > LONGEST_WITHOUT_COLUMNS
        else shop.narrow(topology)
    )


def layers(topology: Topology) -> list[list[Node]]:
    """The nodes by the number of links that lead to them from the application; what no link reaches
    counts as next to it.
    """
    depth = {node.name: 0 for node in topology.nodes if node.engine == "app"}
    edge = list(depth)
    while edge:
        further = [
            link.target
            for link in topology.links
            if link.source in edge and link.target not in depth
        ]
        depth |= dict.fromkeys(further, depth[edge[0]] + 1)
        edge = further
    steps = max(depth.values(), default=0)
    return [
        [node for node in topology.nodes if depth.get(node.name, 1) == step]
        for step in range(steps + 1)
    ]
