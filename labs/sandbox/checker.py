"""Judges a lab's checks again and again while its sandbox lives, and tells what changed.

Reads only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from labs.errors import LabsError
from labs.events import CheckChanged, Event
from labs.lab import Check, Verdict

log = logging.getLogger("labs.checker")
JUDGE_EVERY_S = 0.25
SAME_STATUS_EVERY_S = 1.0


class Checker:
    """One thread that judges when something happened since it last did."""

    def __init__(
        self,
        subject: object,
        checks: Sequence[Check],
        *,
        emit: Callable[[Event], None],
        outcome: Callable[[str, str, str, dict[str, object]], None],
    ) -> None:
        """`subject` is what each check is handed. `outcome` is called once when a check is met."""
        self._subject = subject
        self._checks = checks
        self._emit = emit
        self._outcome = outcome
        self._verdicts: dict[str, Verdict] = {}
        self._told: dict[str, tuple[Verdict, float]] = {}
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checker", daemon=True)

    def start(self) -> None:
        """Judge once, then whenever something stirs."""
        self.judge()
        self._thread.start()

    def wake(self) -> None:
        """Something happened that a check could care about."""
        self._woken.set()

    def stop(self) -> None:
        """Judge no more."""
        self._stopped.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def judge(self) -> dict[str, Verdict]:
        """Every check's verdict now, by its name."""
        with self._lock:
            for check in self._checks:
                self._judge(check)
            return dict(self._verdicts)

    def clear(self) -> None:
        """Emit every verdict again, as after a reset."""
        with self._lock:
            self._told.clear()
        self.wake()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.wait()
            self._woken.clear()
            if not self._stopped.is_set():
                self.judge()
            self._stopped.wait(JUDGE_EVERY_S)

    def _judge(self, check: Check) -> None:
        try:
            verdict = check.judge(self._subject)
        except LabsError as exc:
            verdict = Verdict("error", str(exc), hint=exc.hint)
        except Exception:
            log.exception("the check %s failed", check.name)
            verdict = Verdict(
                "error",
                "This check could not be judged just now.",
                hint="It is judged again as soon as something happens.",
            )
        self._verdicts[check.name] = verdict
        before, told_at = self._told.get(check.name, (None, 0.0))
        if verdict == before:
            return
        if (
            before is not None
            and verdict.status == before.status
            and time.monotonic() - told_at < SAME_STATUS_EVERY_S
        ):
            # Numbers move all the time under load: the newest is told soon, not every one.
            self._woken.set()
            return
        self._told[check.name] = verdict, time.monotonic()
        self._emit(
            CheckChanged(
                check=check.name,
                claim=check.claim,
                status=verdict.status,
                message=verdict.message,
                hint=verdict.hint,
                evidence=dict(verdict.evidence),
                news=before is not None and before.status != verdict.status,
            )
        )
        if verdict.status == "met" and (before is None or before.status != "met"):
            self._outcome(
                "check",
                check.name,
                "met",
                {"message": verdict.message, "evidence": dict(verdict.evidence)},
            )
