"""The wires of a flow between boxes that stand already, and where their words stand.

Wide, a wire leaves at one side and enters at the other; within a column it goes straight, or around
at the right. On a phone it goes down, and past other rows in a lane in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labs import Link, Topology
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
    return Wire(
        link,
        f"M{x1:g} {y1:g} C {x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}",
        (x1 + x2) / 2,
        (y1 + y2) / 2,
        Spot(edge, y2 - above, anchor),
        Spot(edge, y2 + below, anchor),
        Spot(edge, y2 + far, anchor),
    )


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


@dataclass(frozen=True, slots=True)
class Lanes:
    """The rows of a phone's drawing, by their upper edges."""

    rows: tuple[float, ...]

    @classmethod
    def of(cls, boxes: Sequence[Box]) -> Lanes:
        """Those of these boxes."""
        return cls(tuple(sorted({box.y for box in boxes})))

    def apart(self, one: Box, other: Box) -> int:
        """How many rows one stands below another."""
        return self.rows.index(one.y) - self.rows.index(other.y)

    def of_target(self, target: Box) -> float:
        """Where a wire goes past other rows to a box: at its own side of the middle, the nearest
        row's innermost.
        """
        x = target.middle[0]
        side = -1 if x < MIDDLE - 1 else 1 if x > MIDDLE + 1 else 0
        return MIDDLE + side * (3 * self.rows.index(target.y) - 2)


def down(link: Link, topology: Topology, boxes: Sequence[Box], lanes: Lanes) -> Wire:
    """A link of a phone's drawing."""
    placed = {box.node.name: box for box in boxes}
    source, target = placed[link.source], placed[link.target]
    rows = lanes.apart(target, source)
    if rows == 0:
        return _level(link, source, target, boxes)
    if rows == 1:
        return _below(link, topology, placed)
    if source.node.engine == "app" and rows > 1:
        return _past(link, topology, placed, lanes)
    return _around(link, source, target, lanes)


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
    """Down to the next row."""
    source, target = placed[link.source], placed[link.target]
    x1 = source.x + source.width * _fastened(topology, link, placed, "source", across=True)
    x2 = target.x + target.width * _fastened(topology, link, placed, "target", across=True)
    y1, y2 = source.bottom, target.y
    bend = (y2 - y1) / 2
    left = x2 < x1 - 1 if source.node.engine == "app" else x2 > 200
    x, anchor = (x2 - 8, "end") if left else (x2 + 8, "start")
    tag, took, trouble = (
        (Spot(x, y2 - above, anchor) for above in (46, 28, 11))
        if y2 - y1 > 50
        else (Spot(x, (y1 + y2) / 2 + 4, anchor),) * 3
    )
    return Wire(
        link,
        f"M{x1:g} {y1:g} C {x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}",
        (x1 + x2) / 2,
        (y1 + y2) / 2,
        tag,
        took,
        trouble,
    )


def _past(link: Link, topology: Topology, placed: dict[str, Box], lanes: Lanes) -> Wire:
    """From an application down the middle, past the rows before the target's."""
    source, target = placed[link.source], placed[link.target]
    x1, y1 = (
        source.x + source.width * _fastened(topology, link, placed, "source", across=True),
        source.bottom,
    )
    lane, y2 = lanes.of_target(target), target.y
    first = min(y for y in lanes.rows if y > source.y)
    path = f"M{x1:g} {y1:g} C {x1:g} {y1 + 44:g} {lane:g} {y1 + 30:g} {lane:g} {first:g}"
    if lane == MIDDLE:
        path += f" V{y2:g}"
    else:
        side = target.right if lane < MIDDLE else target.x
        path += f" V{y2 + 10:g} C {lane:g} {y2 + 20:g} {lane:g} {y2 + 24:g} {side:g} {y2 + 24:g}"
    return Wire(
        link,
        path,
        lane,
        y2 - 34,
        Spot(target.x + 4, y2 - 8, "start"),
        Spot(target.right - 4, y2 - 8, "end"),
        Spot(target.x + 4, y2 - 24, "start"),
    )


def _around(link: Link, source: Box, target: Box, lanes: Lanes) -> Wire:
    """Up to the row above, or past rows, in the middle."""
    top, bottom = sorted((source, target), key=lambda box: box.y)
    if lanes.apart(bottom, top) == 1:
        (x1, y1), (x2, y2) = (source.middle[0], source.y), (target.middle[0], target.bottom)
        words = Spot((x1 + x2) / 2 + 10, (y1 + y2) / 2 + 4, "start")
        path = f"M{x1:g} {y1:g} L{x2:g} {y2:g}"
        return Wire(link, path, (x1 + x2) / 2, (y1 + y2) / 2, words, words, words)
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

    def side(part: Link) -> bool:
        there = placed[getattr(part, other)]
        return there.y > here.y if across else there.x > here.x

    siblings = [
        part
        for part in topology.links
        if getattr(part, end) == getattr(link, end) and side(part) == side(link)
    ]

    def place(part: Link) -> tuple[float, float]:
        there = placed[getattr(part, other)]
        return there.y, there.x

    ordered = sorted(siblings, key=place)
    return (ordered.index(link) + 1) / (len(ordered) + 1)
