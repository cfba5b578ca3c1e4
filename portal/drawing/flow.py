"""The drawing of requests that flow from the application to servers, and on to those behind them.

Wide, a column of the grid is a column and a zone a row of its own. On a phone the flow goes down:
servers in pairs, each next to what is behind it; where more than three columns follow each other,
each is a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labs.lab import Topology
from portal.drawing.flow_wires import down, onward
from portal.drawing.grid import Band, Cell, Grid, grid_of
from portal.drawing.shapes import PHONE_WIDTH, Box, Drawing, Zone

WIDTHS = {1: (180.0,), 2: (180.0, 232.0), 3: (150.0, 196.0, 176.0)}
LENGTHS = {1: 204.0, 2: 720.0, 3: 778.0}
LONG, OF_A_LONG = 760.0, 132.0
APP_HEIGHT = 96.0
PAIR, BETWEEN, LONE = 156.0, 20.0, 240.0


def wide(topology: Topology) -> Drawing:
    """The drawing for a bench of 36 rem and more."""
    grid = grid_of(topology)
    long = grid.columns not in WIDTHS
    widths = WIDTHS.get(grid.columns, (OF_A_LONG,) * grid.columns)
    margin, width = (4.0, LONG) if long else (12.0, LENGTHS[grid.columns])
    between = (width - 2 * margin - sum(widths)) / max(1, grid.columns - 1)
    lefts = [margin + sum(widths[:column]) + column * between for column in range(grid.columns)]
    tall = APP_HEIGHT if long else 104.0 if grid.rows <= 2 else 84.0 if grid.rows <= 4 else 68.0
    gap = 46.0 if long else 34.0 if grid.rows <= 2 or _linked_within(topology, grid) else 18.0

    boxes: list[Box] = []
    zones: list[Zone] = []
    top = 8.0 if long else 12.0
    y = top
    for band in grid.bands:
        height = band.rows * (tall + gap) - gap
        first = y + 10 if band.zone else y
        for column in range(grid.columns):
            cells = band.of_column(column)
            spare = (height - (len(cells) * (tall + gap) - gap)) / 2
            x, width_of = lefts[column], widths[column]
            boxes += [
                Box(cell.node, x, first + spare + index * (tall + gap), width_of, tall)
                for index, cell in enumerate(cells)
            ]
        if band.zone:
            left = min(lefts[cell.column] for part in grid.bands for cell in part.cells) - 10
            zones.append(Zone(band.zone, left, y, width - 2 - left, height + 34, y + height + 26))
        y = first + height + (36 if band.zone else gap)
    last = grid.bands[-1].zone
    height = max(y - (36 - 24 if last else gap) + top, 130.0 * len(grid.apps))
    share = height / len(grid.apps) if grid.apps else 0.0
    middles = [(cell.row + 0.5) * share for cell in grid.apps]
    boxes = [
        Box(cell.node, lefts[0], middle - APP_HEIGHT / 2, widths[0], APP_HEIGHT)
        for cell, middle in zip(grid.apps, middles, strict=True)
    ] + boxes
    wires = tuple(onward(link, topology, boxes, long=long) for link in topology.links)
    if any(wire.trouble.x > width for wire in wires):
        width += 110
    return Drawing(width, height, tuple(boxes), wires, tuple(zones), glyphs=not long)


def narrow(topology: Topology) -> Drawing:
    """The drawing for a phone: the application on top, what it leads to below, each zone a band."""
    grid = grid_of(topology)
    phone = _Phone.of(grid)
    boxes: list[Box] = []
    zones: list[Zone] = []
    y = 40.0
    if grid.apps:
        size = phone.size if phone.long else min(200.0, (PHONE_WIDTH - 4) / len(grid.apps) - 8)
        boxes += _in_the_middle(grid.apps, 4, size, phone.tall if phone.long else 80, 8)
        y = 4 + phone.tall + phone.gap if phone.long else 178.0
    for band in grid.bands:
        top = y
        for row in phone.rows(band):
            boxes += phone.boxes(row, y, last=row is phone.last)
            y += phone.tall + phone.gap
        if band.zone:
            top -= 26.0 if zones else 10.0
            under = y - phone.gap + 26
            zones.append(Zone(band.zone, 0.5, top, PHONE_WIDTH - 1, under - top, under - 8))
            y += 28
    height = max(box.bottom for box in boxes) + (4 if phone.long else 32 if zones else 8)
    wires = tuple(down(link, topology, boxes) for link in topology.links)
    return Drawing(PHONE_WIDTH, height, tuple(boxes), wires, tuple(zones), glyphs=not phone.long)


@dataclass(frozen=True, slots=True)
class _Phone:
    """How the bands of a grid stand below each other: in a `long` one each column is a row; else
    there are two columns: those of the grid (the first of them `left`), or pairs of its one.
    """

    long: bool
    left: int | None
    size: float
    tall: float
    gap: float
    all: tuple[tuple[Cell, ...], ...]

    @classmethod
    def of(cls, grid: Grid) -> _Phone:
        long = grid.columns not in WIDTHS
        left = None if long else 0 if not grid.apps else 1 if grid.columns == 3 else None
        rows = tuple(row for band in grid.bands for row in _rows(band, grid, left))
        most = max(map(len, rows), default=1)
        alone = len(rows) == 1 and most == 1 and not grid.bands[0].zone
        if long:
            return cls(long, left, min(190.0, (PHONE_WIDTH + 4) / most - 12), 76.0, 62.0, rows)
        return cls(long, left, LONE if alone else PAIR, 96.0, 44.0, rows)

    @property
    def last(self) -> tuple[Cell, ...]:
        return self.all[-1]

    def rows(self, band: Band) -> list[tuple[Cell, ...]]:
        return [row for row in self.all if row[0] in band.cells]

    def boxes(self, row: Sequence[Cell], y: float, *, last: bool) -> list[Box]:
        """A row's boxes; a lone one stands in the middle where no wire has to pass it."""
        if self.long or (self.left is None and (len(row) > 1 or last)):
            return _in_the_middle(row, y, self.size, self.tall, 12 if self.long else BETWEEN)
        columns = [0 if self.left is None else cell.column - self.left for cell in row]
        return [
            Box(cell.node, 4 + column * (PAIR + BETWEEN), y, PAIR, self.tall)
            for cell, column in zip(row, columns, strict=True)
        ]


def _rows(band: Band, grid: Grid, left: int | None) -> Iterator[tuple[Cell, ...]]:
    """The rows of a band on a phone, from above."""
    if grid.columns not in WIDTHS:
        rows = [tuple(band.of_column(column)) for column in range(grid.columns)]
    elif left is not None:
        rows = [
            tuple(cell for cell in band.cells if cell.row == row and cell.column - left in (0, 1))
            for row in range(band.rows)
        ]
    else:
        rows = [band.cells[first : first + 2] for first in range(0, len(band.cells), 2)]
    yield from filter(None, rows)


def _in_the_middle(
    cells: Sequence[Cell], y: float, width: float, height: float, space: float
) -> list[Box]:
    """Boxes of one size side by side."""
    left = (PHONE_WIDTH - len(cells) * (width + space) + space) / 2
    return [
        Box(cell.node, left + index * (width + space), y, width, height)
        for index, cell in enumerate(cells)
    ]


def _linked_within(topology: Topology, grid: Grid) -> bool:
    """True if a link leads from one server to another of its own column."""
    columns = {cell.node.name: cell.column for band in grid.bands for cell in band.cells}
    return any(
        link.source in columns and columns[link.source] == columns.get(link.target)
        for link in topology.links
    )
