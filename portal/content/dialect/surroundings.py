"""What a lesson may refer to, and where its problems are reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labs.lab import Lab
from portal.content.glossary import Glossary

Report = Callable[[str, str], None]


@dataclass
class Surroundings:
    """What a lesson may refer to. `report(where, text)` takes problems; `lessons` has each lesson's
    number and whether it is written, by its slug.
    """

    report: Report
    figures: Path
    questions: frozenset[str] = frozenset()
    labs: Mapping[str, Lab] = field(default_factory=dict)
    lessons: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    measured: Callable[[str, str], float | None] = lambda lab, name: None
    glossary: Glossary = field(default_factory=Glossary)
