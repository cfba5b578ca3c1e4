"""A topology's drawing fits, whatever it holds; faders lead to a value and back."""

from __future__ import annotations

import itertools
import re

import pytest

from labs.catalogue import catalogue
from labs.client import find
from labs.lab import Link, Node, Number, Topology
from portal import drawing
from portal.bench.listing import coloured
from portal.bench.log_scale import POSITIONS, position_of, value_at
from portal.bench.scale import scale_of
from portal.bench.values import figure
from portal.drawing.grid import columns_of
from portal.drawing.shapes import Spot
from tests.unit.paths import along

LETTER = 0.5 * 14
"""How wide a letter is in the mean, in the drawing's own units."""

LINE, CLOSE = 14, 4


def room_of(spot: Spot, word: str) -> tuple[float, float, float]:
    """Where a word begins and ends, and its height."""
    long = len(word) * LETTER
    left = spot.x - {"start": 0, "middle": long / 2, "end": long}[spot.anchor]
    return left, left + long, spot.y


def with_sentinels(servers: int) -> Topology:
    """A primary and replicas in zones, a sentinel beside each."""
    nodes = [
        Node(f"cache-{n:03}", f"cache-{n:03}", "redis", zone=f"zone {n}")
        for n in range(1, servers + 1)
    ]
    nodes += [
        Node(f"sentinel-{n}", f"sentinel {n}", "redis", zone=f"zone {n}")
        for n in range(1, servers + 1)
    ]
    links = [Link(f"c{n}", "app", f"cache-{n:03}") for n in range(1, servers + 1)]
    links += [Link(f"r{n}", "cache-001", f"cache-{n:03}") for n in range(2, servers + 1)]
    links += [Link(f"s{n}", f"sentinel-{n}", f"cache-{n:03}") for n in range(1, servers + 1)]
    return Topology((Node("app", "Shop app", "app"), *nodes), tuple(links))


def topology(servers: int, *, between: bool = False) -> Topology:
    names = [f"cache-{n:03}" for n in range(1, servers + 1)]
    links = [Link(name, "app", name) for name in names]
    if between:
        links += [Link(f"{a}-{b}", a, b) for a, b in itertools.pairwise(names)]
        links += [Link("far", names[0], names[-1])] if servers > 2 else []
    return Topology(
        (Node("app", "Shop app", "app"), *(Node(name, name, "redis") for name in names)),
        tuple(links),
    )


def ring(servers: int) -> Topology:
    """Memcached nodes that only their client knows."""
    names = [f"node-{n}" for n in range(1, servers + 1)]
    return Topology(
        (Node("app", "Shop app", "app"), *(Node(name, name, "memcached") for name in names)),
        tuple(Link(name, "app", name) for name in names),
    )


def cluster(shards: int, *, zones: int = 0) -> Topology:
    """Primaries with a replica each; in another zone than its primary where there are zones."""

    def zone(number: int) -> str:
        return f"zone {'abc'[number % zones]}" if zones else ""

    numbers = range(1, shards + 1)
    primaries = [Node(f"shard-{n}", f"shard {n}", "redis", zone=zone(n)) for n in numbers]
    replicas = [Node(f"copy-{n}", f"replica {n}", "redis", zone=zone(n + 1)) for n in numbers]
    return Topology(
        (Node("app", "Shop app", "app"), *primaries, *replicas),
        (
            *(Link(f"to-{n}", "app", f"shard-{n}") for n in numbers),
            *(Link(f"feeds-{n}", f"shard-{n}", f"copy-{n}") for n in numbers),
        ),
    )


def in_zones(servers: int) -> Topology:
    """A server in each zone, all of them reached by the application."""
    names = [f"cache-{n}" for n in range(1, servers + 1)]
    return Topology(
        (Node("app", "Shop app", "app"), *(Node(name, name, "redis", zone=name) for name in names)),
        tuple(Link(name, "app", name) for name in names),
    )


WALL = Topology(
    (
        Node("app", "Shop app", "app", zone="private subnet"),
        Node("cache", "cache", "redis", zone="private subnet"),
        Node("database", "database", "postgres", zone="private subnet"),
        Node("stranger", "Stranger", "app"),
    ),
    (
        Link("cache", "app", "cache"),
        Link("database", "app", "database"),
        Link("from-outside", "stranger", "cache"),
    ),
)
LATER = {
    **{f"a ring of {n}": ring(n) for n in range(3, 10)},
    **{f"{n} shards": cluster(n) for n in range(1, 5)},
    **{f"{n} shards in 3 zones": cluster(n, zones=3) for n in range(2, 4)},
    "a server in each of 3 zones": in_zones(3),
    "a stranger outside of a wall": WALL,
}
TOPOLOGIES = {
    **LATER,
    **{f"{n} servers": topology(n) for n in range(1, 7)},
    **{f"{n} servers, linked": topology(n, between=True) for n in range(2, 7)},
    **{f"{n} servers, {n} sentinels": with_sentinels(n) for n in range(2, 4)},
    "sessions": find("sessions").topology,
}


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("lay_out", [drawing.wide, drawing.narrow])
def test_a_drawing_holds_everything_and_nothing_overlaps(name: str, lay_out) -> None:
    drawn = TOPOLOGIES[name]

    plan = lay_out(drawn)

    assert {box.node.name for box in plan.boxes} == {node.name for node in drawn.nodes}
    assert [wire.link for wire in plan.wires] == list(drawn.links)
    for box in plan.boxes:
        assert (
            box.x >= 0
            and box.y >= 0
            and box.x + box.width <= plan.width
            and box.y + box.height <= plan.height
        )
    for a, b in itertools.combinations(plan.boxes, 2):
        assert (
            a.x + a.width <= b.x
            or b.x + b.width <= a.x
            or a.y + a.height <= b.y
            or b.y + b.height <= a.y
        )
    for wire in plan.wires:
        assert re.fullmatch(r"[MCLHV0-9.\- ]+", wire.path)
        spots = [wire.tag, wire.took, wire.trouble]
        assert all(0 <= spot.x <= plan.width and 0 <= spot.y <= plan.height for spot in spots)
        assert not any(
            box.x < spot.x < box.right and box.y < spot.y < box.bottom
            for spot in spots
            for box in plan.boxes
        ), wire.link


@pytest.mark.parametrize("name", [*LATER, "sessions"])
@pytest.mark.parametrize("lay_out", [drawing.wide, drawing.narrow])
def test_wires_pass_no_server_and_words_have_room(name: str, lay_out) -> None:
    plan = lay_out(TOPOLOGIES[name])

    for box in plan.boxes:
        assert 27 + len(box.node.label) * LETTER <= box.width
    for wire in plan.wires:
        long = len("12,345/s") * LETTER
        left = wire.took.x - {"start": 0, "middle": long / 2, "end": long}[wire.took.anchor]
        assert left >= 0 and left + long <= plan.width, wire.link
        ends = {wire.link.source, wire.link.target}
        for x, y in along(wire.path):
            assert 0 <= x <= plan.width and 0 <= y <= plan.height, wire.link
            assert not any(
                box.x + 1 < x < box.right - 1 and box.y + 1 < y < box.bottom - 1
                for box in plan.boxes
                if box.node.name not in ends
            ), wire.link


FLOWS = [lab for lab in catalogue().values() if drawing.narrow(lab.topology).kind != "group"]


@pytest.mark.parametrize("lab", FLOWS, ids=lambda lab: lab.id)
@pytest.mark.parametrize("lay_out", [drawing.wide, drawing.narrow])
def test_in_every_lab_a_name_fits_its_box_and_no_word_covers_another(lab, lay_out) -> None:
    plan = lay_out(lab.topology)

    for box in plan.boxes:
        assert 27 + len(box.node.label) * LETTER <= box.width, box.node.label
    rooms = [room_of(wire.tag, "answered") for wire in plan.wires]
    for (left, right, y), (other_left, other_right, other_y) in itertools.combinations(rooms, 2):
        apart = right <= other_left + CLOSE or other_right <= left + CLOSE
        assert apart or abs(y - other_y) >= LINE


@pytest.mark.parametrize("name", ["2 shards in 3 zones", "a stranger outside of a wall"])
@pytest.mark.parametrize("lay_out", [drawing.wide, drawing.narrow])
def test_a_wall_is_drawn_around_what_it_protects(name: str, lay_out) -> None:
    plan = lay_out(TOPOLOGIES[name])

    for zone in plan.zones:
        inside = {
            box.node.name
            for box in plan.boxes
            if zone.x <= box.x
            and box.right <= zone.x + zone.width
            and zone.y <= box.y
            and box.bottom <= zone.y + zone.height
        }
        assert inside == {node.name for node in TOPOLOGIES[name].nodes if node.zone == zone.name}


@pytest.mark.parametrize("lay_out", [drawing.wide, drawing.narrow])
def test_a_zone_holds_its_servers_and_no_others(lay_out) -> None:
    plan = lay_out(with_sentinels(3))

    for zone in plan.zones:
        inside = {
            box.node.zone
            for box in plan.boxes
            if zone.x <= box.x
            and box.right <= zone.x + zone.width
            and zone.y <= box.y
            and box.bottom <= zone.y + zone.height
        }
        touched = {
            box.node.zone
            for box in plan.boxes
            if zone.x < box.right
            and box.x < zone.x + zone.width
            and zone.y < box.bottom
            and box.y < zone.y + zone.height
        }
        assert inside == touched == {zone.name}
    assert [zone.name for zone in plan.zones] == ["zone 1", "zone 2", "zone 3"]


@pytest.mark.parametrize("lay_out", [drawing.wide, drawing.narrow])
def test_servers_behind_servers_stand_in_columns_of_their_own(lay_out) -> None:
    site = find("sessions").topology
    plan = lay_out(site)

    assert [[node.name for node in column] for column in columns_of(site)] == [
        ["browser"],
        ["balancer"],
        ["instance-a", "instance-b"],
        ["redis", "memcached"],
    ]
    # No two links end at the same place: each can be told from the others.
    assert len({wire.path.split(" ")[-2] + wire.path.split(" ")[-1] for wire in plan.wires}) == len(
        plan.wires
    )


@pytest.mark.parametrize(
    "control",
    [
        Number("a", "A", 1, 300, 1, 60, scale="log"),
        Number("b", "B", 10, 2_000, 10, 100, scale="log"),
        Number("c", "C", 0, 5, 0.1, 1, scale="log"),
    ],
)
def test_a_logarithmic_fader_leads_to_a_value_and_back(control: Number) -> None:
    assert value_at(control, 0) == control.minimum
    assert value_at(control, POSITIONS) == control.maximum
    assert value_at(control, position_of(control, control.default)) == pytest.approx(
        control.default, rel=0.06
    )
    values = [value_at(control, position) for position in range(0, POSITIONS + 1, 10)]
    assert values == sorted(values)
    assert all(control.parse(value) == value for value in values)


def test_a_request_to_scale_adds_up() -> None:
    scale = scale_of(
        [
            {"meaning": "miss", "server": "cache", "took_ms": 0.16},
            {"meaning": "read", "server": "database", "took_ms": 4.87},
        ]
    )

    assert scale.ticks[-1] == "6 ms"
    assert [bar.share for bar in scale.bars] == [3, 97]
    assert scale.bars[1].start == pytest.approx(100 * 0.16 / 6)
    assert scale_of([]).bars == ()


def test_code_keeps_its_lines() -> None:
    text = 'def f(x):\n    """One\n    two."""\n    return x  # why'

    lines = coloured(text)

    assert ["".join(word.text for word in line) for line in lines] == text.split("\n")


def test_a_figure_has_a_dash_for_nothing() -> None:
    assert [figure(1234.5, 1), figure(None, 0), figure(float("nan"), 0)] == ["1,234.5", "–", "–"]
