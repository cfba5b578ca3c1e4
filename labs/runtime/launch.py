"""What a runtime needs to start a server: data only. The runtime starts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals


@dataclass(frozen=True, slots=True)
class Launch:
    """A command line and what belongs to it.

    `files` are written with mode 0600 before the start. `death_signal` ends the server when its
    parent dies, `stop_signal` when it is asked to stop. With a `data` folder, the server's syncs
    there are traced, so that its power can be cut (labs.runtime.disk).
    """

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    files: dict[Path, str] = field(default_factory=dict)
    death_signal: Signals = Signals.SIGKILL
    stop_signal: Signals = Signals.SIGTERM
    data: Path | None = None
