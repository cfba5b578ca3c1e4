"""The report: facts of the machine, then a line for each figure with its bound; as plain text, or
as a page of the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scripts.benchmarks.figures import Row

HEAD = ("", "measured", "bound", "")


@dataclass(slots=True)
class Section:
    """What one measurement found, or why it found nothing."""

    name: str
    about: str
    rows: list[Row] = field(default_factory=list)
    problem: str = ""
    skipped: str = ""
    seconds: float = 0.0


def report(facts: Mapping[str, str], sections: Sequence[Section]) -> str:
    """The whole text."""
    width = max(len(name) for name in facts)
    parts = ["\n".join(f"{name:<{width}}  {fact}" for name, fact in facts.items())]
    columns = [
        [row.name, row.measured, row.bound, verdict(row)]
        for section in sections
        for row in section.rows
    ]
    widths = [max(map(len, column)) for column in zip(HEAD, *columns, strict=True)]
    for section in sections:
        lines = [f"{section.name}: {section.about}"]
        if section.problem:
            lines.append(f"  could not be measured: {section.problem}")
        if section.skipped:
            lines.append(f"  skipped: {section.skipped}.")
        lines += [_line(row, widths) for row in section.rows]
        parts.append("\n".join(lines))
    parts.append(_sum(sections))
    return "\n\n".join(parts)


def page(facts: Mapping[str, str], sections: Sequence[Section], command: str) -> str:
    """The whole report in Markdown."""
    minutes = sum(section.seconds for section in sections) / 60
    parts = [
        "# Measurements",
        f"Written by `{command}` in {minutes:.0f} minutes; how each figure is taken stands in "
        "`scripts/benchmarks/`. They are of one machine and one day: measure on yours.",
        "\n".join(
            ["| | |", "|---|---|", *(f"| {name} | {_cell(fact)} |" for name, fact in facts.items())]
        ),
        _sum(sections),
    ]
    for section in sections:
        parts += [
            f"## {section.name.capitalize()}",
            f"{section.about[:1].upper()}{section.about[1:]}.",
        ]
        if section.problem:
            parts.append(f"Could not be measured: {section.problem}")
        if section.skipped:
            parts.append(f"Skipped: {section.skipped}.")
            continue
        rows = [
            f"| {_cell(row.name.strip())} | {row.measured} | {row.bound} | {verdict(row)} | "
            f"{_cell(row.note)} |"
            for row in section.rows
        ]
        parts.append("\n".join(["| | measured | bound | | |", "|---|---:|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def verdict(row: Row) -> str:
    """“holds” or “FAILS”; empty where there is no bound."""
    return "" if row.holds is None else "holds" if row.holds else "FAILS"


def _line(row: Row, widths: Sequence[int]) -> str:
    cells = (
        f"  {row.name:<{widths[0]}}  {row.measured:>{widths[1]}}  {row.bound:<{widths[2]}}  "
        f"{verdict(row):<{widths[3]}}"
    )
    return f"{cells}  {row.note}".rstrip()


def _sum(sections: Sequence[Section]) -> str:
    bounded = [row for section in sections for row in section.rows if row.holds is not None]
    words = f"{sum(bool(row.holds) for row in bounded)} of {len(bounded)} bounds hold"
    failed = [row.name for row in bounded if not row.holds]
    missing = [section.name for section in sections if section.problem]
    if failed:
        words += f"; these fail: {', '.join(failed)}"
    if missing:
        words += f"; not measured: {', '.join(missing)}"
    return words + "."
