"""What stands on a lab's page besides the drawing, as data: charts and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labs.events import Sense


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of one or more metrics with one unit (names of labs.measure.metrics)."""

    title: str
    metrics: tuple[str, ...]
    scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its unit is in its head; `decimals` is for numbers; `mono` for bytes, of
    which each takes the same room.
    """

    name: str
    label: str
    unit: str = ""
    decimals: int = 0
    sense: Sense = "none"
    help: str = ""
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """What a lab found, in rows: shown, sorted and exported on the page.

    `Sandbox.tabulate` fills it; `empty` says how.

    One that is not `shown` is drawn by the lab's own view.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    empty: str = "Nothing has been measured yet."
    shown: bool = True
