"""Judges a lab's checks again and again while its sandbox runs, and emits what changed.

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
        self._emitted: dict[str, tuple[Verdict, float]] = {}
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checker", daemon=True)

    def start(self) -> None:
        """Judge once, then after each `wake`."""
        self.judge()
        self._thread.start()

    def wake(self) -> None:
        """Judge soon: something happened that may change a verdict."""
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
            self._emitted.clear()
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
            hint = "It is judged again as soon as something happens."
            verdict = Verdict("error", "This check could not be judged just now.", hint=hint)
        self._verdicts[check.name] = verdict
        before, emitted_at = self._emitted.get(check.name, (None, 0.0))
        if verdict == before:
            return
        same_status = before is not None and verdict.status == before.status
        if same_status and time.monotonic() - emitted_at < SAME_STATUS_EVERY_S:
            # Numbers move all the time under load: the newest is emitted soon, not each one.
            self._woken.set()
            return
        self._emitted[check.name] = verdict, time.monotonic()
        evidence = dict(verdict.evidence)
        self._emit(
            CheckChanged(
                check=check.name,
                claim=check.claim,
                status=verdict.status,
                message=verdict.message,
                hint=verdict.hint,
                evidence=evidence,
                news=before is not None and not same_status,
            )
        )
        if verdict.status == "met" and not same_status:
            data: dict[str, object] = {"message": verdict.message, "evidence": evidence}
            self._outcome("check", check.name, "met", data)
