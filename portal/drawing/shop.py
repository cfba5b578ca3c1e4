"""The drawing of an application and up to six servers at its right, in two columns on a phone.

Servers that the application reaches stand before those behind them (replicas that only a primary
knows); a zone is a row of its own.
"""

from __future__ import annotations

from labs.lab import Link, Node, Topology
from portal.drawing.shapes import PHONE_WIDTH, Box, Drawing, Spot, Wire, Zone

PHONE_COLUMN = 156.0


def wide(topology: Topology) -> Drawing:
    """The drawing for a bench of 36 rem and more."""
    apps, near, far = _layers(topology)
    zones = _zones(topology)
    at_once = max(sum(max(len(_of(near, zone)), len(_of(far, zone))) for zone in zones), 1)
    tall = 104.0 if at_once <= 2 else 84.0 if at_once <= 4 else 68.0
    gap = 34.0 if at_once <= 2 or _any_between(topology, near) else 18.0
    app_width, near_x, near_width, far_x, far_width = (
        (150.0, 290.0, 196.0, 590.0, 176.0) if far else (180.0, 476.0, 232.0, 0.0, 0.0)
    )
    width = (far_x + far_width if far else near_x + near_width) + 12

    boxes, rects, y = [], [], 12.0
    for zone in zones:
        rows = max(len(_of(near, zone)), len(_of(far, zone)), 1)
        height = rows * (tall + gap) - gap
        top = y + 10 if zone else y
        for nodes, x, wide_as in (
            (_of(near, zone), near_x, near_width),
            (_of(far, zone), far_x, far_width),
        ):
            spare = (height - (len(nodes) * (tall + gap) - gap)) / 2
            boxes += [
                Box(node, x, top + spare + index * (tall + gap), wide_as, tall)
                for index, node in enumerate(nodes)
            ]
        if zone:
            rects.append(
                Zone(zone, near_x - 10, y, width - near_x + 8, height + 34, y + height + 26)
            )
        y = top + height + (36 if zone else gap)
    height = max(y - (36 if zones[-1] else gap) + (24 if zones[-1] else 0) + 12, 130.0 * len(apps))
    boxes = [
        Box(node, 12, (index + 0.5) * height / len(apps) - 48, app_width, 96)
        for index, node in enumerate(apps)
    ] + boxes
    wires = [_wide_wire(topology, link, boxes) for link in topology.links]
    return Drawing(
        width + (110 if any(wire.trouble.x > width for wire in wires) else 0),
        height,
        tuple(boxes),
        tuple(wires),
        tuple(rects),
    )


def narrow(topology: Topology) -> Drawing:
    """The drawing for a phone: the application on top, servers in two columns below, each zone a
    band.
    """
    apps, near, far = _layers(topology)
    share = 320 / max(1, len(apps))
    boxes = [
        Box(
            node, 10 + index * share + (share - min(200, share - 8)) / 2, 4, min(200, share - 8), 80
        )
        for index, node in enumerate(apps)
    ]
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
                boxes.append(
                    Box(
                        node,
                        (PHONE_WIDTH - size) / 2 if alone else 4 + column * (PHONE_COLUMN + 20),
                        y,
                        size,
                        tall,
                    )
                )
            y += tall + 44
        if zone:
            above = 26.0 if rects else 10.0
            rects.append(
                Zone(zone, 0.5, top - above, PHONE_WIDTH - 1, y - top - 44 + above + 26, y - 26)
            )
            y += 28
    height = max(box.bottom for box in boxes) + (32 if rects else 8)
    return Drawing(
        PHONE_WIDTH,
        height,
        tuple(boxes),
        tuple(_narrow_wire(topology, link, boxes) for link in topology.links),
        tuple(rects),
    )


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
    """How far along its source's edge a link begins, so that links to higher servers begin
    higher.
    """
    outgoing = sorted(
        (part.target for part in topology.links if part.source == link.source),
        key=lambda name: (placed[name].y, placed[name].x),
    )
    return (outgoing.index(link.target) + 1) / (len(outgoing) + 1)


def _wide_wire(topology: Topology, link: Link, boxes: list[Box]) -> Wire:
    placed = {box.node.name: box for box in boxes}
    source, target = placed[link.source], placed[link.target]
    if source.x != target.x:
        onward = source.x < target.x
        y1 = source.y + source.height * (
            _share(topology, link, placed) if source.node.engine == "app" else 0.5
        )
        x1, x2 = (source.right, target.x) if onward else (source.x, target.right)
        y2, bend = target.middle[1], (x2 - x1) * 0.5
        path = f"M{x1:g} {y1:g} C {x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
        edge, anchor = (x2 - 14, "end") if onward else (x2 + 14, "start")
        return Wire(
            link,
            path,
            (x1 + x2) / 2,
            (y1 + y2) / 2,
            Spot(edge, y2 - 16, anchor),
            Spot(edge, y2 + 19, anchor),
            Spot(edge, y2 + 36, anchor),
        )
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
    return Wire(
        link,
        f"M{x:g} {y1:g} C {bend:g} {y1:g} {bend:g} {y2:g} {x:g} {y2:g}",
        x + 33,
        (y1 + y2) / 2,
        words,
        words,
        words,
    )


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
        x1, x2 = (
            box.right if box.middle[0] < lane else box.x if box.middle[0] > lane else lane
            for box in (source, target)
        )
        y2 = y2 if x2 != lane else target.y if target is bottom else target.bottom
        words = Spot(bottom.x + 4, bottom.y - 24, "start")
        return Wire(
            link,
            f"M{x1:g} {y1:g} C {lane:g} {y1:g} {lane:g} {y1:g} {lane:g} {(y1 + y2) / 2:g} C "
            f"{lane:g} {y2:g} {lane:g} {y2:g} {x2:g} {y2:g}",
            lane,
            (y1 + y2) / 2,
            words,
            words,
            words,
        )
    (x1, y1), (x2, y2) = (top.middle[0], top.bottom), (bottom.middle[0], bottom.y)
    words = Spot((x1 + x2) / 2 + 10, (y1 + y2) / 2 + 4, "start")
    ends = (x1, y1, x2, y2) if source is top else (x2, y2, x1, y1)
    return Wire(
        link,
        "M{:g} {:g} L{:g} {:g}".format(*ends),
        (x1 + x2) / 2,
        (y1 + y2) / 2,
        words,
        words,
        words,
    )


def _from_above(topology: Topology, link: Link, placed: dict[str, Box]) -> Wire:
    """A phone's link from the application: to the first row from above, to the others down between
    the columns.
    """
    source, target = placed[link.source], placed[link.target]
    first = min(box.y for box in placed.values() if box.node.engine != "app")
    x1, y1 = source.x + source.width * _share(topology, link, placed), source.bottom
    x2, y2 = target.middle[0], target.y
    if target.y == first:
        left = x2 < x1 - 1
        x, anchor = (x2 - 8, "end") if left else (x2 + 8, "start")
        path = f"M{x1:g} {y1:g} C {x1:g} {y1 + 48:g} {x2:g} {y2 - 54:g} {x2:g} {y2:g}"
        return Wire(
            link,
            path,
            (x1 + x2) / 2,
            (y1 + y2) / 2,
            Spot(x, y2 - 46, anchor),
            Spot(x, y2 - 28, anchor),
            Spot(x, y2 - 11, anchor),
        )
    rows = sorted({box.y for box in placed.values() if box.node.engine != "app"})
    out = -1 if x2 < PHONE_WIDTH / 2 - 1 else 1 if x2 > PHONE_WIDTH / 2 + 1 else 0
    lane = PHONE_WIDTH / 2 + out * (1 + 3 * rows.index(target.y))
    down = f"M{x1:g} {y1:g} C {x1:g} {y1 + 44:g} {lane:g} {y1 + 30:g} {lane:g} {first:g}"
    side = target.right if out < 0 else target.x
    path = (
        f"{down} V{y2:g}"
        if out == 0
        else f"{down} V{y2 + 10:g} C {lane:g} {y2 + 20:g} {lane:g} {y2 + 24:g} {side:g} {y2 + 24:g}"
    )
    start, end = (target.x + 4, target.right - 4)
    return Wire(
        link,
        path,
        lane,
        y2 - 34,
        Spot(start, y2 - 8, "start"),
        Spot(end, y2 - 8, "end"),
        Spot(start, y2 - 24, "start"),
    )
