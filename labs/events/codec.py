"""Events as plain data: `encode` for the wire and for pages, `decode` for what a sandbox sends.

A sandbox is hostile, so `decode` checks every field.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, get_args

from labs.errors import BadInput
from labs.events.base import MOST_ROWS, Event, Value
from labs.events.groups import (
    EndpointMoved,
    OperationsRecorded,
    RecordSaved,
    RoleChanged,
    SentinelSaid,
)
from labs.events.life import (
    CaptionChanged,
    Ending,
    NoteAdded,
    SandboxClosed,
    SandboxOpened,
    SettingChanged,
)
from labs.events.measurements import CheckChanged, LoadChanged, Measured, ReadingTaken, TableChanged
from labs.events.requests import CommandRan, LineReached, StepFinished, StepStarted, Travelled
from labs.events.servers import LinkChanged, ServerChanged, ServerFiguresChanged, TopologyChanged

_TEXT_LIMIT = 2_000
EVENT_LIMIT = 16_000
"""Characters of all texts of one event."""
_NUMBER_LIMIT = 2**53
"""What every reader of JSON keeps exactly. Infinity is more, and no comparison holds for NaN."""

TYPES: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        SandboxOpened,
        ServerChanged,
        ServerFiguresChanged,
        RoleChanged,
        EndpointMoved,
        SentinelSaid,
        OperationsRecorded,
        RecordSaved,
        TopologyChanged,
        LinkChanged,
        SettingChanged,
        NoteAdded,
        CaptionChanged,
        StepStarted,
        LineReached,
        CommandRan,
        Travelled,
        StepFinished,
        LoadChanged,
        ReadingTaken,
        CheckChanged,
        TableChanged,
        Measured,
        Ending,
        SandboxClosed,
    )
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the list: `seq` counts from 1 without gaps, `at` is Unix time in
    seconds.
    """

    seq: int
    at: float
    event: Event


def encode(entry: Entry) -> dict[str, Any]:
    """The entry as plain data for JSON: the event's own fields, and its words, beside `seq`, `at`
    and `type`.
    """
    data = {f.name: getattr(entry.event, f.name) for f in dataclasses.fields(entry.event)}
    data.update(seq=entry.seq, at=round(entry.at, 4), type=entry.event.type)
    if entry.event.sentence:
        data["sentence"] = entry.event.sentence
    data["sense"] = entry.event.sense
    return data


def decode(data: object) -> Entry:
    """The entry that `encode` made.

    A sandbox is hostile: anything unknown, missing, oversized or of a wrong shape raises BadInput.
    """
    if not isinstance(data, dict):
        raise BadInput("An event is an object.")
    kind = TYPES.get(data.get("type", "")) if isinstance(data.get("type"), str) else None
    if kind is None:
        raise BadInput(f"No event has the type {str(data.get('type'))[:60]!r}.")
    seq, at = data.get("seq"), data.get("at")
    if not _is_number(seq) or not isinstance(seq, int) or seq < 1 or not _is_number(at):
        raise BadInput("An event has a whole number `seq` from 1 and a time `at`.")
    known = {f.name: f for f in dataclasses.fields(kind)}
    extra = set(data) - set(known) - {"type", "seq", "at", "sentence", "sense"}
    if extra:
        raise BadInput(f"The event {kind.type} has no field {sorted(extra)[0]!r}.")
    hints = _hints(kind)
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if name in data:
            values[name] = _checked(kind.type, name, data[name], hints[name])
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise BadInput(f"The event {kind.type} lacks {name!r}.")
    if _length(values) > EVENT_LIMIT:
        raise BadInput(f"The event {kind.type} is longer than an event may be.")
    return Entry(seq, float(at), kind(**values))


_hint_cache: dict[type[Event], dict[str, Any]] = {}


def _hints(kind: type[Event]) -> dict[str, Any]:
    if kind not in _hint_cache:
        _hint_cache[kind] = typing.get_type_hints(kind)
    return _hint_cache[kind]


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
        return value[:_TEXT_LIMIT]
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and _is_number(value) and isinstance(value, int):
        return value
    if hint is float and _is_number(value):
        return float(value)
    if typing.get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint == Value and isinstance(value, str):
        return value[:_TEXT_LIMIT]
    if hint == Value and (isinstance(value, bool) or _is_number(value)):
        return value
    if typing.get_origin(hint) is dict and isinstance(value, dict) and len(value) <= 100:
        item = get_args(hint)[1]
        return {
            str(key)[:80]: _checked(event, f"{name}[{str(key)[:40]}]", part, item)
            for key, part in value.items()
        }
    if typing.get_origin(hint) is list and isinstance(value, list) and len(value) <= MOST_ROWS:
        return [_checked(event, name, part, get_args(hint)[0]) for part in value]
    raise BadInput(f"In the event {event}, {name!r} has a wrong value.")
