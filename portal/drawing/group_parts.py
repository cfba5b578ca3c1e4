"""What a replication group's drawing has besides boxes (ways, moves, places), and its measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labs.lab import Node
from portal.drawing.shapes import Box, Spot

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

    `link` is what events call it; `cross` is where it shows that it is cut, `leaving` where it
    leaves a zone that is; `arrow` turns an arrowhead to its end.
    """

    kind: WayKind
    link: str
    source: Node
    target: Node
    path: str
    cross: Spot
    words: Spot
    arrow: str = ""
    leaving: Spot | None = None


def led(plate: Box, box: Box, path: str, cross: Spot, words: Spot) -> Way:
    """From an endpoint to a cache."""
    name = f"{plate.node.name} to {box.node.name}"
    return Way("leads", name, plate.node, box.node, path, cross, words)


@dataclass(frozen=True, slots=True)
class Move:
    """The path of a crown from one cache to another, or backwards."""

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


def bent(points: list[Point], radius: float = 7.0) -> str:
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
