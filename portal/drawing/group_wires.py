"""The wires of a replication group's drawing and the paths of its crown, between boxes that stand
already.

In the wide drawing a wire goes straight to a neighbour, else through the gap between two rows of
caches; on a phone it goes along the sides.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

from labs.lab import Node, Topology
from portal.drawing.shapes import PHONE_WIDTH, Box, Spot

WayKind = Literal["asks", "leads", "feeds"]
Point = tuple[float, float]

ZONE_WIDTH, NODE_WIDTH, NODE_HEIGHT = 242.0, 206.0, 96.0
MARGIN = (ZONE_WIDTH - NODE_WIDTH) / 2
ZONES_TOP, ROW_GAP = 200.0, 56.0
BAND_X, BAND_WIDTH = 44.0, 254.0
LED_IN, FED_IN = 28.0, 54.0


@dataclass(frozen=True, slots=True)
class Way:
    """A wire of a group: from the application to an endpoint (`asks`), from an endpoint to a cache
    (`leads`), from a primary to a replica (`feeds`).

    `link` is what events call it; `arrow` turns an arrowhead to its end; `cross` is where it shows
    that it is cut, `leaving` where it leaves a zone that is.
    """

    kind: WayKind
    link: str
    source: Node
    target: Node
    path: str
    arrow: str
    cross: Spot
    took: Spot
    trouble: Spot
    leaving: Spot | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """The path of a crown from one cache to another; backwards it is that of the other
    direction.
    """

    source: str
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cache stands: its column and its row, counted from 0, and its zone's left edge."""

    box: Box
    column: int
    row: int
    zone_x: float


def asked(topology: Topology, app: Box, plates: list[Box], places: list[Place]) -> list[Way]:
    """The application's own links: to its endpoints, and to what it reaches without one."""
    ways = []
    below = {plate.node.name: plate for plate in plates}
    direct = {place.box.node.name: place for place in places}
    for link in topology.links:
        if link.source != app.node.name:
            continue
        if (plate := below.get(link.target)) is not None:
            x = (max(app.x, plate.x) + min(app.right, plate.right)) / 2
            left = plate is plates[0]
            took = Spot(
                x - 9 if left else x + 9, (app.bottom + plate.y) / 2 + 5, "end" if left else "start"
            )
            ways.append(
                Way(
                    "asks",
                    link.name,
                    app.node,
                    plate.node,
                    f"M{x:g} {app.bottom:g} V{plate.y:g}",
                    "",
                    Spot(x, (app.bottom + plate.y) / 2, "middle"),
                    took,
                    took,
                )
            )
        elif (place := direct.get(link.target)) is not None:
            ways.append(_past(link.name, app, plates, place))
    return ways


def _past(link: str, app: Box, plates: list[Box], place: Place) -> Way:
    """From the application to a server, past the endpoints."""
    box = place.box
    if box.width > NODE_WIDTH:
        points = [
            (app.x, app.middle[1]),
            (3.0, app.middle[1]),
            (3.0, box.y + 66),
            (box.x, box.y + 66),
        ]
        cross, words = Spot(BAND_X, box.y + 66, "middle"), Spot(8, app.middle[1] - 10, "start")
    elif len(plates) % 2 == 0 and abs(box.middle[0] - app.middle[0]) < 1:
        x = app.middle[0]
        points = [(x, app.bottom), (x, box.y)]
        cross, words = Spot(x, ZONES_TOP, "middle"), Spot(x + 9, ZONES_TOP - 8, "start")
    else:
        left = box.middle[0] <= app.middle[0]
        outside, x = (
            (min(app.x, plates[0].x) - 12, box.x - 14)
            if left
            else (max(app.right, plates[-1].right) + 12, box.right + 14)
        )
        y1, between, y2 = app.middle[1], ZONES_TOP - 12, box.y + 66
        points = [
            (app.x if left else app.right, y1),
            (outside, y1),
            (outside, between),
            (x, between),
            (x, y2),
            (box.x if left else box.right, y2),
        ]
        cross, words = Spot(x, ZONES_TOP, "middle"), Spot(outside + 9, between - 16, "start")
    return Way("asks", link, app.node, box.node, _bent(points), "", cross, words, words)


def wide_leads(plates: list[Box], places: list[Place]) -> list[Way]:
    """From every endpoint to every cache: into the first row from above, to the others along the
    side of their zone, the first endpoint's at the left.
    """
    ways = []
    for index, plate in enumerate(plates):
        left = index == 0
        ordered = sorted(
            places, key=lambda place: (place.column, -place.row if left else place.row)
        )
        entry = 0.42 + 0.3 * index / max(1, len(plates) - 1)
        for place in places:
            box = place.box
            x1 = plate.x + 24 + (plate.width - 48) * (ordered.index(place) + 0.5) / len(ordered)
            side = 5 + 4 * place.row + 2 * max(0, index - 1)
            x2 = (
                box.x + box.width * entry
                if place.row == 0
                else box.x - side
                if left
                else box.right + side
            )
            half = (ZONES_TOP - plate.bottom) * 0.7
            path = (
                f"M{x1:g} {plate.bottom:g} C {x1:g} {plate.bottom + half:g} {x2:g} "
                f"{ZONES_TOP - half:g} {x2:g} {ZONES_TOP:g}"
            )
            y2 = box.y + LED_IN
            path += (
                f" V{box.y:g}"
                if place.row == 0
                else f" V{y2 - 8:g} Q {x2:g} {y2:g} {box.x if left else box.right:g} {y2:g}"
            )
            words = Spot(x2 + 8, ZONES_TOP - 8, "start")
            ways.append(
                Way(
                    "leads",
                    f"{plate.node.name} to {box.node.name}",
                    plate.node,
                    box.node,
                    path,
                    "",
                    Spot(x2, ZONES_TOP, "middle"),
                    words,
                    words,
                )
            )
    return ways


def flat_asked(topology: Topology, app: Box, plates: list[Box]) -> list[Way]:
    """The application's links to its endpoints, which stand beside it."""
    ways = []
    for plate in plates:
        x, y = (app.right + plate.x) / 2, plate.middle[1]
        took = Spot(x, y - 9, "middle")
        ways += [
            Way(
                "asks",
                link.name,
                app.node,
                plate.node,
                f"M{app.right:g} {y:g} H{plate.x:g}",
                "",
                Spot(x, y, "middle"),
                took,
                took,
            )
            for link in topology.links_to(plate.node.name)
        ]
    return ways


def flat_leads(plates: list[Box], places: list[Place], top: float) -> list[Way]:
    """From every endpoint, at the left, over the zones to every cache: the farthest in the
    uppermost lane, so no two of an endpoint cross; the first endpoint's lanes over the others'.
    """
    ways = []
    step = (top - 10) / (len(plates) * len(places))
    for index, plate in enumerate(plates):
        left = index == 0
        ordered = sorted(
            places, key=lambda place: (-place.column, place.row if left else -place.row)
        )
        entry = 0.42 + 0.3 * index / max(1, len(plates) - 1)
        for turn, place in enumerate(ordered):
            box, number = place.box, index * len(places) + turn
            side = 5 + 4 * place.row + 2 * max(0, index - 1)
            x = (
                box.x + box.width * entry
                if place.row == 0
                else box.x - side
                if left
                else box.right + side
            )
            y1, corridor, lane = (
                plate.y + 14 + (plate.height - 28) * (turn + 0.5) / len(places),
                plate.right + 8 + 30 * number / (len(plates) * len(places)),
                6 + step * number,
            )
            y2 = box.y + LED_IN
            end = [(x, box.y)] if place.row == 0 else [(x, y2), (box.x if left else box.right, y2)]
            words = Spot(x + 8, lane + 5, "start")
            ways.append(
                Way(
                    "leads",
                    f"{plate.node.name} to {box.node.name}",
                    plate.node,
                    box.node,
                    _bent([(plate.right, y1), (corridor, y1), (corridor, lane), (x, lane), *end]),
                    "",
                    Spot(x, top, "middle"),
                    words,
                    words,
                )
            )
    return ways


def wide_feeds(places: list[Place], rows: int) -> list[Way]:
    """From every cache to every other: straight to a neighbour, else through the gap between two
    rows, each in a lane of its own.
    """
    ways = []
    for source in places:
        others = [place for place in places if place is not source]
        for target in others:
            points, words = _wide_feed(source, target, others, rows)
            ways.append(
                _fed(
                    source,
                    target,
                    points,
                    _crossing(points, source, target),
                    words,
                    _crossing(points[::-1], target, source),
                )
            )
    return ways


def _wide_feed(
    source: Place, target: Place, others: list[Place], rows: int
) -> tuple[list[Point], Spot]:
    one, two = source.box, target.box
    if source.row == target.row and abs(source.column - target.column) == 1:
        y = one.y + 48
        x1, x2 = (one.right, two.x) if one.x < two.x else (one.x, two.right)
        return [(x1, y), (x2, y)], Spot((x1 + x2) / 2, y - 9, "middle")
    if source.column == target.column and abs(source.row - target.row) == 1:
        x = one.middle[0]
        y1, y2 = (one.bottom, two.y) if one.y < two.y else (one.y, two.bottom)
        return [(x, y1), (x, y2)], Spot(x + 9, (y1 + y2) / 2 + 4, "start")
    down, onward = _goes_down(source, target, rows), _goes_onward(source, target)
    lane = [
        place
        for place in _by_lane(source, others, rows)
        if _goes_down(source, place, rows) == down and _goes_onward(source, place) == onward
    ].index(target)
    x1 = one.middle[0] + (16 + 12 * lane) * (1 if onward else -1)
    single = rows == 1
    y1, first = (
        (one.bottom, one.bottom + (14 if single else ROW_GAP - 14 - 9 * lane))
        if down
        else (one.y, one.y - ROW_GAP + 14 + 9 * lane)
    )
    below = target.row == source.row if down else target.row < source.row
    x2, y2 = two.middle[0], two.bottom if below else two.y
    words = Spot(x2 + 9, y2 + 13 if below else y2 - 7, "start")
    if abs(source.row - target.row) < 2:
        return [(x1, y1), (x1, first), (x2, first), (x2, y2)], words
    corridor = (source.zone_x + ZONE_WIDTH + 5.5 if onward else source.zone_x - 5.5) + (
        3 * lane if onward else -3 * lane
    )
    last = y2 + 20 if below else y2 - 20
    return [(x1, y1), (x1, first), (corridor, first), (corridor, last), (x2, last), (x2, y2)], words


def _goes_down(source: Place, target: Place, rows: int) -> bool:
    """True if it leaves its source at the lower edge."""
    return target.row > source.row or (
        target.row == source.row and (rows == 1 or source.row < rows - 1)
    )


def _goes_onward(source: Place, target: Place) -> bool:
    """True if it leaves to the right; within the first zone, too."""
    return target.column > source.column or target.column == source.column == 0


def _by_lane(source: Place, others: list[Place], rows: int) -> list[Place]:
    """Whom a source feeds through a gap, the outermost lane last: so no two of its wires cross."""
    far = [
        place
        for place in others
        if not (place.row == source.row and abs(place.column - source.column) == 1)
        and not (place.column == source.column and abs(place.row - source.row) == 1)
    ]
    return sorted(
        far,
        key=lambda place: (
            place.row == source.row,
            abs(place.column - source.column) * (-1 if place.row == source.row else 1),
            abs(place.row - source.row),
        ),
    )


def _crossing(points: list[Point], source: Place, target: Place) -> Spot:
    """Where a wire enters the zone of its target, or its middle."""
    if source.column != target.column:
        edge = target.zone_x if target.column > source.column else target.zone_x + ZONE_WIDTH
        for (x1, y1), (x2, y2) in itertools.pairwise(reversed(points)):
            if y1 == y2 and min(x1, x2) <= edge <= max(x1, x2):
                return Spot((x1 + x2) / 2 if len(points) == 2 else edge, y1, "middle")
    (x1, y1), (x2, y2) = points[len(points) // 2 - 1 : len(points) // 2 + 1]
    return Spot((x1 + x2) / 2, (y1 + y2) / 2, "middle")


def narrow_leads(plates: list[Box], places: list[Place]) -> list[Way]:
    """Down the left side for the first endpoint, down the right for the others; the uppermost
    server's lane is the innermost.
    """
    ways = []
    for index, plate in enumerate(plates):
        left = index == 0
        step = (7 if left else 20) / max(1, len(places) - 1)
        for place in places:
            box, inward = place.box, (16 if left else 31) - step * place.row - 2 * max(0, index - 1)
            x1 = plate.x + 24 + inward if left else plate.right - 24 - inward
            x2, edge = (inward - 5, box.x) if left else (PHONE_WIDTH - inward + 5, box.right)
            y1, y2, turn = plate.bottom, box.y + LED_IN, 8 if left else -8
            path = (
                f"M{x1:g} {y1:g} C {x1:g} {y1 + 16:g} {x2:g} {y1 + 8:g} {x2:g} {y1 + 30:g} "
                f"V{y2 - 8:g} Q {x2:g} {y2:g} {x2 + turn:g} {y2:g} H{edge:g}"
            )
            words = Spot(
                box.x + 2 if left else box.right - 2, box.y - 8, "start" if left else "end"
            )
            ways.append(
                Way(
                    "leads",
                    f"{plate.node.name} to {box.node.name}",
                    plate.node,
                    box.node,
                    path,
                    "",
                    Spot(BAND_X if left else BAND_X + BAND_WIDTH, y2, "middle"),
                    words,
                    words,
                )
            )
    return ways


def narrow_feeds(places: list[Place]) -> list[Way]:
    """Out of a cache's left side and into another's; the nearest has the innermost lane, so no two
    wires of a primary cross.
    """
    ways = []
    step = 22 / max(1, len(places) - 1)
    for source, target in itertools.permutations(places, 2):
        far = abs(target.row - source.row) - 1
        lane = 39 - step * far
        y1 = source.box.y + (88 - 3 * far if target.row > source.row else 40 + 3 * far)
        y2 = target.box.y + FED_IN
        points = [(source.box.x, y1), (lane, y1), (lane, y2), (target.box.x, y2)]
        back = -20 if target.row > source.row else 20
        cross, leaving = (
            Spot(lane, y2 + back, "middle"),
            Spot(lane, y1 - back * (1 + 0.8 * far), "middle"),
        )
        ways.append(
            _fed(
                source,
                target,
                points,
                cross,
                Spot(target.box.x + 48, target.box.y - 8, "start"),
                leaving,
            )
        )
    return ways


def _fed(
    source: Place, target: Place, points: list[Point], cross: Spot, words: Spot, leaving: Spot
) -> Way:
    (x1, y1), (x2, y2) = points[-2:]
    angle = 0 if x2 > x1 else 180 if x2 < x1 else 90 if y2 > y1 else -90
    one, two = source.box.node, target.box.node
    return Way(
        "feeds",
        f"{one.name} to {two.name}",
        one,
        two,
        _bent(points),
        f"translate({x2:g} {y2:g}) rotate({angle})",
        cross,
        words,
        words,
        leaving,
    )


def _bent(points: list[Point], radius: float = 7.0) -> str:
    """A path along these points, round at its corners."""
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
        before, after = abs(x1 - x0) + abs(y1 - y0), abs(x2 - x1) + abs(y2 - y1)
        r = min(radius, before / 2, after / 2)
        a, b = r / before if before else 0.0, r / after if after else 0.0
        path += (
            f" L{x1 + (x0 - x1) * a:g} {y1 + (y0 - y1) * a:g} Q {x1:g} {y1:g} "
            f"{x1 + (x2 - x1) * b:g} {y1 + (y2 - y1) * b:g}"
        )
    return f"{path} L{points[-1][0]:g} {points[-1][1]:g}"


def crown_of(box: Box) -> Point:
    """The lower left corner of the crown over a cache."""
    return box.x + 14, box.y - 6


def wide_move(one: Box, other: Box) -> Move:
    (x1, y1), (x2, y2) = _heart(one), _heart(other)
    if x1 == x2:
        return Move(
            one.node.name,
            other.node.name,
            f"M{x1:g} {y1:g} C {x1 - 36:g} {y1:g} {x2 - 36:g} {y2:g} {x2:g} {y2:g}",
        )
    lift, lean = 44 if y1 == y2 else 20, (x2 - x1) * 0.2
    return Move(
        one.node.name,
        other.node.name,
        f"M{x1:g} {y1:g} C {x1 + lean:g} {y1 - lift:g} {x2 - lean:g} {y2 - lift:g} {x2:g} {y2:g}",
    )


def narrow_move(one: Box, other: Box) -> Move:
    (x1, y1), (x2, y2) = _heart(one), _heart(other)
    return Move(
        one.node.name,
        other.node.name,
        f"M{x1:g} {y1:g} C {x1 - 70:g} {y1:g} {x2 - 70:g} {y2:g} {x2:g} {y2:g}",
    )


def _heart(box: Box) -> Point:
    x, y = crown_of(box)
    return x + 13, y - 6.5
