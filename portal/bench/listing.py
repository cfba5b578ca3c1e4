"""A strategy's text as lines of coloured words for the page.

The text itself comes from the labs; nothing here is annotated by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pygments.lexers.python import PythonLexer
from pygments.token import STANDARD_TYPES, _TokenType

from labs.client import Source, source_of
from labs.lab import Lab


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a line and the short name of what it is to Python."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One function of a strategy: `name` is read or write."""

    strategy: str
    name: str
    label: str
    source: Source
    lines: tuple[tuple[Word, ...], ...]


def listings(lab: Lab) -> list[Listing]:
    """Every function of every strategy of a lab, in the order of its definition."""
    found = []
    for name, strategy in lab.strategies.items():
        for function, run in (("read", strategy.read), ("write", strategy.write)):
            if run is not None:
                source = source_of(run)
                lines = coloured("\n".join(source.lines))
                found.append(Listing(name, function, strategy.label, source, lines))
    return found


@cache
def coloured(text: str) -> tuple[tuple[Word, ...], ...]:
    """Python text as lines of words."""
    lines: list[list[Word]] = [[]]
    for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(text):
        for index, piece in enumerate(value.split("\n")):
            if index:
                lines.append([])
            if piece:
                lines[-1].append(Word(piece, _short(kind)))
    return tuple(tuple(line) for line in lines)


def _short(kind: _TokenType) -> str:
    short = STANDARD_TYPES.get(kind, "")
    return short if short[:1] in ("k", "c", "s") or short in ("nf", "mi", "mf") else ""
