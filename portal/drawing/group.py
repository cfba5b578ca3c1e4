"""The drawing of a replication group: the application, the endpoints below it, a column for each
zone with its caches and sentinels; on a phone a band for each zone.

Every wire that may ever be needed is there: an endpoint may lead to any cache, any cache may feed
any other, a crown may move from each to each. Which of them are seen is said by attributes
(static/js/group.js).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

from labs.lab import Topology
from portal.drawing.grid import SENTINELS, SERVERS, Band, grid_of
from portal.drawing.group_feeds import narrow_feeds, narrow_move, wide_feeds, wide_move
from portal.drawing.group_leads import asked, flat_asked, flat_leads, narrow_leads, wide_leads
from portal.drawing.group_parts import (
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
)
from portal.drawing.shapes import PHONE_WIDTH, Box, Zone

WIDTH, PLATES_TOP, PLATE_HEIGHT, NODES_TOP, BAND_MARGIN = 756.0, 108.0, 44.0, 244.0, 8.0
FLAT_LEFT, LANE = 478.0, 6.0


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
    """The drawing for a bench of 45 rem and more: the application and endpoints over the zones."""
    columns = _columns(topology)
    width = max(WIDTH, columns.width + 8)
    stood = columns.at((width - columns.width) / 2, ZONES_TOP, NODES_TOP)
    endpoints = topology.of_engine("endpoint")
    left = width / 2 - (len(endpoints) - 1) / 2 * 250 - 100
    plates = [
        Box(node, left + index * 250, PLATES_TOP, 200, PLATE_HEIGHT)
        for index, node in enumerate(endpoints)
    ]
    app_width = max(240.0, 250.0 * (len(endpoints) - 1) - 20)
    app = Box(topology.of_engine("app")[0], (width - app_width) / 2, 6, app_width, 58)
    ways = [
        *asked(topology, app, plates, stood.places),
        *wide_leads(plates, stood.places),
        *wide_feeds(stood.places, columns.rows),
    ]
    return _drawn(width, stood, app, plates, ways)


def flat(topology: Topology) -> Group:
    """The drawing for a wall, which is wide and low: the application and endpoints at the left."""
    apps, endpoints = topology.of_engine("app"), topology.of_engine("endpoint")
    asked_for = {link.target for link in topology.links if link.source == apps[0].name}
    if asked_for - {node.name for node in endpoints}:
        return wide(topology)
    columns = _columns(topology)
    lanes = 10.0 + LANE * len(endpoints) * columns.places
    stood = columns.at(FLAT_LEFT, lanes, lanes + 32)
    middle, tall = lanes + 32 + NODE_HEIGHT / 2, max(58, 64 * len(endpoints) - 20)
    app = Box(apps[0], 4, middle - tall / 2, 190, tall)
    first = middle - (len(endpoints) - 1) / 2 * 64 - PLATE_HEIGHT / 2
    plates = [
        Box(node, app.right + 56, first + index * 64, 176, PLATE_HEIGHT)
        for index, node in enumerate(endpoints)
    ]
    ways = [
        *flat_asked(topology, app, plates),
        *flat_leads(plates, stood.places, lanes),
        *wide_feeds(stood.places, columns.rows),
    ]
    return _drawn(FLAT_LEFT + columns.width + 4, stood, app, plates, ways)


@dataclass(frozen=True, slots=True)
class _Stood:
    """Columns that have their place."""

    places: list[Place]
    sentinels: list[Box]
    rects: list[Zone]
    bottom: float


@dataclass(frozen=True, slots=True)
class _Columns:
    """The zones of a group side by side."""

    zones: list[Band]
    rows: int
    between: float

    @property
    def width(self) -> float:
        """From the first zone's left edge to the last one's right."""
        return len(self.zones) * (ZONE_WIDTH + self.between) - self.between

    @property
    def places(self) -> int:
        """How many caches there are."""
        return sum(len(zone.of_column(SERVERS)) for zone in self.zones)

    def at(self, left: float, top: float, nodes_top: float) -> _Stood:
        """With the first zone's corner there, and the first row of caches so deep."""
        lanes = 26.0 if self.rows == 1 and len(self.zones) > 2 else 0.0
        foot = nodes_top + self.rows * (NODE_HEIGHT + ROW_GAP) - ROW_GAP + lanes
        watchers = max(len(zone.of_column(SENTINELS)) for zone in self.zones)
        bottom = foot + watchers * 46 + (36 if any(zone.zone for zone in self.zones) else 8)
        stood = _Stood([], [], [], bottom)
        for column, zone in enumerate(self.zones):
            x = left + column * (ZONE_WIDTH + self.between)
            for cell in zone.of_column(SERVERS):
                y = nodes_top + cell.row * (NODE_HEIGHT + ROW_GAP)
                box = Box(cell.node, x + MARGIN, y, NODE_WIDTH, NODE_HEIGHT)
                stood.places.append(Place(box, column, cell.row, x))
            for cell in zone.of_column(SENTINELS):
                y = foot + 12 + cell.row * 46
                stood.sentinels.append(Box(cell.node, x + MARGIN, y, NODE_WIDTH, 36))
            if zone.zone:
                stood.rects.append(Zone(zone.zone, x, top, ZONE_WIDTH, bottom - top, bottom - 13))
        return stood


def _columns(topology: Topology) -> _Columns:
    zones = _zones(topology)
    rows = max(len(zone.of_column(SERVERS)) for zone in zones)
    return _Columns(zones, max(rows, 1), 11.0 if len(zones) > 2 else 64.0)


def _drawn(
    width: float,
    stood: _Stood,
    app: Box,
    plates: list[Box],
    ways: list[Way],
    *,
    stacked: bool = False,
) -> Group:
    caches, move = [place.box for place in stood.places], narrow_move if stacked else wide_move
    return Group(
        width,
        max(stood.bottom, app.bottom) + 4,
        app,
        tuple(plates),
        tuple(caches),
        tuple(stood.sentinels),
        tuple(stood.rects),
        tuple(ways),
        tuple(move(one, other) for one, other in itertools.combinations(caches, 2)),
        stacked,
    )


def narrow(topology: Topology) -> Group:
    """The drawing for a phone: a band for each zone, the endpoints' wires at its sides."""
    endpoints = topology.of_engine("endpoint")
    share = (PHONE_WIDTH - 8 - 8 * (len(endpoints) - 1)) / len(endpoints)
    app = Box(topology.of_engine("app")[0], 30, 4, PHONE_WIDTH - 60, 58)
    plates = [
        Box(node, 4 + index * (share + 8), app.bottom + 30, share, PLATE_HEIGHT)
        for index, node in enumerate(endpoints)
    ]

    x, wide_by = BAND_X + BAND_MARGIN, BAND_WIDTH - 2 * BAND_MARGIN
    places: list[Place] = []
    sentinels: list[Box] = []
    rects: list[Zone] = []
    y = plates[0].bottom + 24
    for zone in _zones(topology):
        top, y = y, y + 30
        for cell in zone.of_column(SERVERS):
            y += 30 if cell.row else 0
            places.append(Place(Box(cell.node, x, y, wide_by, NODE_HEIGHT), 0, len(places), BAND_X))
            y += NODE_HEIGHT
        y += 10
        for cell in zone.of_column(SENTINELS):
            sentinels.append(Box(cell.node, x, y, wide_by, 38))
            y += 44
        if zone.zone:
            rects.append(Zone(zone.zone, BAND_X, top, BAND_WIDTH, y - top, top + 20))
        y += 10
    ways = [
        *asked(topology, app, plates, places),
        *narrow_leads(plates, places),
        *narrow_feeds(places),
    ]
    stood = _Stood(places, sentinels, rects, y - 8)
    return _drawn(PHONE_WIDTH, stood, app, plates, ways, stacked=True)


def _zones(topology: Topology) -> list[Band]:
    """The zones that hold servers; the one without a name where there are none."""
    return [band for band in grid_of(topology).bands if any(c.column > 1 for c in band.cells)]
