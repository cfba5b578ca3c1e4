"""Rows as psql prints them in its aligned format, and texts with what can't be printed escaped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from labs.printable import HIDDEN

_CONTROL = re.compile(f"(?![\t\n])[{HIDDEN}]")
_PLAIN = re.compile("[\x20-\x7e]*")


def escaped(text: str) -> str:
    """The text with control characters but tabs and line ends as psql writes them."""
    return _CONTROL.sub(_escape, text)


def table(
    names: Sequence[str], rows: Sequence[Sequence[str]], rights: Sequence[bool], limit: int
) -> tuple[list[str], int]:
    """The lines of a table without its footer, and how many of its rows stand there: as many as
    fit into `limit` characters. `rights` are the columns of numbers.
    """
    if not names:
        return ["--"], len(rows)
    heads = [_lines(name) for name in names]
    cells = [[_lines(value) for value in row] for row in rows]
    columns = range(len(names))
    widths = [
        max(width(line) for lines in (heads[n], *(row[n] for row in cells)) for line in lines)
        for n in columns
    ]
    made: list[str] = []
    for at in range(max(map(len, heads))):
        parts = []
        for n in columns:
            text = heads[n][at] if at < len(heads[n]) else ""
            spare = widths[n] - width(text)
            mark = "+" if at + 1 < len(heads[n]) else " "
            parts.append(" " + " " * (spare // 2) + text + " " * (spare - spare // 2) + mark)
        made.append("|".join(parts))
    made.append("-" + "-+-".join("-" * wide for wide in widths) + "-")
    used = sum(len(line) + 1 for line in made)
    for count, row in enumerate(cells):
        lines = [_row_line(row, at, widths, rights) for at in range(max(map(len, row)))]
        used += sum(len(line) + 1 for line in lines)
        if used > limit:
            return made, count
        made += lines
    return made, len(cells)


def _row_line(
    row: Sequence[Sequence[str]], at: int, widths: Sequence[int], rights: Sequence[bool]
) -> str:
    parts = []
    for n, lines in enumerate(row):
        there, more = at < len(lines), at + 1 < len(lines)
        text = lines[at] if there else ""
        pad = " " * (widths[n] - width(text))
        is_last = n == len(row) - 1
        if rights[n] and there:
            text = pad + text
        elif not is_last or more:
            text += pad
        parts.append(" " + text + ("+" if more else "" if is_last else " "))
    return "|".join(parts)


def _lines(text: str) -> list[str]:
    return [_printed(line) for line in text.split("\n")]


def _printed(line: str) -> str:
    if _PLAIN.fullmatch(line):
        return line
    done = ""
    for part in re.split("(\t)", line):
        done += " " * (8 - width(done) % 8) if part == "\t" else escaped(part)
    return done


def width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if _PLAIN.fullmatch(text):
        return len(text)
    return sum(_width_of(character) for character in text)


def _width_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\r":
        return "\\r"
    return f"\\x{ord(character):02X}" if ord(character) < 0x80 else f"\\u{ord(character):04X}"
