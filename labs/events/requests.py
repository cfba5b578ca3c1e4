"""One request in slow motion, command by command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labs.events.base import Event, Sense


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """One request runs in slow motion; `strategy` and `function` name the text that is lit."""

    type: ClassVar[str] = "step-started"
    request: int
    strategy: str
    function: str
    call: str

    @property
    def sentence(self) -> str:
        return f"Request {self.request}: {self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReached(Event):
    """The stepped request stands before this statement: `line` to `last_line`, counted from 1 in
    the text shown.
    """

    type: ClassVar[str] = "line-reached"
    request: int
    line: int
    last_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRan(Event):
    """A command that the application sent to a server, with its reply and the time it took.

    `link` says which way it went, if there are several.
    """

    type: ClassVar[str] = "command-ran"
    request: int
    server: str
    command: str
    reply: str
    took_ms: float
    meaning: Sense
    link: str = ""

    @property
    def sentence(self) -> str:
        words = {
            "hit": "had it",
            "miss": "had nothing",
            "read": "answered",
            "write": "stored it",
            "error": "failed",
        }
        return (
            f"Request {self.request}: {self.server} {words.get(self.meaning, 'answered')} in "
            f"{self.took_ms:.2f} ms"
        )

    @property
    def sense(self) -> Sense:
        return self.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Travelled(Event):
    """A request went over these links, one after the other, and its answer came back: what it
    meant, and a word for it.
    """

    type: ClassVar[str] = "travelled"
    links: list[str]
    meaning: Sense
    words: str = ""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """The stepped request is over: what it meant, what it answered and how long its server calls
    took together.
    """

    type: ClassVar[str] = "step-finished"
    request: int
    meaning: Sense
    answer: str
    took_ms: float

    @property
    def sentence(self) -> str:
        words = {
            "hit": "a hit",
            "miss": "a miss",
            "write": "a write",
            "stale": "a stale answer",
            "error": "an error",
            "read": "a database read",
        }
        return (
            f"Request {self.request} was {words.get(self.meaning, 'answered')}, "
            f"{self.took_ms:.2f} ms with the servers"
        )

    @property
    def sense(self) -> Sense:
        return self.meaning
