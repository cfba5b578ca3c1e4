"""Looks at the sandboxes of a machine once a second, and ends those that are idle, old or use too
much.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from labs.errors import LabsError
from labs.host.admission import Admission
from labs.host.publisher import CLOSED_KEY_S
from labs.host.record import MB, SandboxRecord
from labs.host.supervisor import SandboxSupervisor

DISK_LOOK_S = 60.0
DISK_STEP_MB = 64


class Watch:
    """Call `look` once a second; `close(record, reason)` is called for each that must end."""

    def __init__(
        self,
        admission: Admission,
        supervisor: SandboxSupervisor,
        directory: Path,
        close: Callable[[SandboxRecord, str], None],
    ) -> None:
        self._admission = admission
        self._supervisor = supervisor
        self._directory = directory
        self._close = close
        self._free, self._disk_looked = 0, 0.0

    def look(self) -> None:
        """Idle, old and hungry sandboxes; those that wait and whose page is gone; what closed a
        while ago.
        """
        now = time.monotonic()
        self._look_at_disk(now)
        memory = self._supervisor.memory()
        limits = self._admission.limits
        for record in self._admission.all():
            if record.status == "open":
                self._look_at_open(record, now, memory.get(record.id, 0))
            elif record.status == "queued" and now - record.touched_at > limits.queued_s:
                self._close(record, "You left the queue.")
            elif record.status == "closed" and now - record.closed_at > CLOSED_KEY_S:
                with self._admission.lock:
                    self._admission.records.pop(record.id, None)

    def warn(self, record: SandboxRecord, reason: str, in_s: float) -> None:
        """Warn in the sandbox that it ends soon; an empty reason withdraws it."""
        with contextlib.suppress(LabsError):
            self._supervisor.call(record.id, "warn", reason=reason, in_s=in_s, deadline_s=2.0)

    def _look_at_open(self, record: SandboxRecord, now: float, resident: int) -> None:
        limits = self._admission.limits
        idle_s, age_s = now - record.touched_at, now - record.opened_at
        if age_s > limits.longest_s:
            self._close(record, f"Your sandbox has ended after {limits.longest_s / 3600:g} hours.")
        elif idle_s > limits.idle_s:
            self._close(
                record,
                "Your sandbox has ended: nothing was done in it for "
                f"{limits.idle_s / 60:g} minutes.",
            )
        elif idle_s > limits.idle_s - limits.warn_s and not record.warned:
            record.warned = True
            self.warn(
                record,
                f"This sandbox ends in {limits.warn_s / 60:g} minutes unless you go on.",
                limits.warn_s,
            )
        elif self._supervisor.files_in_memory(record.id) > limits.disk_mb * MB:
            self._close_for_disk(record)
        elif (
            resident > limits.budget_mb * MB
            and self._supervisor.proportional_memory(record.id) > limits.budget_mb * MB
        ):
            self._close(
                record,
                f"Your sandbox used more than its {limits.budget_mb} MB of memory and was ended.",
            )

    def _look_at_disk(self, now: float) -> None:
        """Look through the sandboxes' files when the disk has lost some room, and now and then: it
        costs milliseconds for each.
        """
        free = shutil.disk_usage(self._directory).free
        self._free = max(self._free, free)
        if self._free - free < DISK_STEP_MB * MB and now - self._disk_looked < DISK_LOOK_S:
            return
        self._free, self._disk_looked = free, now
        for record in self._admission.all():
            with contextlib.suppress(LabsError):
                limit = self._admission.limits.disk_mb * MB
                if record.status == "open" and self._supervisor.disk(record.id) > limit:
                    self._close_for_disk(record)

    def _close_for_disk(self, record: SandboxRecord) -> None:
        limit_mb = self._admission.limits.disk_mb
        self._close(
            record,
            f"Your sandbox wrote more than its {limit_mb} MB to the disk and was ended.",
        )
