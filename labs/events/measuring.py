"""Events about measurements: what runs on a sandbox's servers, and what waits for them."""

from __future__ import annotations

from dataclasses import dataclass

from labs.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuringChanged(Event):
    """Which measurement has the servers to itself now, and which wait: names of predictions and of
    actions that measure. `running` is empty while none does.
    """

    running: str
    waiting: list[str]
