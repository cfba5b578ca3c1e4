"""Judges a lab's checks again and again while its sandbox runs, and emits what changed. A check
that was met stays met for the learner, with the first verdict that met it.

Reads only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

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
        in_full: Callable[[str], str] = str,
    ) -> None:
        """`subject` is what each check is handed. `outcome` is called once for each check, when
        it is first met. `in_full` makes of a check's hint what the learner reads.
        """
        self._subject = subject
        self._checks = checks
        self._emit = emit
        self._outcome = outcome
        self._in_full = in_full
        self._verdicts: dict[str, Verdict] = {}
        self._met: dict[str, tuple[Verdict, float]] = {}
        """The first verdict that met a check, and when: Unix time. A reset does not clear it."""
        self._emitted: dict[str, tuple[CheckChanged, float]] = {}
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
        """Every check's verdict now, by its name; one that was met may be unmet again."""
        with self._lock:
            for check in self._checks:
                self._judge(check)
            return dict(self._verdicts)

    def clear(self) -> None:
        """Emit every check again, as after a reset. What was met stays met."""
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
        verdict = replace(verdict, hint=self._in_full(verdict.hint))
        self._verdicts[check.name] = verdict
        if verdict.status == "met" and check.name not in self._met:
            self._met[check.name] = verdict, time.time()
            data: dict[str, object] = {
                "message": verdict.message,
                "evidence": dict(verdict.evidence),
            }
            self._outcome("check", check.name, "met", data)
        self._emit_changed(self._event(check, verdict))

    def _event(self, check: Check, verdict: Verdict) -> CheckChanged:
        """What the learner is shown: the verdict that met the check, if there was one, and what is
        found now if that is no longer so.
        """
        proof, met_at = self._met.get(check.name, (verdict, 0.0))
        return CheckChanged(
            check=check.name,
            claim=check.claim,
            status=proof.status,
            message=proof.message,
            hint=proof.hint,
            evidence=dict(proof.evidence),
            now="" if verdict.status == proof.status else verdict.message,
            met_at=round(met_at, 3),
            news=False,
        )

    def _emit_changed(self, event: CheckChanged) -> None:
        before, emitted_at = self._emitted.get(event.check, (None, 0.0))
        if event == before:
            return
        same_status = before is not None and event.status == before.status
        if same_status and time.monotonic() - emitted_at < SAME_STATUS_EVERY_S:
            # Numbers move all the time under load: the newest is emitted soon, not each one.
            self._woken.set()
            return
        self._emitted[event.check] = event, time.monotonic()
        self._emit(replace(event, news=before is not None and not same_status))
