"""The drawing of a replication group: the application, the endpoints below it, a column for each zone with its caches and sentinels; on a phone a band for each zone.

Every wire that may ever be needed is there: an endpoint may lead to any cache, any cache may feed any other, a crown may move from each to each.
Which of them are seen is said by attributes (portal.drawing.standing and static/js/group.js).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

from labs import Node, Topology
from portal.drawing.group_wires import (
    BAND_WIDTH,
    BAND_X,
    MARGIN,
    NODE_HEIGHT,
    NODE_WIDTH,
    ROW_GAP,
    ZONE_WIDTH,
    ZONES_TOP,
    Move,
    Place,
    Way,
    asked,
    narrow_feeds,
    narrow_leads,
    narrow_move,
    wide_feeds,
    wide_leads,
    wide_move,
)
from portal.drawing.shapes import PHONE_WIDTH, Box, Zone

WIDTH, PLATES_TOP, PLATE_HEIGHT, NODES_TOP, BAND_MARGIN = 756.0, 108.0, 44.0, 244.0, 8.0


@dataclass(frozen=True, slots=True)
class Group:
    """A replication group's whole drawing, ready to be written as SVG."""

    kind: ClassVar[str] = "group"

    width: float
    height: float
    app: Box
    plates: tuple[Box, ...]
    caches: tuple[Box, ...]
    sentinels: tuple[Box, ...]
    zones: tuple[Zone, ...]
    ways: tuple[Way, ...]
    moves: tuple[Move, ...]
    stacked: bool = False

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Everything that has a rectangle of its own."""
        return (self.app, *self.plates, *self.caches, *self.sentinels)


def wide(topology: Topology) -> Group:
    """The drawing for a bench of 36 rem and more."""
    zones = _zones(topology)
    rows = max(max(len(_caches(topology, zone)) for zone in zones), 1)
    between = 11.0 if len(zones) > 2 else 64.0
    long = len(zones) * (ZONE_WIDTH + between) - between
    width = max(WIDTH, long + 8)
    lanes = 26.0 if rows == 1 and len(zones) > 2 else 0.0
    foot = NODES_TOP + rows * (NODE_HEIGHT + ROW_GAP) - ROW_GAP + lanes
    watchers = max(len(_sentinels(topology, zone)) for zone in zones)
    bottom = foot + watchers * 46 + (36 if any(zones) else 8)

    places: list[Place] = []
    sentinels: list[Box] = []
    rects: list[Zone] = []
    for column, zone in enumerate(zones):
        x = (width - long) / 2 + column * (ZONE_WIDTH + between)
        for row, node in enumerate(_caches(topology, zone)):
            places.append(Place(Box(node, x + MARGIN, NODES_TOP + row * (NODE_HEIGHT + ROW_GAP), NODE_WIDTH, NODE_HEIGHT), column, row, x))
        sentinels += [Box(node, x + MARGIN, foot + 12 + index * 46, NODE_WIDTH, 36) for index, node in enumerate(_sentinels(topology, zone))]
        if zone:
            rects.append(Zone(zone, x, ZONES_TOP, ZONE_WIDTH, bottom - ZONES_TOP, bottom - 13))

    endpoints = topology.of_engine("endpoint")
    plates = [Box(node, width / 2 + (index - (len(endpoints) - 1) / 2) * 250 - 100, PLATES_TOP, 200, PLATE_HEIGHT) for index, node in enumerate(endpoints)]
    app_width = max(240.0, 250.0 * (len(endpoints) - 1) - 20)
    app = Box(topology.of_engine("app")[0], (width - app_width) / 2, 6, app_width, 58)
    ways = [*asked(topology, app, plates, places), *wide_leads(plates, places), *wide_feeds(places, rows)]
    moves = [wide_move(one.box, other.box) for one, other in itertools.combinations(places, 2)]
    return Group(width, bottom + 4, app, tuple(plates), tuple(place.box for place in places), tuple(sentinels), tuple(rects), tuple(ways), tuple(moves))


def narrow(topology: Topology) -> Group:
    """The drawing for a phone: a band for each zone, the endpoints' wires at its sides."""
    endpoints = topology.of_engine("endpoint")
    share = (PHONE_WIDTH - 8 - 8 * (len(endpoints) - 1)) / len(endpoints)
    app = Box(topology.of_engine("app")[0], 30, 4, PHONE_WIDTH - 60, 58)
    plates = [Box(node, 4 + index * (share + 8), app.bottom + 30, share, PLATE_HEIGHT) for index, node in enumerate(endpoints)]

    x, wide_by = BAND_X + BAND_MARGIN, BAND_WIDTH - 2 * BAND_MARGIN
    places: list[Place] = []
    sentinels: list[Box] = []
    rects: list[Zone] = []
    y = plates[0].bottom + 24
    for zone in _zones(topology):
        top, y = y, y + 30
        for index, node in enumerate(_caches(topology, zone)):
            y += 30 if index else 0
            places.append(Place(Box(node, x, y, wide_by, NODE_HEIGHT), 0, len(places), BAND_X))
            y += NODE_HEIGHT
        y += 10
        for node in _sentinels(topology, zone):
            sentinels.append(Box(node, x, y, wide_by, 38))
            y += 44
        if zone:
            rects.append(Zone(zone, BAND_X, top, BAND_WIDTH, y - top, top + 20))
        y += 10
    ways = [*asked(topology, app, plates, places), *narrow_leads(plates, places), *narrow_feeds(places)]
    moves = [narrow_move(one.box, other.box) for one, other in itertools.combinations(places, 2)]
    return Group(PHONE_WIDTH, y - 4, app, tuple(plates), tuple(place.box for place in places), tuple(sentinels), tuple(rects), tuple(ways), tuple(moves), stacked=True)


def _zones(topology: Topology) -> list[str]:
    """The zones in the order of their first server; one without a name where there are none."""
    return list(dict.fromkeys(node.zone for node in topology.servers)) or [""]


def _caches(topology: Topology, zone: str) -> list[Node]:
    return [node for node in topology.servers if node.zone == zone and node.engine != "sentinel"]


def _sentinels(topology: Topology, zone: str) -> list[Node]:
    return [node for node in topology.of_engine("sentinel") if node.zone == zone]
