"""One part of the site that should run: started, and started again when it dies or hangs."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from portal.serve.child import Child, Launch
from portal.serve.places import CannotServe

FAILURES, FAILURES_WITHIN_S = 5, 120.0
BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 4.0)
START_S, SILENT_S = 60.0, 30.0
"""How long a part may be silent: from its start, and after an answer."""
LOOK_EVERY_S = 2.0


class Service:
    """A part that should run: how to start it now, what runs, when it failed.

    One that does not answer for a while (`answers` is asked now and then) is killed.
    """

    def __init__(
        self,
        name: str,
        log: Path,
        launch: Callable[[], Launch],
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.log = log
        self._launch = launch
        self._answers = answers
        self._look_at = self._silent_at = 0.0
        self.child: Child | None = None
        self.failures: deque[float] = deque(maxlen=FAILURES)
        self.start_at = 0.0

    def start(self) -> Child:
        """Start it; raises CannotServe where it can't even be executed."""
        try:
            self.child = Child(self._launch(), self.log)
        except BlockingIOError as exc:
            raise CannotServe(
                f"{self.name} could not be started: its user has as many processes and threads as "
                "this system allows (ulimit -u). Raise the limit, or end others of that user."
            ) from exc
        except OSError as exc:
            raise CannotServe(f"{self.name} could not be started: {exc}") from exc
        self._silent_at = time.monotonic() + START_S
        return self.child

    def keep_running(self) -> None:
        """Start it again if it died or hangs, after a pause that grows; CannotServe if it always
        fails.
        """
        self._kill_if_silent()
        if self.child is not None and self.child.exit_code() is not None:
            now = time.monotonic()
            self.failures.append(now)
            if len(self.failures) == FAILURES and now - self.failures[0] < FAILURES_WITHIN_S:
                raise CannotServe(
                    f"{self.name} failed {FAILURES} times in {FAILURES_WITHIN_S / 60:.0f} "
                    f"minutes. {self.last_words()}"
                )
            recent = sum(now - failure < FAILURES_WITHIN_S for failure in self.failures)
            words = f"{self.name} ended ({_how(self.child)}) and is started again; see {self.log}."
            print(words, file=sys.stderr, flush=True)
            self.child.stop()
            self.child = None
            self.start_at = now + BACK_OFF_S[recent - 1]
        if self.child is None and time.monotonic() >= self.start_at:
            self.start()

    def _kill_if_silent(self) -> None:
        now = time.monotonic()
        if self.child is None or now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        if self._answers():
            self._silent_at = now + SILENT_S
        elif now > self._silent_at:
            print(f"{self.name} does not answer and is killed.", file=sys.stderr, flush=True)
            self.child.kill()

    def last_words(self) -> str:
        """Where its log is, and how it ends."""
        tail = self.child.log_tail() if self.child else ""
        return f"The end of {self.log}:\n{tail}" if tail else f"Its log, {self.log}, is empty."


def _how(child: Child) -> str:
    code = child.exit_code()
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
