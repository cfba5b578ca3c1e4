"""A replication group's drawing fits, whatever it holds."""

from __future__ import annotations

import itertools

import pytest

from labs.lab import Link, Node, Topology
from portal import drawing
from portal.drawing.group import Group
from portal.drawing.group_feeds import crown_of
from portal.drawing.shapes import Box
from tests.unit.paths import along

ZONES = ("zone a", "zone b", "zone c")
LONGEST = 33
"""Letters of a line in a cache, as static/js/group-status.js cuts them."""
WIDTH_OF_A_LETTER = 0.43
"""In sizes, in the mean: 'writes 200/s · acknowledged 6,360' was measured in the interface's face.
"""


def group(
    caches: int,
    zones: int = 3,
    *,
    sentinels: bool = False,
    waiting: tuple[str, ...] = (),
    more: tuple[Link, ...] = (),
) -> Topology:
    names = [f"cache-{n:03}" for n in range(1, caches + 1)]
    return Topology(
        (
            Node("app", "Writer and readers", "app"),
            Node("primary-endpoint", "primary endpoint", "endpoint"),
            Node("reader-endpoint", "reader endpoint", "endpoint"),
            *(
                Node(name, name, "redis", zone=ZONES[index % zones], waits=name in waiting)
                for index, name in enumerate(names)
            ),
            *(
                Node(f"sentinel-{zone[-1]}", f"sentinel {zone[-1]}", "sentinel", zone=zone)
                for zone in ZONES[:zones]
                if sentinels
            ),
        ),
        (
            Link("to-primary", "app", "primary-endpoint"),
            Link("to-reader", "app", "reader-endpoint"),
            *more,
        ),
    )


GROUPS = {
    f"{caches} caches, {zones} zones, {'with' if sentinels else 'no'} sentinels": group(
        caches, zones, sentinels=sentinels
    )
    for caches in range(1, 7)
    for zones in (2, 3)
    for sentinels in (False, True)
} | {
    "no zones": Topology(
        (
            Node("app", "app", "app"),
            Node("e", "endpoint", "endpoint"),
            Node("cache", "cache", "redis"),
            Node("memcached", "memcached", "memcached"),
        ),
        (Link("e", "app", "e"), Link("m", "app", "memcached")),
    ),
    "past the endpoints": group(
        3, more=tuple(Link(f"c{n}", "app", f"cache-00{n}") for n in (1, 2, 3))
    ),
}


@pytest.fixture(params=["wide", "flat", "narrow"])
def plan(request: pytest.FixtureRequest, name: str) -> Group:
    made = getattr(drawing, request.param)(GROUPS[name])
    assert isinstance(made, Group)
    return made


@pytest.mark.parametrize("name", GROUPS)
def test_everything_is_there_and_nothing_overlaps(name: str, plan: Group) -> None:
    assert sorted(box.node.name for box in plan.boxes) == sorted(
        node.name for node in GROUPS[name].nodes
    )
    for box in plan.boxes:
        assert box.x >= 0 and box.y >= 0 and box.right <= plan.width and box.bottom <= plan.height
    for a, b in itertools.combinations(plan.boxes, 2):
        assert a.right <= b.x or b.right <= a.x or a.bottom <= b.y or b.bottom <= a.y, (a, b)
    for box in plan.caches:
        x, y = crown_of(box)
        assert not any(
            other.x < x + 26 and x < other.right and other.y < y and y - 13 < other.bottom
            for other in plan.boxes
        ), box
    for zone in plan.zones:
        assert (
            zone.x >= 0
            and zone.x + zone.width <= plan.width
            and zone.y + zone.height <= plan.height
        )
        inside = {
            box.node.name
            for box in plan.boxes
            if zone.x <= box.x
            and box.right <= zone.x + zone.width
            and zone.y <= box.y
            and box.bottom <= zone.y + zone.height
        }
        touched = {
            box.node.name
            for box in plan.boxes
            if zone.x < box.right
            and box.x < zone.x + zone.width
            and zone.y < box.bottom
            and box.y < zone.y + zone.height
        }
        assert (
            inside
            == touched
            == {node.name for node in GROUPS[name].servers if node.zone == zone.name}
        )
        label = (
            (zone.x + 8, zone.label_y - 11, zone.x + zone.width - 8, zone.label_y + 4)
            if not plan.stacked
            else (
                zone.x + zone.width - 160,
                zone.label_y - 11,
                zone.x + zone.width - 8,
                zone.label_y + 4,
            )
        )
        assert not any(
            box.x < label[2] and label[0] < box.right and box.y < label[3] and label[1] < box.bottom
            for box in plan.boxes
        )
        assert zone.y < label[1] and label[3] < zone.y + zone.height


@pytest.mark.parametrize("name", GROUPS)
def test_every_wire_that_may_be_needed_is_there_and_goes_round_what_it_does_not_lead_to(
    name: str, plan: Group
) -> None:
    caches = [box.node.name for box in plan.caches]
    ways = {(way.kind, way.source.name, way.target.name): way for way in plan.ways}
    assert len(ways) == len(plan.ways)
    assert {key[1:] for key in ways if key[0] == "leads"} == {
        (plate.node.name, cache) for plate in plan.plates for cache in caches
    }
    assert {key[1:] for key in ways if key[0] == "feeds"} == set(itertools.permutations(caches, 2))
    assert {way.link for way in plan.ways if way.kind == "asks"} == {
        link.name for link in GROUPS[name].links
    }
    assert {frozenset((move.source, move.target)) for move in plan.moves} == {
        frozenset(pair) for pair in itertools.combinations(caches, 2)
    }

    boxes = {box.node.name: box for box in plan.boxes}
    for way in plan.ways:
        points = along(way.path)
        assert touches(boxes[way.source.name], points[0]) and touches(
            boxes[way.target.name], points[-1]
        ), way
        for x, y in points:
            assert 0 <= x <= plan.width and 0 <= y <= plan.height, way
            assert not any(
                box.x + 0.5 < x < box.right - 0.5 and box.y + 0.5 < y < box.bottom - 0.5
                for box in plan.boxes
            ), (way, x, y)
        words = way.words
        assert 0 <= words.x <= plan.width and 0 <= words.y <= plan.height
        assert not any(
            box.x < words.x < box.right and box.y < words.y < box.bottom for box in plan.boxes
        ), way
        for spot in filter(None, (way.cross, way.leaving)):
            assert min(abs(spot.x - x) + abs(spot.y - y) for x, y in points) < 8, way


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in GROUPS
        if "zones, " in name and not name.startswith(("5 caches, 2", "6 caches, 2"))
    ],
)
def test_what_a_primary_feeds_can_be_told_apart(name: str, plan: Group) -> None:
    for cache in plan.caches:
        ways = [way for way in plan.ways if way.kind == "feeds" and way.source == cache.node]
        for one, other in itertools.combinations(ways, 2):
            assert not crossed(along(one.path, 4), along(other.path, 4)), (one.link, other.link)


@pytest.mark.parametrize("name", GROUPS)
def test_labels_fit_into_their_boxes(name: str, plan: Group) -> None:
    tiny, text = (13.5, 14.0) if plan.stacked else (12.5, 13.0)

    for box in plan.caches:
        assert LONGEST * WIDTH_OF_A_LETTER * text <= box.width - 14 - 6
        assert box.height >= 66 + 17 + 6
    for plate in plan.plates:
        assert len("to cache-002, cache-003") * WIDTH_OF_A_LETTER * tiny <= plate.width - 16
    for sentinel in plan.sentinels:
        assert LONGEST * WIDTH_OF_A_LETTER * tiny <= sentinel.width - 30 + 8
    # A phone's stage is 312 px wide at 360: what is drawn at 13.5 is read at 12.
    if plan.stacked:
        assert 13.5 * 312 / plan.width >= 12


def touches(box: Box, point: tuple[float, float]) -> bool:
    x, y = point
    return box.x - 0.5 <= x <= box.right + 0.5 and box.y - 0.5 <= y <= box.bottom + 0.5


def crossed(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> bool:
    """True if two paths have a place in common."""

    def turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    # one word for both
    thin = lambda points: [point for point, _ in itertools.groupby(points)]  # noqa: E731
    return any(
        turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0
        for a, b in itertools.pairwise(thin(one))
        for c, d in itertools.pairwise(thin(other))
        if max(a[0], b[0]) >= min(c[0], d[0])
        and max(c[0], d[0]) >= min(a[0], b[0])
        and max(a[1], b[1]) >= min(c[1], d[1])
        and max(c[1], d[1]) >= min(a[1], b[1])
    )
