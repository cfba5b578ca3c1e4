"""Text that a page may show: what a sandbox's bytes become before anyone reads them.

A control character never gets through: it could move a cursor, hide a line, or turn the direction
of the text around it. Knows no protocol.
"""

from __future__ import annotations

import re
from typing import Any

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\a": r"\a", "\b": r"\b"}
HIDDEN = (
    # The control characters of ASCII and Latin-1; marks that change the direction of a text; line
    # ends of Unicode; marks of no width at all; halves of pairs, which no encoding can carry.
    r"\x00-\x1f\x7f-\x9f"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    r"\u2028\u2029"
    r"\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff"
)
"""Inside of a class of a regular expression: every character that a page must not show as it is."""
_ALL = re.compile(f"[{HIDDEN}]")
_ALL_BUT_LINE_ENDS = re.compile(f"(?!\n)[{HIDDEN}]")


def visible_line(text: str) -> str:
    """The text with every control character as an escape sequence, line ends included."""
    return _ALL.sub(_escaped, text)


def visible(text: str) -> str:
    """The text with every control character but the line end as an escape sequence."""
    return _ALL_BUT_LINE_ENDS.sub(_escaped, text)


def visible_bytes(data: bytes) -> str:
    """The lines that these bytes hold: UTF-8, with other bytes and control characters as escape
    sequences.
    """
    return visible(data.decode(errors="backslashreplace"))


def all_visible(value: Any) -> Any:
    """A value of JSON with `visible` of every text in it, names included."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [all_visible(part) for part in value]
    if isinstance(value, dict):
        return {visible(name): all_visible(part) for name, part in value.items()}
    return value


def _escaped(match: re.Match[str]) -> str:
    letter = match[0]
    code = ord(letter)
    return _NAMED.get(letter) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
