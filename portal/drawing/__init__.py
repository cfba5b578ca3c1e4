"""Where things stand in a topology's drawing, wide and on a phone.

Pure geometry in the drawing's own units. Every node has a place in a grid (`grid`); `flow` draws it
as columns that requests run through, `group` as zones below the endpoints of a replication group.

Refuses to know states and readings: the page's scripts dress it (static/js/topology.js, group.js).
"""

from __future__ import annotations

from labs.lab import Topology
from portal.drawing import flow, group
from portal.drawing.group import Group as Group
from portal.drawing.shapes import (
    Box as Box,
    Drawing as Drawing,
    Spot as Spot,
    Wire as Wire,
    Zone as Zone,
)


def wide(topology: Topology) -> Drawing | Group:
    """The drawing for a wide bench."""
    return group.wide(topology) if topology.of_engine("endpoint") else flow.wide(topology)


def flat(topology: Topology) -> Drawing | Group:
    """The drawing for a wall, where a group would be too high: else the wide one."""
    return group.flat(topology) if topology.of_engine("endpoint") else flow.wide(topology)


def narrow(topology: Topology) -> Drawing | Group:
    """The drawing for a phone."""
    return group.narrow(topology) if topology.of_engine("endpoint") else flow.narrow(topology)
