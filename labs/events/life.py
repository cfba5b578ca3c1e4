"""The sandbox itself: opened, set, described, ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labs.events.base import Event, Sense, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOpened(Event):
    """The sandbox is ready: its settings and what runs in it."""

    type: ClassVar[str] = "sandbox-opened"
    lab: str
    isolation: str
    settings: dict[str, Value]
    versions: dict[str, str]

    @property
    def sentence(self) -> str:
        running = ", ".join(f"{name} {version}" for name, version in sorted(self.versions.items()))
        return f"Your sandbox is open: {running}" if running else "Your sandbox is open"

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChanged(Event):
    """A control of the lab has a new value."""

    type: ClassVar[str] = "setting-changed"
    name: str
    label: str
    value: Value
    shown: str

    @property
    def sentence(self) -> str:
        return f"{self.label}: {self.shown}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded(Event):
    """Something that the learner or the lab did, in words: actions, faults, refusals."""

    type: ClassVar[str] = "note-added"
    text: str
    meaning: Sense = "none"

    @property
    def sentence(self) -> str:
        return self.text

    @property
    def sense(self) -> Sense:
        return self.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionChanged(Event):
    """The sentence under the drawing: what the picture shows now.

    `strong` is the part that matters most, inside `text`.
    """

    type: ClassVar[str] = "caption-changed"
    text: str
    strong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Event):
    """The sandbox will end unless somebody does something.

    With `in_s` 0 that is no longer so: somebody did.
    """

    type: ClassVar[str] = "ending"
    reason: str
    in_s: float

    @property
    def sentence(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxClosed(Event):
    """The last event of a sandbox: nothing of it runs any more."""

    type: ClassVar[str] = "sandbox-closed"
    reason: str

    @property
    def sentence(self) -> str:
        return self.reason

    @property
    def sense(self) -> Sense:
        return "here"
