"""What every event is, and its place in the list. The events themselves stand in labs.events."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from labs.errors import wire_name

Sense = Literal["hit", "miss", "read", "write", "stale", "error", "here", "none"]
ServerState = Literal["starting", "up", "paused", "down", "stopped"]
Role = Literal["primary", "replica", "none"]
LinkState = Literal["open", "slow", "cut"]
CheckStatus = Literal["met", "unmet", "error"]
Value = str | float | bool

MOST_ROWS = 400
"""Rows of a table, and operations of one event, that an event may carry."""

TYPES: dict[str, type[Event]] = {}
"""Every event by its name on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: `type` is its name on the wire, made of the name of its class."""

    type: ClassVar[str] = ""
    in_words: ClassVar[str] = ""
    """The sentence of an event that always has one, with fields as `{0.field}`."""

    def __init_subclass__(cls) -> None:
        cls.type = wire_name(cls)
        TYPES[cls.type] = cls

    @property
    def sentence(self) -> str:
        """The event in words for the timeline; empty if it is not news to a reader."""
        return self.in_words.format(self)

    @property
    def sense(self) -> Sense:
        """What the event means: hit, miss, read, write, stale, error, or none of these. An event
        with a field `meaning` has it there.
        """
        meaning: Sense = getattr(self, "meaning", "none")
        return meaning


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the list: `seq` counts from 1 without gaps, `at` is Unix time in
    seconds.
    """

    seq: int
    at: float
    event: Event


def encode(entry: Entry) -> dict[str, Any]:
    """The entry as plain data for JSON: the event's own fields, and its words, next to `seq`, `at`
    and `type`.
    """
    data = {f.name: getattr(entry.event, f.name) for f in fields(entry.event)}
    data.update(seq=entry.seq, at=round(entry.at, 4), type=entry.event.type)
    if entry.event.sentence:
        data["sentence"] = entry.event.sentence
    data["sense"] = entry.event.sense
    return data
