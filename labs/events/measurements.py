"""What is measured and judged: the load, readings, checks, tables, predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from labs.events.base import CheckStatus, Event, Sense, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadChanged(Event):
    """The workload started or stopped."""

    type: ClassVar[str] = "load-changed"
    running: bool
    about: str = ""

    @property
    def sentence(self) -> str:
        return (
            f"Load runs: {self.about}"
            if self.running
            else "Load stopped" + (f": {self.about}" if self.about else "")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTaken(Event):
    """Readings of one moment: metric name (labs.measure.metrics) to value.

    A metric that could not be read is absent.
    """

    type: ClassVar[str] = "reading-taken"
    readings: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckChanged(Event):
    """A check has a new status or new evidence."""

    type: ClassVar[str] = "check-changed"
    check: str
    claim: str
    status: CheckStatus
    message: str
    hint: str = ""
    evidence: dict[str, Value] = field(default_factory=dict)
    news: bool = True

    @property
    def sentence(self) -> str:
        if not self.news or self.status != "met":
            return ""
        return f"Check met: {self.claim}"

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChanged(Event):
    """A table of the lab (labs.lab.Table) has these rows now, all of them: column name to
    value.
    """

    type: ClassVar[str] = "table-changed"
    table: str
    rows: list[dict[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Event):
    """A prediction's experiment was run in this sandbox: what came out."""

    type: ClassVar[str] = "measured"
    prediction: str
    value: Value
    shown: str

    @property
    def sentence(self) -> str:
        return f"Measured: {self.shown}"

    @property
    def sense(self) -> Sense:
        return "here"
