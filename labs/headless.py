"""A lab without a page: open a sandbox, play the reference run, return what was measured and each
check's verdict, leave nothing behind.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labs.catalogue import find
from labs.errors import OverBudget, TooSlow
from labs.events import Entry, Value
from labs.host.supervisor import SandboxSupervisor
from labs.lab import Lab
from labs.lab.tolerances import tolerance

RUN_DEADLINE_S = 60.0
MEASURE_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Run:
    """One reference run. `ok` says that every check was met."""

    lab: str
    isolation: str
    versions: dict[str, str]
    seconds: float
    settings: dict[str, Value]
    measurements: dict[str, float]
    checks: list[dict[str, Any]]

    @property
    def ok(self) -> bool:
        return all(check["status"] == "met" for check in self.checks)

    def to_data(self) -> dict[str, Any]:
        """One object for JSON, as docs/labs.md describes it."""
        return asdict(self) | {"ok": self.ok}


def play(
    supervisor: SandboxSupervisor,
    lab_id: str,
    *,
    settings: Mapping[str, object] | None = None,
    seconds: float = RUN_DEADLINE_S,
    mutant: str = "",
    on_event: Callable[[Entry], None] = lambda _: None,
) -> Run:
    """The reference run of a lab in a sandbox of its own.

    Raises what kept it from running; OverBudget after `seconds`.
    """
    lab = find(lab_id)
    lab.settings(settings)
    began = time.monotonic()
    sandbox = supervisor.open(lab.id, dict(settings or {}), on_event=on_event, mutant=mutant)
    try:
        played = supervisor.call(sandbox, "play", deadline_s=seconds)
    except TooSlow as exc:
        raise OverBudget(
            f"The run was not over after {seconds:g} s.", hint="Give it more with --seconds."
        ) from exc
    finally:
        supervisor.end(sandbox, "the run is over", gently=True)
    seconds_taken = round(time.monotonic() - began, 3)
    return Run(lab=lab.id, isolation=supervisor.isolation, seconds=seconds_taken, **played)


def measure_tolerances(supervisor: SandboxSupervisor, lab: Lab, *, times: int) -> str:
    """The text of a lab's tolerances.toml: each prediction's experiment, run `times` times, each
    time in a sandbox of its own.
    """
    tables = [
        f"# Made by `cacheground lab tolerances {lab.id}` on {datetime.now(UTC):%Y-%m-%d}: "
        f"{times} runs each. Not to be edited."
    ]
    for prediction in lab.predictions:
        values = []
        for _ in range(times):
            sandbox = supervisor.open(lab.id, {})
            try:
                measured = supervisor.call(
                    sandbox, "measure", prediction=prediction.name, deadline_s=MEASURE_DEADLINE_S
                )
                values.append(measured["value"])
            finally:
                supervisor.end(sandbox, "measured")
        tables.append(f"[{prediction.name}]\ntolerance = {tolerance(values)}\nmeasured = {values}")
    return "\n\n".join(tables) + "\n"


@contextlib.contextmanager
def own_supervisor(isolation: str = "auto") -> Iterator[SandboxSupervisor]:
    """A supervisor in a temporary directory of its own."""
    with tempfile.TemporaryDirectory(prefix="cacheground-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        supervisor = SandboxSupervisor(Path(name), isolation=isolation)
        try:
            yield supervisor
        finally:
            supervisor.close()
