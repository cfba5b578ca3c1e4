"""Events of a machine that stood still: of the sandbox as a whole, and of its sentinels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labs.events.base import Event, Sense


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStalled(Event):
    """Nothing of the sandbox ran for these seconds, until now."""

    seconds: float
    sense: ClassVar[Sense] = "error"
    in_words: ClassVar[str] = (
        "The machine stalled for {0.seconds:.1f} s: nothing in the sandbox ran, and no reading was "
        "taken"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TiltChanged(Event):
    """A sentinel is in TILT mode for this many seconds more, by its own figure; 0: it has left
    it.
    """

    sentinel: str
    left_s: float

    @property
    def sentence(self) -> str:
        if not self.left_s:
            return f"{self.sentinel} has left TILT mode: it can start a failover again"
        return (
            f"{self.sentinel} is in TILT mode for {self.left_s:.0f} s: it stood still for more "
            "than 2 s, so it distrusts its clock and starts no failover"
        )

    @property
    def sense(self) -> Sense:
        return "error" if self.left_s else "here"
