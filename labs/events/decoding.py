"""Events as a sandbox sends them. It is hostile, so `decode` checks every field."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Literal, TypeGuard, get_args, get_origin, get_type_hints

from labs.errors import BadInput
from labs.events import MOST_ROWS, TYPES, Entry, Value
from labs.printable import visible

EVENT_LIMIT = 16_000
"""Characters of all texts of one event."""
_TEXT_LIMIT = 2_000
_NUMBER_LIMIT = 2**53
"""What every reader of JSON keeps exactly. Infinity is more, and no comparison holds for NaN."""


def decode(data: object) -> Entry:
    """The entry that `encode` made; anything unknown, missing, oversized or of a wrong shape raises
    BadInput.
    """
    if not isinstance(data, dict):
        raise BadInput("An event is an object.")
    kind = TYPES.get(data.get("type", "")) if isinstance(data.get("type"), str) else None
    if kind is None:
        raise BadInput(f"No event has the type {str(data.get('type'))[:60]!r}.")
    seq, at = data.get("seq"), data.get("at")
    if not _is_number(seq) or not isinstance(seq, int) or seq < 1 or not _is_number(at):
        raise BadInput("An event has a whole number `seq` from 1 and a time `at`.")
    known = {f.name: f for f in fields(kind)}
    extra = set(data) - set(known) - {"type", "seq", "at", "sentence", "sense"}
    if extra:
        raise BadInput(f"The event {kind.type} has no field {sorted(extra)[0]!r}.")
    hints = _hints(kind.type)
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if name in data:
            values[name] = _checked(kind.type, name, data[name], hints[name])
        elif spec.default is MISSING and spec.default_factory is MISSING:
            raise BadInput(f"The event {kind.type} lacks {name!r}.")
    if _length(values) > EVENT_LIMIT:
        raise BadInput(f"The event {kind.type} is longer than an event may be.")
    return Entry(seq, float(at), kind(**values))


@cache
def _hints(event: str) -> dict[str, Any]:
    return get_type_hints(TYPES[event])


def _is_number(value: object) -> TypeGuard[int | float]:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) <= _NUMBER_LIMIT
    )


def _length(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(name) + _length(part) for name, part in value.items())
    return len(value) if isinstance(value, str) else 0


def _checked(event: str, name: str, value: Any, hint: Any) -> Any:
    if hint is str and isinstance(value, str):
        return visible(value[:_TEXT_LIMIT])[:_TEXT_LIMIT]
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and _is_number(value) and isinstance(value, int):
        return value
    if hint is float and _is_number(value):
        return float(value)
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint == Value and isinstance(value, str):
        return visible(value[:_TEXT_LIMIT])[:_TEXT_LIMIT]
    if hint == Value and (isinstance(value, bool) or _is_number(value)):
        return value
    if get_origin(hint) is dict and isinstance(value, dict) and len(value) <= 100:
        item = get_args(hint)[1]
        return {
            visible(str(key)[:80]): _checked(event, f"{name}[{str(key)[:40]}]", part, item)
            for key, part in value.items()
        }
    if get_origin(hint) is list and isinstance(value, list) and len(value) <= MOST_ROWS:
        return [_checked(event, name, part, get_args(hint)[0]) for part in value]
    raise BadInput(f"In the event {event}, {name!r} has a wrong value.")
