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
from labs.errors import LabsError, OverBudget, TooSlow
from labs.events import Entry, MachineStalled, NoteAdded, TiltChanged, Value
from labs.host.supervisor import SandboxSupervisor
from labs.lab import Lab
from labs.lab.tolerances import tolerance

RUN_DEADLINE_S = 60.0
MEASURE_DEADLINE_S = 30.0
RUNS = 2
MOST_STILL_S = 300.0
"""A run on a machine that stalls again and again is given up after this time more."""


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


class Standstill:
    """Receives a sandbox's events, and says for how many seconds it could not act: the machine
    stalled, or a sentinel was in TILT mode. A deadline of a run does not count them.
    """

    def __init__(self) -> None:
        self._tilted: set[str] = set()
        self._past_s = self._began = 0.0

    def on_event(self, entry: Entry) -> None:
        """Take an event into account."""
        match entry.event:
            case MachineStalled(seconds=seconds):
                self._past_s += seconds
            case TiltChanged(sentinel=sentinel, left_s=left_s):
                past_s = self._in_tilt_s()
                self._tilted.discard(sentinel)
                if left_s:
                    self._tilted.add(sentinel)
                self._past_s, self._began = self._past_s + past_s, time.monotonic()

    @property
    def seen(self) -> bool:
        """True if there was any such time."""
        return self.seconds() > 0.0

    def seconds(self) -> float:
        """How long until now; MOST_STILL_S at most."""
        return min(MOST_STILL_S, self._past_s + self._in_tilt_s())

    def _in_tilt_s(self) -> float:
        return time.monotonic() - self._began if self._tilted else 0.0


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

    A run that was not as it should be, and in which the machine stalled, is played again in another
    sandbox, RUNS in all. Raises what kept it from running; OverBudget after `seconds` in which it
    could act.
    """
    lab = find(lab_id)
    lab.settings(settings)
    for left in reversed(range(RUNS)):
        still = Standstill()
        try:
            run = _play_once(
                supervisor, lab.id, settings or {}, seconds, mutant, still, on_event=on_event
            )
        except LabsError:
            if not left or not still.seen:
                raise
        else:
            if run.ok or mutant or not left or not still.seen:
                return run
        again = "The machine stalled in this run, which fails. It is played again."
        on_event(Entry(1, time.time(), NoteAdded(text=again, meaning="error")))
    raise AssertionError("the last run returns or raises")


def _play_once(
    supervisor: SandboxSupervisor,
    lab_id: str,
    settings: Mapping[str, object],
    seconds: float,
    mutant: str,
    still: Standstill,
    *,
    on_event: Callable[[Entry], None],
) -> Run:
    began = time.monotonic()

    def take(entry: Entry) -> None:
        still.on_event(entry)
        on_event(entry)

    sandbox = supervisor.open(lab_id, dict(settings), on_event=take, mutant=mutant)
    try:
        played = supervisor.call(sandbox, "play", deadline_s=seconds, more_s=still.seconds)
    except TooSlow as exc:
        raise OverBudget(
            f"The run was not over after {seconds:g} s.", hint="Give it more with --seconds."
        ) from exc
    finally:
        supervisor.end(sandbox, "the run is over", gently=True)
    seconds_taken = round(time.monotonic() - began, 3)
    return Run(lab=lab_id, isolation=supervisor.isolation, seconds=seconds_taken, **played)


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
            still = Standstill()
            sandbox = supervisor.open(lab.id, {}, on_event=still.on_event)
            try:
                measured = supervisor.call(
                    sandbox,
                    "measure",
                    prediction=prediction.name,
                    deadline_s=MEASURE_DEADLINE_S,
                    more_s=still.seconds,
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
