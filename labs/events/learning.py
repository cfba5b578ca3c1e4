"""Events about the learner's way through the lab: checks, guide, predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from labs.events.base import CheckStatus, Event, Sense, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckChanged(Event):
    """A check has a new status or new evidence. One that was met stays met: `message` and
    `evidence` are those that first met it, at the Unix time `met_at`, and `now` is what is found
    at present if that is no longer so.
    """

    check: str
    claim: str
    status: CheckStatus
    message: str
    hint: str = ""
    evidence: dict[str, Value] = field(default_factory=dict)
    now: str = ""
    met_at: float = 0.0
    news: bool = True
    sense: ClassVar[Sense] = "here"

    @property
    def sentence(self) -> str:
        return f"Check met: {self.claim}" if self.news and self.status == "met" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideMoved(Event):
    """The steps of the lab's guide that are done, counted from 0, and the current one: the first
    that is not done. It is the number of steps when all are done.
    """

    current: int
    done: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Event):
    """A prediction's experiment was run in this sandbox: what came out."""

    sense: ClassVar[Sense] = "here"
    prediction: str
    value: Value
    shown: str
    in_words: ClassVar[str] = "Measured: {0.shown}"
