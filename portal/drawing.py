"""Where things stand in a topology's drawing: the application at the left, up to six servers at the right; stacked on a phone.

Pure geometry in the drawing's own units. Refuses to know states and readings: the template and the page's script dress it.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs import Link, Node, Topology


@dataclass(frozen=True, slots=True)
class Box:
    """A node and its rectangle."""

    node: Node
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Wire:
    """A link, its path from source to target, and where its words stand."""

    link: Link
    path: str
    label_x: float
    label_y: float
    anchor: str
    mid_x: float
    mid_y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole drawing, ready to be written as SVG."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def wide(topology: Topology) -> Drawing:
    """The drawing for a bench of 36 rem and more."""
    apps, servers = [n for n in topology.nodes if n.engine == "app"], list(topology.servers)
    tall = 104.0 if len(servers) <= 2 else 84.0 if len(servers) <= 4 else 68.0
    gap = 34.0 if len(servers) <= 2 else 18.0
    height = max(1, len(servers)) * (tall + gap) - gap + 24
    height = max(height, 130.0 * len(apps))
    boxes = [Box(node, 12, (index + 0.5) * height / len(apps) - 48, 180, 96) for index, node in enumerate(apps)]
    boxes += [Box(node, 476, 12 + index * (tall + gap), 232, tall) for index, node in enumerate(servers)]
    return Drawing(720, height, tuple(boxes), tuple(_wide_wires(topology, boxes)))


def narrow(topology: Topology) -> Drawing:
    """The drawing for a phone: the application on top, servers below, two in a row where there are an even number."""
    apps, servers = [n for n in topology.nodes if n.engine == "app"], list(topology.servers)
    share = 320 / max(1, len(apps))
    boxes = [Box(node, 10 + index * share + (share - min(200, share - 8)) / 2, 4, min(200, share - 8), 80) for index, node in enumerate(apps)]
    columns = 2 if len(servers) % 2 == 0 else 1
    top, tall, gap = 178.0, 96.0, 40.0
    for index, node in enumerate(servers):
        column, row = index % columns, index // columns
        width = 160.0 if columns == 2 else 240.0
        x = 4 + column * 172 if columns == 2 else 50
        boxes.append(Box(node, x, top + row * (tall + gap), width, tall))
    rows = -(-len(servers) // columns)
    return Drawing(340, top + rows * (tall + gap) - gap + 8, tuple(boxes), tuple(_narrow_wires(topology, boxes)))


def _wide_wires(topology: Topology, boxes: list[Box]) -> list[Wire]:
    placed = {box.node.name: box for box in boxes}
    order = [box.node.name for box in boxes if box.node.engine != "app"]
    wires = []
    for link in topology.links:
        source, target = placed[link.source], placed[link.target]
        if source.x < target.x:
            outgoing = [part.target for part in topology.links if part.source == link.source and placed[part.target].x > source.x]
            outgoing.sort(key=order.index)
            share = (outgoing.index(link.target) + 1) / (len(outgoing) + 1)
            x1, y1 = source.x + source.width, source.y + source.height * share
            x2, y2 = target.x, target.y + target.height / 2
            wires.append(Wire(link, f"M{x1:g} {y1:g} C {x1 + 136:g} {y1:g} {x2 - 150:g} {y2:g} {x2:g} {y2:g}", x2 - 14, y2, "end", (x1 + x2) / 2 - 5, (y1 + y2) / 2))
            continue
        top, bottom = sorted((source, target), key=lambda box: box.y)
        if abs(order.index(link.source) - order.index(link.target)) == 1:
            x = top.x + top.width / 2
            path, y = (top.y + top.height, bottom.y) if source is top else (bottom.y, top.y + top.height), (top.y + top.height + bottom.y) / 2
            wires.append(Wire(link, f"M{x:g} {path[0]:g} V{path[1]:g}", x + 10, y + 4, "start", x, y))
        else:
            x, y1, y2 = source.x, source.y + source.height * 0.7, target.y + target.height * 0.3
            bend = x - 44
            wires.append(Wire(link, f"M{x:g} {y1:g} C {bend:g} {y1:g} {bend:g} {y2:g} {x:g} {y2:g}", bend - 2, (y1 + y2) / 2, "end", x - 33, (y1 + y2) / 2))
    return wires


def _narrow_wires(topology: Topology, boxes: list[Box]) -> list[Wire]:
    placed = {box.node.name: box for box in boxes}
    wires = []
    for link in topology.links:
        source, target = placed[link.source], placed[link.target]
        if source.node.engine == "app":
            outgoing = [part.target for part in topology.links if part.source == link.source]
            x1 = source.x + source.width * (outgoing.index(link.target) + 1) / (len(outgoing) + 1)
            y1, first_row = source.y + source.height, target.y < 200
            left = target.x + target.width / 2 <= 170
            if first_row:
                x2, y2 = target.x + target.width / 2, target.y
                path = f"M{x1:g} {y1:g} C {x1:g} {y1 + 48:g} {x2:g} {y2 - 54:g} {x2:g} {y2:g}"
                wires.append(Wire(link, path, x2 + (-8 if left and x2 < x1 else 8), y2 - 30, "end" if left and x2 < x1 else "start", (x1 + x2) / 2, (y1 + y2) / 2))
            else:
                x2, y2, out = (target.x, target.y + 20, -1) if left else (target.x + target.width, target.y + 20, 1)
                edge = max(3.0, x2 - 40) if out < 0 else min(337.0, x2 + 40)
                wires.append(Wire(link, f"M{x1:g} {y1:g} C {edge:g} {y1 + 70:g} {edge:g} {y2 - 60:g} {x2:g} {y2:g}", edge - 6 * out, y2 - 12, "start" if out < 0 else "end", edge + 10 * -out, (y1 + y2) / 2))
            continue
        top, bottom = sorted((source, target), key=lambda box: (box.y, box.x))
        if top.y == bottom.y:
            y = top.y + top.height / 2
            x1, x2 = (top.x + top.width, bottom.x) if source is top else (bottom.x, top.x + top.width)
            wires.append(Wire(link, f"M{x1:g} {y:g} H{x2:g}", (x1 + x2) / 2, y - 6, "middle", (x1 + x2) / 2, y))
        else:
            x = top.x + top.width / 2
            y1, y2 = (top.y + top.height, bottom.y) if source is top else (bottom.y, top.y + top.height)
            wires.append(Wire(link, f"M{x:g} {y1:g} L{bottom.x + bottom.width / 2:g} {y2:g}", x + 10, (y1 + y2) / 2 + 4, "start", x, (y1 + y2) / 2))
    return wires
