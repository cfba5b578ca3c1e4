"""The drawing of requests that run through one server after the other (a balancer, its instances,
their stores): each step a column, a row on a phone.
"""

from __future__ import annotations

from typing import Literal

from labs.lab import Link, Node, Topology
from portal.drawing.shapes import PHONE_WIDTH, Box, Drawing, Spot, Wire


def wide(topology: Topology, columns: list[list[Node]]) -> Drawing:
    """A column for each step from the application, each in the middle of the height."""
    length, wide_by, tall, gap = 760.0, 132.0, 96.0, 46.0
    between = (length - 8 - len(columns) * wide_by) / (len(columns) - 1)
    height = max(len(column) for column in columns) * (tall + gap) - gap + 16
    boxes = []
    for step, column in enumerate(columns):
        top = (height - len(column) * (tall + gap) + gap) / 2
        boxes += [
            Box(node, 4 + step * (wide_by + between), top + index * (tall + gap), wide_by, tall)
            for index, node in enumerate(column)
        ]
    placed = {box.node.name: box for box in boxes}
    wires = []
    for link in topology.links:
        source, target = placed[link.source], placed[link.target]
        x1, y1 = (
            source.right,
            source.y + source.height * _fastened(topology, link, placed, "source"),
        )
        x2, y2 = target.x, target.y + target.height * _fastened(topology, link, placed, "target")
        bend, words = (x2 - x1) / 2, [Spot(x2 - 6, y2 + below, "end") for below in (-10, 25, 38)]
        wires.append(
            Wire(
                link,
                f"M{x1:g} {y1:g} C {x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}",
                (x1 + x2) / 2,
                (y1 + y2) / 2,
                *words,
            )
        )
    return Drawing(length, height, tuple(boxes), tuple(wires), glyphs=False)


def narrow(topology: Topology, rows: list[list[Node]]) -> Drawing:
    """A row for each step from the application."""
    tall, gap, most = 76.0, 62.0, max(len(row) for row in rows)
    wide_by = min(190.0, (PHONE_WIDTH - 8 - (most - 1) * 12) / most)
    boxes = []
    for step, row in enumerate(rows):
        left = (PHONE_WIDTH - len(row) * (wide_by + 12) + 12) / 2
        boxes += [
            Box(node, left + index * (wide_by + 12), 4 + step * (tall + gap), wide_by, tall)
            for index, node in enumerate(row)
        ]
    placed = {box.node.name: box for box in boxes}
    wires = []
    for link in topology.links:
        source, target = placed[link.source], placed[link.target]
        x1, y1 = (
            source.x + source.width * _fastened(topology, link, placed, "source"),
            source.bottom,
        )
        x2, y2 = target.x + target.width * _fastened(topology, link, placed, "target"), target.y
        bend, right = (y2 - y1) / 2, x2 > 200
        words = [
            Spot(x2 + (-8 if right else 8), y2 + above, "end" if right else "start")
            for above in (-46, -28, -11)
        ]
        wires.append(
            Wire(
                link,
                f"M{x1:g} {y1:g} C {x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}",
                (x1 + x2) / 2,
                (y1 + y2) / 2,
                *words,
            )
        )
    return Drawing(
        PHONE_WIDTH, len(rows) * (tall + gap) - gap + 8, tuple(boxes), tuple(wires), glyphs=False
    )


def _fastened(
    topology: Topology, link: Link, placed: dict[str, Box], end: Literal["source", "target"]
) -> float:
    """Where a link is fastened at one of its ends, as a share of the side: its siblings in the
    order of their other ends, so that none crosses another there.
    """
    other = "target" if end == "source" else "source"
    siblings = [part for part in topology.links if getattr(part, end) == getattr(link, end)]
    ordered = sorted(
        siblings, key=lambda part: (placed[getattr(part, other)].y, placed[getattr(part, other)].x)
    )
    return (ordered.index(link) + 1) / (len(ordered) + 1)
