"""The wires between the caches of a replication group, and the paths of its crown.

Wide, a wire goes straight to a neighbour, else through the gap between two rows of caches; on a
phone it goes along the left side.
"""

from __future__ import annotations

import itertools

from portal.drawing.group_parts import FED_IN, ROW_GAP, ZONE_WIDTH, Move, Place, Point, Way, bent
from portal.drawing.shapes import Box, Spot


def wide_feeds(places: list[Place], rows: int) -> list[Way]:
    """From every cache to every other."""
    ways = []
    for source, target in itertools.permutations(places, 2):
        points, words = _wide_feed(source, target, places, rows)
        cross = _crossing(points, source, target)
        leaving = _crossing(points[::-1], target, source)
        ways.append(_fed(source, target, points, cross, words, leaving))
    return ways


def _wide_feed(
    source: Place, target: Place, places: list[Place], rows: int
) -> tuple[list[Point], Spot]:
    """Straight to a neighbour, else through the gap between two rows, in a lane of its own."""
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
        for place in _by_lane(source, places)
        if _goes_down(source, place, rows) == down and _goes_onward(source, place) == onward
    ].index(target)
    x1 = one.middle[0] + (16 + 12 * lane) * (1 if onward else -1)
    depth = 14 if rows == 1 else ROW_GAP - 14 - 9 * lane
    y1, first = (one.bottom, one.bottom + depth) if down else (one.y, one.y - depth)
    below = target.row == source.row if down else target.row < source.row
    x2, y2 = two.middle[0], two.bottom if below else two.y
    words = Spot(x2 + 9, y2 + 13 if below else y2 - 7, "start")
    if abs(source.row - target.row) < 2:
        return [(x1, y1), (x1, first), (x2, first), (x2, y2)], words
    aside = 5.5 + 3 * lane
    corridor = source.zone_x + ZONE_WIDTH + aside if onward else source.zone_x - aside
    last = y2 + 20 if below else y2 - 20
    return [(x1, y1), (x1, first), (corridor, first), (corridor, last), (x2, last), (x2, y2)], words


def _goes_down(source: Place, target: Place, rows: int) -> bool:
    """True if it leaves its source at the lower edge."""
    if target.row == source.row:
        return rows == 1 or source.row < rows - 1
    return target.row > source.row


def _goes_onward(source: Place, target: Place) -> bool:
    """True if it leaves to the right; within the first zone, too."""
    return target.column > source.column or target.column == source.column == 0


def _by_lane(source: Place, places: list[Place]) -> list[Place]:
    """Whom a source feeds through a gap, the outermost lane last: so no two of its wires cross."""

    def apart(place: Place) -> tuple[int, int]:
        return abs(place.column - source.column), abs(place.row - source.row)

    def order(place: Place) -> tuple[bool, int, int]:
        columns, rows = apart(place)
        return rows == 0, columns if rows else -columns, rows

    far = [place for place in places if apart(place) not in ((0, 0), (1, 0), (0, 1))]
    return sorted(far, key=order)


def _crossing(points: list[Point], source: Place, target: Place) -> Spot:
    """Where a wire enters the zone of its target, or its middle."""
    if source.column != target.column:
        edge = target.zone_x if target.column > source.column else target.zone_x + ZONE_WIDTH
        for (x1, y1), (x2, y2) in itertools.pairwise(reversed(points)):
            if y1 == y2 and min(x1, x2) <= edge <= max(x1, x2):
                return Spot((x1 + x2) / 2 if len(points) == 2 else edge, y1, "middle")
    (x1, y1), (x2, y2) = points[len(points) // 2 - 1 : len(points) // 2 + 1]
    return Spot((x1 + x2) / 2, (y1 + y2) / 2, "middle")


def narrow_feeds(places: list[Place]) -> list[Way]:
    """From every cache to every other at the left, the nearest in the innermost lane: no two of a
    primary cross.
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
        cross = Spot(lane, y2 + back, "middle")
        leaving = Spot(lane, y1 - back * (1 + 0.8 * far), "middle")
        words = Spot(target.box.x + 48, target.box.y - 8, "start")
        ways.append(_fed(source, target, points, cross, words, leaving))
    return ways


def _fed(
    source: Place, target: Place, points: list[Point], cross: Spot, words: Spot, leaving: Spot
) -> Way:
    (x1, y1), (x2, y2) = points[-2:]
    angle = 0 if x2 > x1 else 180 if x2 < x1 else 90 if y2 > y1 else -90
    one, two = source.box.node, target.box.node
    name, arrow = f"{one.name} to {two.name}", f"translate({x2:g} {y2:g}) rotate({angle})"
    return Way("feeds", name, one, two, bent(points), cross, words, arrow, leaving)


def crown_of(box: Box) -> Point:
    """The lower left corner of the crown over a cache."""
    return box.x + 14, box.y - 6


def wide_move(one: Box, other: Box) -> Move:
    """Over the caches between, or past them at the left within a column."""
    (x1, y1), (x2, y2) = _heart(one), _heart(other)
    if x1 == x2:
        return _moved(one, other, -36, 0)
    return _moved(one, other, (x2 - x1) * 0.2, -44 if y1 == y2 else -20)


def narrow_move(one: Box, other: Box) -> Move:
    """Past the caches between, at the left."""
    return _moved(one, other, -70, 0)


def _moved(one: Box, other: Box, lean: float, lift: float) -> Move:
    """A curve that leaves and arrives by so much; within a column on the same side."""
    (x1, y1), (x2, y2) = _heart(one), _heart(other)
    back = lean if x1 == x2 else -lean
    path = f"M{x1:g} {y1:g} C {x1 + lean:g} {y1 + lift:g} {x2 + back:g} {y2 + lift:g} {x2:g} {y2:g}"
    return Move(one.node.name, other.node.name, path)


def _heart(box: Box) -> Point:
    x, y = crown_of(box)
    return x + 13, y - 6.5
