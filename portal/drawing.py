"""Where things stand in a topology's drawing: the application at the left, up to six servers at the right; stacked on a phone.

Servers that the application reaches stand before those behind them (sentinels, replicas that only a primary knows); a zone is a
row of its own. Where a request runs through one server after the other (a balancer, its instances, their stores) each step is a column of its own, a row on a phone. Pure geometry in the drawing's own units. Refuses to know states and readings: the template and the page's script
dress it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labs import Link, Node, Topology

PHONE_WIDTH = 340.0
PHONE_COLUMN = 156.0
LONGEST_WITHOUT_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Box:
    """A node and its rectangle."""

    node: Node
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Spot:
    """Where words of a link stand."""

    x: float
    y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Wire:
    """A link: its path from source to target, its middle, and where it says what was asked, how long it took, what is wrong."""

    link: Link
    path: str
    mid_x: float
    mid_y: float
    tag: Spot
    took: Spot
    trouble: Spot


@dataclass(frozen=True, slots=True)
class Zone:
    """A place that fails as a whole, drawn around what stands in it."""

    name: str
    x: float
    y: float
    width: float
    height: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole drawing, ready to be written as SVG."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    zones: tuple[Zone, ...] = ()
    glyphs: bool = True


def layers(topology: Topology) -> list[list[Node]]:
    """The nodes by the number of links that lead to them from the application; what no link reaches counts as next to it."""
    depth = {node.name: 0 for node in topology.nodes if node.engine == "app"}
    edge = list(depth)
    while edge:
        further = [link.target for link in topology.links if link.source in edge and link.target not in depth]
        depth |= dict.fromkeys(further, depth[edge[0]] + 1)
        edge = further
    steps = max(depth.values(), default=0)
    return [[node for node in topology.nodes if depth.get(node.name, 1) == step] for step in range(steps + 1)]


def wide(topology: Topology) -> Drawing:
    """The drawing for a bench of 36 rem and more."""
    if len(columns := layers(topology)) > LONGEST_WITHOUT_COLUMNS:
        return _wide_chain(topology, columns)
    apps, near, far = _layers(topology)
    zones = _zones(topology)
    at_once = max(sum(max(len(_of(near, zone)), len(_of(far, zone))) for zone in zones), 1)
    tall = 104.0 if at_once <= 2 else 84.0 if at_once <= 4 else 68.0
    gap = 34.0 if at_once <= 2 or _any_between(topology, near) else 18.0
    app_width, near_x, near_width, far_x, far_width = (150.0, 290.0, 196.0, 590.0, 176.0) if far else (180.0, 476.0, 232.0, 0.0, 0.0)
    width = (far_x + far_width if far else near_x + near_width) + 12

    boxes, rects, y = [], [], 12.0
    for zone in zones:
        rows = max(len(_of(near, zone)), len(_of(far, zone)), 1)
        height = rows * (tall + gap) - gap
        top = y + 10 if zone else y
        for nodes, x, wide_as in ((_of(near, zone), near_x, near_width), (_of(far, zone), far_x, far_width)):
            spare = (height - (len(nodes) * (tall + gap) - gap)) / 2
            boxes += [Box(node, x, top + spare + index * (tall + gap), wide_as, tall) for index, node in enumerate(nodes)]
        if zone:
            rects.append(Zone(zone, near_x - 10, y, width - near_x + 8, height + 34, y + height + 26))
        y = top + height + (36 if zone else gap)
    height = max(y - (36 if zones[-1] else gap) + (24 if zones[-1] else 0) + 12, 130.0 * len(apps))
    boxes = [Box(node, 12, (index + 0.5) * height / len(apps) - 48, app_width, 96) for index, node in enumerate(apps)] + boxes
    wires = [_wide_wire(topology, link, boxes) for link in topology.links]
    return Drawing(width + (110 if any(wire.trouble.x > width for wire in wires) else 0), height, tuple(boxes), tuple(wires), tuple(rects))


def narrow(topology: Topology) -> Drawing:
    """The drawing for a phone: the application on top, servers in two columns below, each zone a band."""
    if len(rows_of := layers(topology)) > LONGEST_WITHOUT_COLUMNS:
        return _narrow_chain(topology, rows_of)
    apps, near, far = _layers(topology)
    share = 320 / max(1, len(apps))
    boxes = [Box(node, 10 + index * share + (share - min(200, share - 8)) / 2, 4, min(200, share - 8), 80) for index, node in enumerate(apps)]
    rects: list[Zone] = []
    tall, y = 96.0, 178.0
    for zone in _zones(topology):
        nodes = _of(near, zone) + _of(far, zone)
        top = y
        for row in range(0, len(nodes), 2):
            pair = nodes[row : row + 2]
            alone = len(pair) == 1
            size = 240.0 if alone and len(nodes) == 1 and not zone else PHONE_COLUMN
            for column, node in enumerate(pair):
                boxes.append(Box(node, (PHONE_WIDTH - size) / 2 if alone else 4 + column * (PHONE_COLUMN + 20), y, size, tall))
            y += tall + 44
        if zone:
            above = 26.0 if rects else 10.0
            rects.append(Zone(zone, 0.5, top - above, PHONE_WIDTH - 1, y - top - 44 + above + 26, y - 26))
            y += 28
    height = max(box.bottom for box in boxes) + (32 if rects else 8)
    return Drawing(PHONE_WIDTH, height, tuple(boxes), tuple(_narrow_wire(topology, link, boxes) for link in topology.links), tuple(rects))


def _wide_chain(topology: Topology, columns: list[list[Node]]) -> Drawing:
    """A column for each step from the application, each in the middle of the height."""
    length, wide_by, tall, gap = 760.0, 132.0, 96.0, 46.0
    between = (length - 8 - len(columns) * wide_by) / (len(columns) - 1)
    height = max(len(column) for column in columns) * (tall + gap) - gap + 16
    boxes = []
    for step, column in enumerate(columns):
        top = (height - len(column) * (tall + gap) + gap) / 2
        boxes += [Box(node, 4 + step * (wide_by + between), top + index * (tall + gap), wide_by, tall) for index, node in enumerate(column)]
    placed = {box.node.name: box for box in boxes}
    wires = []
    for link in topology.links:
        source, target = placed[link.source], placed[link.target]
        x1, y1 = source.right, source.y + source.height * _fastened(topology, link, placed, "source")
        x2, y2 = target.x, target.y + target.height * _fastened(topology, link, placed, "target")
        bend, words = (x2 - x1) / 2, [Spot(x2 - 6, y2 + below, "end") for below in (-10, 25, 38)]
        wires.append(Wire(link, f"M{x1:g} {y1:g} C {x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}", (x1 + x2) / 2, (y1 + y2) / 2, *words))
    return Drawing(length, height, tuple(boxes), tuple(wires), glyphs=False)


def _narrow_chain(topology: Topology, rows: list[list[Node]]) -> Drawing:
    """A row for each step from the application."""
    tall, gap, most = 76.0, 62.0, max(len(row) for row in rows)
    wide_by = min(190.0, (PHONE_WIDTH - 8 - (most - 1) * 12) / most)
    boxes = []
    for step, row in enumerate(rows):
        left = (PHONE_WIDTH - len(row) * (wide_by + 12) + 12) / 2
        boxes += [Box(node, left + index * (wide_by + 12), 4 + step * (tall + gap), wide_by, tall) for index, node in enumerate(row)]
    placed = {box.node.name: box for box in boxes}
    wires = []
    for link in topology.links:
        source, target = placed[link.source], placed[link.target]
        x1, y1 = source.x + source.width * _fastened(topology, link, placed, "source"), source.bottom
        x2, y2 = target.x + target.width * _fastened(topology, link, placed, "target"), target.y
        bend, right = (y2 - y1) / 2, x2 > 200
        words = [Spot(x2 + (-8 if right else 8), y2 + above, "end" if right else "start") for above in (-46, -28, -11)]
        wires.append(Wire(link, f"M{x1:g} {y1:g} C {x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}", (x1 + x2) / 2, (y1 + y2) / 2, *words))
    return Drawing(PHONE_WIDTH, len(rows) * (tall + gap) - gap + 8, tuple(boxes), tuple(wires), glyphs=False)


def _fastened(topology: Topology, link: Link, placed: dict[str, Box], end: Literal["source", "target"]) -> float:
    """Where a link is fastened at one of its ends, as a share of the side: its siblings in the order of their other ends, so that none crosses another there."""
    other = "target" if end == "source" else "source"
    siblings = [part for part in topology.links if getattr(part, end) == getattr(link, end)]
    ordered = sorted(siblings, key=lambda part: (placed[getattr(part, other)].y, placed[getattr(part, other)].x))
    return (ordered.index(link) + 1) / (len(ordered) + 1)


def _layers(topology: Topology) -> tuple[list[Node], list[Node], list[Node]]:
    """The applications, the servers that they have a link to, the servers behind those."""
    apps = [node for node in topology.nodes if node.engine == "app"]
    reached = {link.target for link in topology.links if link.source in {app.name for app in apps}}
    near = [node for node in topology.servers if node.name in reached] or list(topology.servers)
    return apps, near, [node for node in topology.servers if node not in near]


def _zones(topology: Topology) -> list[str]:
    """The zones in the order of their first server; one without a name where there are none."""
    return list(dict.fromkeys(node.zone for node in topology.servers)) or [""]


def _of(nodes: list[Node], zone: str) -> list[Node]:
    return [node for node in nodes if node.zone == zone]


def _any_between(topology: Topology, nodes: list[Node]) -> bool:
    names = {node.name for node in nodes}
    return any(link.source in names and link.target in names for link in topology.links)


def _share(topology: Topology, link: Link, placed: dict[str, Box]) -> float:
    """How far along its source's edge a link begins, so that links to higher servers begin higher."""
    outgoing = sorted((part.target for part in topology.links if part.source == link.source), key=lambda name: (placed[name].y, placed[name].x))
    return (outgoing.index(link.target) + 1) / (len(outgoing) + 1)


def _wide_wire(topology: Topology, link: Link, boxes: list[Box]) -> Wire:
    placed = {box.node.name: box for box in boxes}
    source, target = placed[link.source], placed[link.target]
    if source.x != target.x:
        onward = source.x < target.x
        y1 = source.y + source.height * (_share(topology, link, placed) if source.node.engine == "app" else 0.5)
        x1, x2 = (source.right, target.x) if onward else (source.x, target.right)
        y2, bend = target.middle[1], (x2 - x1) * 0.5
        path = f"M{x1:g} {y1:g} C {x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
        edge, anchor = (x2 - 14, "end") if onward else (x2 + 14, "start")
        return Wire(link, path, (x1 + x2) / 2, (y1 + y2) / 2, Spot(edge, y2 - 16, anchor), Spot(edge, y2 + 19, anchor), Spot(edge, y2 + 36, anchor))
    top, bottom = sorted((source, target), key=lambda box: box.y)
    between = [box for box in boxes if box.x == top.x and top.y < box.y < bottom.y]
    if not between:
        x, y = top.middle[0], (top.bottom + bottom.y) / 2
        ends = (top.bottom, bottom.y) if source is top else (bottom.y, top.bottom)
        words = Spot(x + 10, y + 4, "start")
        return Wire(link, f"M{x:g} {ends[0]:g} V{ends[1]:g}", x, y, words, words, words)
    x, y1, y2 = source.right, source.y + source.height * 0.7, target.y + target.height * 0.3
    bend = x + 44
    words = Spot(bend - 6, (y1 + y2) / 2 + 4, "start")
    return Wire(link, f"M{x:g} {y1:g} C {bend:g} {y1:g} {bend:g} {y2:g} {x:g} {y2:g}", x + 33, (y1 + y2) / 2, words, words, words)


def _narrow_wire(topology: Topology, link: Link, boxes: list[Box]) -> Wire:
    placed = {box.node.name: box for box in boxes}
    source, target = placed[link.source], placed[link.target]
    if source.node.engine == "app":
        return _from_above(topology, link, placed)
    top, bottom = sorted((source, target), key=lambda box: (box.y, box.x))
    if top.y == bottom.y:
        y = top.middle[1]
        x1, x2 = (top.right, bottom.x) if source is top else (bottom.x, top.right)
        words = Spot((x1 + x2) / 2, top.y - 8, "middle")
        return Wire(link, f"M{x1:g} {y:g} H{x2:g}", (x1 + x2) / 2, y, words, words, words)
    if any(top.bottom <= box.y and box.bottom <= bottom.y for box in boxes):
        lane, y1, y2 = PHONE_WIDTH / 2, source.middle[1], target.middle[1]
        x1, x2 = (box.right if box.middle[0] < lane else box.x if box.middle[0] > lane else lane for box in (source, target))
        y2 = y2 if x2 != lane else target.y if target is bottom else target.bottom
        words = Spot(bottom.x + 4, bottom.y - 24, "start")
        return Wire(link, f"M{x1:g} {y1:g} C {lane:g} {y1:g} {lane:g} {y1:g} {lane:g} {(y1 + y2) / 2:g} C {lane:g} {y2:g} {lane:g} {y2:g} {x2:g} {y2:g}", lane, (y1 + y2) / 2, words, words, words)
    (x1, y1), (x2, y2) = (top.middle[0], top.bottom), (bottom.middle[0], bottom.y)
    words = Spot((x1 + x2) / 2 + 10, (y1 + y2) / 2 + 4, "start")
    ends = (x1, y1, x2, y2) if source is top else (x2, y2, x1, y1)
    return Wire(link, "M{:g} {:g} L{:g} {:g}".format(*ends), (x1 + x2) / 2, (y1 + y2) / 2, words, words, words)


def _from_above(topology: Topology, link: Link, placed: dict[str, Box]) -> Wire:
    """A phone's link from the application: to the first row from above, to the others down between the columns."""
    source, target = placed[link.source], placed[link.target]
    first = min(box.y for box in placed.values() if box.node.engine != "app")
    x1, y1 = source.x + source.width * _share(topology, link, placed), source.bottom
    x2, y2 = target.middle[0], target.y
    if target.y == first:
        left = x2 < x1 - 1
        x, anchor = (x2 - 8, "end") if left else (x2 + 8, "start")
        path = f"M{x1:g} {y1:g} C {x1:g} {y1 + 48:g} {x2:g} {y2 - 54:g} {x2:g} {y2:g}"
        return Wire(link, path, (x1 + x2) / 2, (y1 + y2) / 2, Spot(x, y2 - 46, anchor), Spot(x, y2 - 28, anchor), Spot(x, y2 - 11, anchor))
    rows = sorted({box.y for box in placed.values() if box.node.engine != "app"})
    out = -1 if x2 < PHONE_WIDTH / 2 - 1 else 1 if x2 > PHONE_WIDTH / 2 + 1 else 0
    lane = PHONE_WIDTH / 2 + out * (1 + 3 * rows.index(target.y))
    down = f"M{x1:g} {y1:g} C {x1:g} {y1 + 44:g} {lane:g} {y1 + 30:g} {lane:g} {first:g}"
    side = target.right if out < 0 else target.x
    path = f"{down} V{y2:g}" if out == 0 else f"{down} V{y2 + 10:g} C {lane:g} {y2 + 20:g} {lane:g} {y2 + 24:g} {side:g} {y2 + 24:g}"
    start, end = (target.x + 4, target.right - 4)
    return Wire(link, path, lane, y2 - 34, Spot(start, y2 - 8, "start"), Spot(end, y2 - 8, "end"), Spot(start, y2 - 24, "start"))
