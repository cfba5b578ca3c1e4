"""What every event is: small, frozen, with a sentence and a meaning of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Sense = Literal["hit", "miss", "read", "write", "stale", "error", "here", "none"]
ServerState = Literal["starting", "up", "paused", "down", "stopped"]
Role = Literal["primary", "replica", "none"]
LinkState = Literal["open", "slow", "cut"]
CheckStatus = Literal["met", "unmet", "error"]
Value = str | float | bool

MOST_ROWS = 400
"""Rows of a table, and operations of one event, that an event may carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: `type` is its name on the wire."""

    type: ClassVar[str] = ""

    @property
    def sentence(self) -> str:
        """The event in words for the timeline; empty if it is not news to a reader."""
        return ""

    @property
    def sense(self) -> Sense:
        """What the event means: hit, miss, read, write, stale, error, or none of these."""
        return "none"
