"""What Postgres says apart from rows (errors, notices, notifications), as psql prints it."""

from __future__ import annotations

import struct
from itertools import accumulate

from labs.sandbox.psql_table import escaped, width

_LONGEST_LINE, _LEAST_RIGHT = 60, 10
_LONGEST_TEXT = 4_000


def fields(body: bytes) -> dict[str, str]:
    """The fields of an error or a notice, by their letter."""
    parts = (part.decode(errors="replace") for part in body.split(b"\0") if part)
    return {part[0]: part[1:] for part in parts}


def message(body: bytes, statement: str) -> str:
    """An error or a notice to a statement, in lines: what it is, where, details, a hint."""
    said = fields(body)
    lines = [f"{said.get('S', 'ERROR')}:  {said.get('M', '')}"]
    if "P" in said:
        lines += _place(statement, int(said["P"]))
    elif "q" in said and "p" in said:
        lines += _place(said["q"], int(said["p"]))
    elif "q" in said:
        lines.append(f"QUERY:  {said['q']}")
    names = {"D": "DETAIL", "H": "HINT"}
    lines += [f"{name}:  {said[letter]}" for letter, name in names.items() if letter in said]
    if "q" in said and "p" in said and "P" not in said:
        lines.append(f"QUERY:  {said['q']}")
    if "W" in said and said.get("V", said.get("S")) in ("ERROR", "FATAL", "PANIC"):
        lines.append(f"CONTEXT:  {said['W']}")
    text = escaped("\n".join(lines))
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def notification(body: bytes) -> str:
    """A notification that came for LISTEN."""
    (pid,) = struct.unpack("!i", body[:4])
    channel, payload, *_ = (part.decode(errors="replace") for part in body[4:].split(b"\0"))
    with_payload = f' with payload "{payload[:200]}"' if payload else ""
    return escaped(
        f'Asynchronous notification "{channel}"{with_payload} received from server process '
        f"with PID {pid}."
    )


def _place(statement: str, position: int) -> list[str]:
    """The line of the statement that an error points at, cut to 60 columns, and a caret below."""
    at = min(max(position - 1, 0), len(statement))
    before = statement[:at].replace("\r\n", "\n").replace("\r", "\n")
    number = before.count("\n") + 1
    start = max(statement.rfind("\n", 0, at), statement.rfind("\r", 0, at)) + 1
    ends = [end for end in (statement.find("\n", at), statement.find("\r", at)) if end >= 0]
    line = statement[start : min(ends, default=len(statement))].replace("\t", " ")
    wide = [0, *accumulate(width(character) for character in line)]
    column, first, last = at - start, 0, len(line)
    if wide[-1] > _LONGEST_LINE:
        if wide[column] + _LEAST_RIGHT < _LONGEST_LINE:
            while wide[last] > _LONGEST_LINE:
                last -= 1
        else:
            while wide[last] > wide[column] + _LEAST_RIGHT:
                last -= 1
            while wide[last] - wide[first] > _LONGEST_LINE:
                first += 1
    head = f"LINE {number}: " + ("..." if first else "")
    shown = head + line[first:last] + ("..." if last < len(line) else "")
    return [shown, " " * (len(head) + wide[column] - wide[first]) + "^"]
