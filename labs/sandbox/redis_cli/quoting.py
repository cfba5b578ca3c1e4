"""Bytes in the double quotes and escapes that redis-cli reads and writes."""

from __future__ import annotations

import bisect
import itertools

_ESCAPES = {
    '"': r"\"",
    "\\": r"\\",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\a": r"\a",
    "\b": r"\b",
}
_QUOTED = [
    _ESCAPES.get(chr(code)) or (chr(code) if 0x20 <= code < 0x7F else f"\\x{code:02x}")
    for code in range(256)
]
_WIDTHS = [len(shown) for shown in _QUOTED]


def quoted(data: bytes) -> str:
    """The bytes in quotes; what is not printable ASCII is an escape sequence."""
    return '"' + "".join(map(_QUOTED.__getitem__, data)) + '"'


def fitting(data: bytes, width: int) -> tuple[bytes, int]:
    """The first bytes that take no more than this width inside quotes, and the width they take."""
    ends = list(itertools.accumulate(map(_WIDTHS.__getitem__, data[:width])))
    count = bisect.bisect_right(ends, width)
    return data[:count], ends[count - 1] if count else 0
