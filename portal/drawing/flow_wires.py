"""The wires of a flow between boxes that stand already, and where their words stand.

Wide, a wire leaves at one side and enters at the other; within a column it goes straight, or around
at the right. On a phone it goes down, and past other rows in a lane in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labs.lab import Link, Topology
from portal.drawing.shapes import PHONE_WIDTH, Box, Spot, Wire

ARC = 44.0
MIDDLE = PHONE_WIDTH / 2


def onward(link: Link, topology: Topology, boxes: Sequence[Box], *, long: bool) -> Wire:
    """A link of the wide drawing; in a `long` one there is less room for its words."""
    placed = {box.node.name: box for box in boxes}
    source, target = placed[link.source], placed[link.target]
    if source.x == target.x:
        return _within(link, source, target, boxes)
    right = source.x < target.x
    y1 = source.y + source.height * _fastened(topology, link, placed, "source")
    y2 = target.y + target.height * _fastened(topology, link, placed, "target")
    x1, x2 = (source.right, target.x) if right else (source.x, target.right)
    bend = (x2 - x1) / 2
    aside, above, below, far = (6, 10, 25, 38) if long else (14, 16, 19, 36)
    edge, anchor = (x2 - aside, "end") if right else (x2 + aside, "start")
    path = f"M{x1:g} {y1:g} C {x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
    words = (Spot(edge, y2 + under, anchor) for under in (-above, below, far))
    return Wire(link, path, (x1 + x2) / 2, (y1 + y2) / 2, *words)


def _within(link: Link, source: Box, target: Box, boxes: Sequence[Box]) -> Wire:
    """Between two boxes of one column."""
    top, bottom = sorted((source, target), key=lambda box: box.y)
    if not any(box.x == top.x and top.y < box.y < bottom.y for box in boxes):
        x, y = top.middle[0], (top.bottom + bottom.y) / 2
        y1, y2 = (top.bottom, bottom.y) if source is top else (bottom.y, top.bottom)
        words = Spot(x + 10, y + 4, "start")
        return Wire(link, f"M{x:g} {y1:g} V{y2:g}", x, y, words, words, words)
    x, y1, y2 = source.right, source.y + source.height * 0.7, target.y + target.height * 0.3
    bend = x + ARC
    words = Spot(bend - 6, (y1 + y2) / 2 + 4, "start")
    path = f"M{x:g} {y1:g} C {bend:g} {y1:g} {bend:g} {y2:g} {x:g} {y2:g}"
    return Wire(link, path, x + 0.75 * ARC, (y1 + y2) / 2, words, words, words)


def down(link: Link, topology: Topology, boxes: Sequence[Box]) -> Wire:
    """A link of a phone's drawing."""
    placed = {box.node.name: box for box in boxes}
    source, target = placed[link.source], placed[link.target]
    rows = sorted({box.y for box in boxes})
    further = rows.index(target.y) - rows.index(source.y)
    if further == 0:
        return _level(link, source, target, boxes)
    if further == 1:
        return _below(link, topology, placed)
    if source.node.engine == "app" and further > 1:
        return _past(link, topology, placed, rows)
    if further == -1:
        return _up(link, source, target)
    return _around(link, source, target)


def _level(link: Link, source: Box, target: Box, boxes: Sequence[Box]) -> Wire:
    """Straight to a neighbour; over the row where others stand between."""
    left, right = sorted((source, target), key=lambda box: box.x)
    x1, x2 = (left.right, right.x) if source is left else (right.x, left.right)
    y, words = left.middle[1], Spot((x1 + x2) / 2, left.y - 8, "middle")
    if not any(box.y == left.y and left.x < box.x < right.x for box in boxes):
        return Wire(link, f"M{x1:g} {y:g} H{x2:g}", (x1 + x2) / 2, y, words, words, words)
    x1, x2, over = source.middle[0], target.middle[0], left.y - 30
    path = f"M{x1:g} {left.y:g} C {x1:g} {over:g} {x2:g} {over:g} {x2:g} {left.y:g}"
    return Wire(link, path, (x1 + x2) / 2, left.y - 22, words, words, words)


def _below(link: Link, topology: Topology, placed: dict[str, Box]) -> Wire:
    """Down to the next row. Of wires that come in side by side, each has its words
    at another height.
    """
    source, target = placed[link.source], placed[link.target]
    x1 = source.x + source.width * _fastened(topology, link, placed, "source", across=True)
    x2 = target.x + target.width * _fastened(topology, link, placed, "target", across=True)
    y1, y2 = source.bottom, target.y
    bend = (y2 - y1) / 2
    left = x2 < x1 - 1 if source.node.engine == "app" else x2 > 200
    x, anchor = (x2 - 8, "end") if left else (x2 + 8, "start")
    y = (y1 + y2) / 2
    heights = [y2 - 46, y2 - 28, y2 - 11] if y2 - y1 > 50 else [y + 4] * 3
    into = sorted(
        (placed[part.source].x, part.name)
        for part in topology.links
        if part.target == link.target and placed[part.source].y == source.y
    )
    if len(into) > 1:
        turn = into.index((source.x, link.name)) % 3
        heights = heights[turn:] + heights[:turn]
    path = f"M{x1:g} {y1:g} C {x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"
    return Wire(link, path, (x1 + x2) / 2, y, *(Spot(x, height, anchor) for height in heights))


def _past(link: Link, topology: Topology, placed: dict[str, Box], rows: list[float]) -> Wire:
    """From an application past the rows before the target's, at its side of the middle: the nearest
    row's lane is the innermost.
    """
    source, target = placed[link.source], placed[link.target]
    x1 = source.x + source.width * _fastened(topology, link, placed, "source", across=True)
    y1, y2, x2 = source.bottom, target.y, target.middle[0]
    side = -1 if x2 < MIDDLE - 1 else 1 if x2 > MIDDLE + 1 else 0
    lane = MIDDLE + side * (3 * rows.index(y2) - 2)
    first = min(y for y in rows if y > source.y)
    path = f"M{x1:g} {y1:g} C {x1:g} {y1 + 44:g} {lane:g} {y1 + 30:g} {lane:g} {first:g}"
    if lane == MIDDLE:
        path += f" V{y2:g}"
    else:
        edge = target.right if lane < MIDDLE else target.x
        path += f" V{y2 + 10:g} C {lane:g} {y2 + 20:g} {lane:g} {y2 + 24:g} {edge:g} {y2 + 24:g}"
    left, right = target.x + 4, target.right - 4
    words = Spot(left, y2 - 8, "start"), Spot(right, y2 - 8, "end"), Spot(left, y2 - 24, "start")
    return Wire(link, path, lane, y2 - 34, *words)


def _up(link: Link, source: Box, target: Box) -> Wire:
    """Up to the row above."""
    (x1, y1), (x2, y2) = (source.middle[0], source.y), (target.middle[0], target.bottom)
    words = Spot((x1 + x2) / 2 + 10, (y1 + y2) / 2 + 4, "start")
    path = f"M{x1:g} {y1:g} L{x2:g} {y2:g}"
    return Wire(link, path, (x1 + x2) / 2, (y1 + y2) / 2, words, words, words)


def _around(link: Link, source: Box, target: Box) -> Wire:
    """Past rows, in the middle."""
    top, bottom = sorted((source, target), key=lambda box: box.y)
    y1, y2 = source.middle[1], target.middle[1]
    x1, x2 = (
        box.right if box.middle[0] < MIDDLE else box.x if box.middle[0] > MIDDLE else MIDDLE
        for box in (source, target)
    )
    y1 = y1 if x1 != MIDDLE else source.bottom if source is top else source.y
    y2 = y2 if x2 != MIDDLE else target.y if target is bottom else target.bottom
    words = Spot(bottom.x + 4, bottom.y - 24, "start")
    half = (y1 + y2) / 2
    path = (
        f"M{x1:g} {y1:g} C {MIDDLE:g} {y1:g} {MIDDLE:g} {y1:g} {MIDDLE:g} {half:g} "
        f"C {MIDDLE:g} {y2:g} {MIDDLE:g} {y2:g} {x2:g} {y2:g}"
    )
    return Wire(link, path, MIDDLE, half, words, words, words)


def _fastened(
    topology: Topology,
    link: Link,
    placed: dict[str, Box],
    end: Literal["source", "target"],
    *,
    across: bool = False,
) -> float:
    """Where a link is fastened at one of its ends, as a share of its side: the links on that side
    stand in the order of their other ends, so that none crosses another there.
    """
    other = "target" if end == "source" else "source"
    here = placed[getattr(link, end)]

    def far(part: Link) -> Box:
        return placed[getattr(part, other)]

    def side(part: Link) -> bool:
        return far(part).y > here.y if across else far(part).x > here.x

    near = [part for part in topology.links if getattr(part, end) == getattr(link, end)]
    siblings = [part for part in near if side(part) == side(link)]
    ordered = sorted(siblings, key=lambda part: (far(part).y, far(part).x))
    return (ordered.index(link) + 1) / (len(ordered) + 1)
