"""What a learner typed or pasted into a console: which characters a word processor put there, and
how many commands it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_LOOKS_LIKE = {
    "“": '"',
    "”": '"',
    "„": '"',
    "‘": "'",
    "’": "'",
    "‚": "'",
    "–": "-",
    "—": "--",
    "−": "-",
    "\u00a0": "a space",
    "\u202f": "a space",
}
_FOREIGN = re.compile("[" + "".join(_LOOKS_LIKE) + "]")
# What SQL takes literally: comments, texts, names in quotes.
_SQL_LITERALS = re.compile(
    r"--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'"
    r'|"(?:[^"]|"")*"',
    re.DOTALL,
)


def foreign(command: str) -> str:
    """A sentence about characters that a word processor puts in the place of others; empty if
    there are none.
    """
    found = dict.fromkeys(_FOREIGN.findall(command))
    if not found:
        return ""
    pairs = [f"{_named(character)} for {_LOOKS_LIKE[character]}" for character in found]
    return f"The command has characters of a word processor: {', '.join(pairs)}."


def foreign_in_sql(statement: str) -> str:
    """The sentence of `foreign` about what stands outside of texts and comments: it would become
    part of a name there.
    """
    return foreign(_SQL_LITERALS.sub(" ", statement))


def as_lines(command: str) -> list[str]:
    """The commands of several lines, one each. A line end inside of quotes ends no command."""
    pieces: list[str] = []
    for line in command.split("\n"):
        if pieces and _is_open(pieces[-1]):
            pieces[-1] += "\n" + line
        else:
            pieces.append(line)
    return [piece for piece in pieces if piece.strip()] or [command]


def as_memcached_lines(command: str) -> list[str]:
    """The commands of several lines, one each; the line after that of a storage command with a
    number of bytes is its value.
    """
    pieces: list[str] = []
    lines = command.split("\n")
    while lines:
        line = lines.pop(0)
        if lines and _STORAGE.fullmatch(line.strip()):
            line += "\n" + lines.pop(0)
        if line.strip():
            pieces.append(line)
    return pieces or [command]


_STORAGE = re.compile(r"(?:(?:set|add|replace|append|prepend)(?: +\S+){3}|cas(?: +\S+){3}) +\d+"
                      r"(?: +\d+)?(?: +noreply)?", re.IGNORECASE)  # fmt: skip


def as_one(command: str) -> list[str]:
    """The whole: SQL ends a statement with a semicolon, and the server finds it."""
    return [command]


PIECES: dict[str, Callable[[str], list[str]]] = {
    "resp": as_lines,
    "memcached": as_memcached_lines,
    "sql": as_one,
}
"""How many commands a text is, by the value of `console` of a kind of engine; one for any other."""


def _is_open(text: str) -> bool:
    quote, escaped = "", False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and quote:
            escaped = True
        elif not quote and character in "'\"":
            quote = character
        elif character == quote:
            quote = ""
    return bool(quote)


def _named(character: str) -> str:
    return "a non-breaking space" if character in "\u00a0\u202f" else character
