"""What each value of a check's evidence is called on the page: a label, a unit, and the server's
own name of the counter. It is kept in the lab's folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labs.events import Value

FILE = "evidence.toml"
BEFORE, AFTER = "_before", "_after"


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted, in words; its unit; what servers call the counter. The last two may be
    empty.
    """

    label: str
    unit: str = ""
    counters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table under a check. `before` is None for a value that was not compared."""

    counted: Counted
    value: Value
    before: Value | None = None


def of(folder: Path) -> Mapping[str, Counted]:
    """Name of a value to what it is called, empty if the lab's folder has no such file.

    Each line is `name = [label, unit, counter, …]`. A `*` in a name stands for any text, which
    takes the place of `{}` in the label.
    """
    try:
        data = tomllib.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return {}
    return {
        name: Counted(label, unit, tuple(counters))
        for name, (label, unit, *counters) in data.items()
    }


def counted_as(name: str, known: Mapping[str, Counted]) -> Counted | None:
    """What a value is called; None if the lab's file does not say."""
    if name in known:
        return known[name]
    for pattern, counted in known.items():
        if "*" in pattern:
            found = re.fullmatch("(.+)".join(map(re.escape, pattern.split("*"))), name)
            if found:
                return Counted(counted.label.format(found[1]), counted.unit, counted.counters)
    return None


def rows_of(evidence: Mapping[str, Value], known: Mapping[str, Counted]) -> list[Row]:
    """The table under a check. `x_before` and `x_after` are one row, which `known` calls `x`."""
    rows = []
    for name, value in evidence.items():
        stem = name.removesuffix(AFTER)
        pair = stem + BEFORE
        if name.endswith(AFTER) and pair in evidence and stem in known:
            rows.append(Row(known[stem], value, evidence[pair]))
        elif not _is_first_of_two(name, evidence, known):
            counted = counted_as(name, known) or Counted(name.replace("_", " "))
            rows.append(Row(counted, value))
    return rows


def _is_first_of_two(
    name: str, evidence: Mapping[str, Value], known: Mapping[str, Counted]
) -> bool:
    stem = name.removesuffix(BEFORE)
    return name.endswith(BEFORE) and stem + AFTER in evidence and stem in known
