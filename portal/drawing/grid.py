"""Which place of a grid each node of a topology has: its column is the number of links that lead to
it from the application, its row counts within its zone, and a zone is a band of rows.

Pure counting. Refuses to know sizes: `flow` and `group` give the columns and rows theirs.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from labs.lab import Node, Topology

SERVERS, SENTINELS = 2, 3
"""The columns of a topology with endpoints."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A node and its place, both counted from 0."""

    node: Node
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Band:
    """What stands in one zone; the band without a name holds what is in none."""

    zone: str
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> int:
        """How many rows it takes, at least one."""
        return max((cell.row for cell in self.cells), default=0) + 1

    def of_column(self, column: int) -> list[Cell]:
        """Its cells in a column, from above."""
        return [cell for cell in self.cells if cell.column == column]


@dataclass(frozen=True, slots=True)
class Grid:
    """Every node of a topology in its cell.

    `apps` are applications that stand before all bands. Where a zone holds an application, all of
    them stand in the bands, so that one outside of a wall is drawn outside.
    """

    apps: tuple[Cell, ...]
    bands: tuple[Band, ...]
    columns: int

    @property
    def rows(self) -> int:
        """How many rows all bands take."""
        return sum(band.rows for band in self.bands)


def grid_of(topology: Topology) -> Grid:
    """The grid of a topology, zones in the order of their first node."""
    columns = columns_of(topology)
    depth = {node.name: column for column, nodes in enumerate(columns) for node in nodes}
    apps = topology.of_engine("app")
    alone = not any(node.zone for node in apps)
    banded = [node for node in topology.nodes if node.engine != "app" or not alone]
    zones = list(dict.fromkeys(node.zone for node in banded)) or [""]
    bands = []
    for zone in zones:
        rows: defaultdict[int, Iterator[int]] = defaultdict(itertools.count)
        here = [(node, depth[node.name]) for node in banded if node.zone == zone]
        cells = tuple(Cell(node, column, next(rows[column])) for node, column in here)
        bands.append(Band(zone, cells))
    before = tuple(Cell(node, 0, row) for row, node in enumerate(apps)) if alone else ()
    return Grid(before, tuple(bands), len(columns))


def columns_of(topology: Topology) -> list[list[Node]]:
    """The nodes by the number of links that lead to them from the application.

    What no link reaches counts as next to it, or as one further where it has a link to what is.
    Where there are endpoints they stand next to the application, then all servers, then sentinels.
    """
    steps = _behind_endpoints(topology) or _behind_links(topology)
    return [
        [node for node in topology.nodes if steps[node.name] == step]
        for step in range(max(steps.values(), default=0) + 1)
    ]


def _behind_endpoints(topology: Topology) -> dict[str, int]:
    if not topology.of_engine("endpoint"):
        return {}
    steps = {"app": 0, "endpoint": 1, "sentinel": SENTINELS}
    return {node.name: steps.get(node.engine, SERVERS) for node in topology.nodes}


def _behind_links(topology: Topology) -> dict[str, int]:
    found = {node.name: 0 for node in topology.of_engine("app")}
    edge = list(found)
    while edge:
        onward = [link.target for link in topology.links if link.source in edge]
        further = [name for name in onward if name not in found]
        found |= dict.fromkeys(further, found[edge[0]] + 1)
        edge = further
    reached = set(found)
    for link in topology.links:
        if link.source not in reached and found.get(link.target) == 1:
            found[link.source] = 2
    return {node.name: found.get(node.name, 1) for node in topology.nodes}
