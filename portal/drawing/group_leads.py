"""The wires of a replication group's clients: from the application to the endpoints, and from each
endpoint to every cache that it may lead to.

Wide, they enter the first row of caches from above and the others along the side of their zone; on
a phone they go along the sides of the drawing.
"""

from __future__ import annotations

from labs.lab import Topology
from portal.drawing.group_parts import (
    BAND_WIDTH,
    BAND_X,
    LED_IN,
    NODE_WIDTH,
    ZONES_TOP,
    Place,
    Way,
    bent,
    led,
)
from portal.drawing.shapes import PHONE_WIDTH, Box, Spot


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
            y = (app.bottom + plate.y) / 2
            words = Spot(x - 9, y + 5, "end") if left else Spot(x + 9, y + 5, "start")
            path, cross = f"M{x:g} {app.bottom:g} V{plate.y:g}", Spot(x, y, "middle")
            ways.append(Way("asks", link.name, app.node, plate.node, path, cross, words))
        elif (place := direct.get(link.target)) is not None:
            ways.append(_past(link.name, app, plates, place))
    return ways


def _past(link: str, app: Box, plates: list[Box], place: Place) -> Way:
    """From the application to a server, past the endpoints."""
    box = place.box
    if box.width > NODE_WIDTH:
        y1, y2 = app.middle[1], box.y + 66
        points = [(app.x, y1), (3.0, y1), (3.0, y2), (box.x, y2)]
        cross, words = Spot(BAND_X, y2, "middle"), Spot(8, y1 - 10, "start")
    elif len(plates) % 2 == 0 and abs(box.middle[0] - app.middle[0]) < 1:
        x = app.middle[0]
        points = [(x, app.bottom), (x, box.y)]
        cross, words = Spot(x, ZONES_TOP, "middle"), Spot(x + 9, ZONES_TOP - 8, "start")
    else:
        if box.middle[0] <= app.middle[0]:
            x1, outside, x, x2 = app.x, min(app.x, plates[0].x) - 12, box.x - 14, box.x
        else:
            outside, x = max(app.right, plates[-1].right) + 12, box.right + 14
            x1, x2 = app.right, box.right
        y1, between, y2 = app.middle[1], ZONES_TOP - 12, box.y + 66
        bend = [(outside, y1), (outside, between), (x, between), (x, y2)]
        points = [(x1, y1), *bend, (x2, y2)]
        cross, words = Spot(x, ZONES_TOP, "middle"), Spot(outside + 9, between - 16, "start")
    return Way("asks", link, app.node, box.node, bent(points), cross, words)


def wide_leads(plates: list[Box], places: list[Place]) -> list[Way]:
    """From every endpoint to every cache: the first endpoint's along the left of the zones."""
    ways = []
    for index, plate in enumerate(plates):
        left = index == 0
        sign = -1 if left else 1
        ordered = sorted(places, key=lambda place: (place.column, sign * place.row))
        for place in places:
            box = place.box
            x1 = plate.x + 24 + (plate.width - 48) * (ordered.index(place) + 0.5) / len(ordered)
            x2 = _entry(index, len(plates), place)
            half = (ZONES_TOP - plate.bottom) * 0.7
            path = (
                f"M{x1:g} {plate.bottom:g} C {x1:g} {plate.bottom + half:g} {x2:g} "
                f"{ZONES_TOP - half:g} {x2:g} {ZONES_TOP:g}"
            )
            y2, edge = box.y + LED_IN, box.x if left else box.right
            path += f" V{y2 - 8:g} Q {x2:g} {y2:g} {edge:g} {y2:g}" if place.row else f" V{box.y:g}"
            words = Spot(x2 + 8, ZONES_TOP - 8, "start")
            ways.append(led(plate, box, path, Spot(x2, ZONES_TOP, "middle"), words))
    return ways


def _entry(index: int, plates: int, place: Place) -> float:
    """Where the wire of an endpoint comes down to a cache: into its upper edge, or past it."""
    box, side = place.box, 5 + 4 * place.row + 2 * max(0, index - 1)
    if place.row == 0:
        return box.x + box.width * (0.42 + 0.3 * index / max(1, plates - 1))
    return box.x - side if index == 0 else box.right + side


def flat_asked(topology: Topology, app: Box, plates: list[Box]) -> list[Way]:
    """The application's links to its endpoints, which stand next to it."""
    ways = []
    for plate in plates:
        x, y = (app.right + plate.x) / 2, plate.middle[1]
        path, words = f"M{app.right:g} {y:g} H{plate.x:g}", Spot(x, y - 9, "middle")
        ways += [
            Way("asks", link.name, app.node, plate.node, path, Spot(x, y, "middle"), words)
            for link in topology.links_to(plate.node.name)
        ]
    return ways


def flat_leads(plates: list[Box], places: list[Place], top: float) -> list[Way]:
    """From every endpoint, at the left, over the zones to every cache: the farthest in the
    uppermost lane, so no two of an endpoint cross.
    """
    ways = []
    step = (top - 10) / (len(plates) * len(places))
    for index, plate in enumerate(plates):
        left = index == 0
        sign = 1 if left else -1
        ordered = sorted(places, key=lambda place: (-place.column, sign * place.row))
        for turn, place in enumerate(ordered):
            box, number = place.box, index * len(places) + turn
            x = _entry(index, len(plates), place)
            y1 = plate.y + 14 + (plate.height - 28) * (turn + 0.5) / len(places)
            corridor = plate.right + 8 + 30 * number / (len(plates) * len(places))
            lane, y2 = 6 + step * number, box.y + LED_IN
            end = [(x, y2), (box.x if left else box.right, y2)] if place.row else [(x, box.y)]
            path = bent([(plate.right, y1), (corridor, y1), (corridor, lane), (x, lane), *end])
            words = Spot(x + 8, lane + 5, "start")
            ways.append(led(plate, box, path, Spot(x, top, "middle"), words))
    return ways


def narrow_leads(plates: list[Box], places: list[Place]) -> list[Way]:
    """Down the left for the first endpoint, else the right; the uppermost lane is the innermost."""
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
            y = box.y - 8
            words = Spot(box.x + 2, y, "start") if left else Spot(box.right - 2, y, "end")
            cross = Spot(BAND_X if left else BAND_X + BAND_WIDTH, y2, "middle")
            ways.append(led(plate, box, path, cross, words))
    return ways
