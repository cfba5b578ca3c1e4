"""A strategy's text as it stands in the repository, statement by statement, for the page that
lights the running line.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one function: `path` within the repository, its first line there, its lines, and
    each line's statement.

    `statements[n]` is the (first, last) line of the statement that line n belongs to, counted from
    1 within `lines`: a statement over several lines jumps back and forth while it is traced, and is
    lit as one.
    """

    path: str
    first_line: int
    lines: tuple[str, ...]
    statements: dict[int, tuple[int, int]]


@cache
def source_of(function: Callable[..., object]) -> Source:
    """The source of a strategy's function."""
    raw, first_line = inspect.getsourcelines(function)
    text = textwrap.dedent("".join(raw))
    path = Path(inspect.getsourcefile(function) or "").resolve()
    shown = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
    return Source(shown, first_line, tuple(text.rstrip("\n").split("\n")), _statements(text))


def _statements(text: str) -> dict[int, tuple[int, int]]:
    spans: dict[int, tuple[int, int]] = {}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        last = body[0].lineno - 1 if body else (node.end_lineno or node.lineno)
        for line in range(node.lineno, max(node.lineno, last) + 1):
            if line not in spans or spans[line][1] - spans[line][0] > last - node.lineno:
                spans[line] = (node.lineno, max(node.lineno, last))
    return spans
