"""Events of the load: what its clients did, and how its requests fail."""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.events.base import Event, Sense


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadChanged(Event):
    """The workload started or stopped."""

    running: bool
    about: str = ""

    @property
    def sentence(self) -> str:
        if self.running:
            return f"Load runs: {self.about}"
        return "Load stopped" + (f": {self.about}" if self.about else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFailing(Event):
    """Of the requests that ended in the last second, `failed` failed, `why` by the newest error;
    with `failed` 0 they succeed again. `news` is true when that began or ended.
    """

    failed: int
    ended: int
    wanted_per_s: float
    why: str = ""
    news: bool = False

    @property
    def sentence(self) -> str:
        if not self.news:
            return ""
        if not self.failed:
            return "Requests of the load are answered again"
        return f"{self.failed} of {self.ended} requests fail: {self.why}"

    @property
    def sense(self) -> Sense:
        return "error" if self.failed else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTaken(Event):
    """Readings of one moment by metric name (labs.measure.metrics); one that failed is absent.

    `flows` are the load's operations a second, by link and meaning (labs.load.batches.flow), `keys`
    how many keys each cache holds that answers.
    """

    readings: dict[str, float]
    flows: dict[str, float] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
