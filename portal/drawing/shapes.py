"""What a drawing is made of: boxes, wires, zones, and the places of their words, in the drawing's
own units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labs.lab import Link, Node

PHONE_WIDTH = 340.0


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
    """A link: its path from source to target, its middle, and where it says what was asked, how
    long it took, what is wrong.
    """

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

    kind: ClassVar[str] = "servers"

    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    zones: tuple[Zone, ...] = ()
    glyphs: bool = True
