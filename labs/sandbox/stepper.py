"""One request in slow motion: the strategy's own text, traced while it runs, held before each
statement until it may go on.

The trace function blocks in the request's own thread; that is the step. Lines are lit from
`sys.settrace`, never annotated by hand.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from labs.errors import NotNow
from labs.source import Source, source_of

STEP_DEADLINE_S = 120.0


class Stepper:
    """Runs one call at a time; `next` lets it run to its next statement, `finish` to its end.

    A request that is left standing for two minutes runs to its end by itself: it may hold
    connections.
    """

    def __init__(self, *, on_line: Callable[[int, int], None]) -> None:
        self._on_line = on_line
        self._lock = threading.Lock()
        self._go = threading.Semaphore(0)
        self._moved = threading.Condition()
        self._moves = 0
        self._running = False
        self._free = False

    @property
    def running(self) -> bool:
        """True while a request stands or runs."""
        return self._running

    def start(self, function: Callable[..., object], call: Callable[[], None]) -> None:
        """Run `call` in a thread and stop before the first statement of `function` in it.

        Returns when it stands there.
        """
        source = source_of(function)
        with self._lock:
            if self._running:
                raise NotNow(
                    "A request in slow motion is not finished.",
                    hint="Press “Run to the end” in the tab Step first.",
                )
            self._running, self._free = True, False
            while self._go.acquire(blocking=False):
                pass
        before = self._moves
        threading.Thread(
            target=self._run,
            args=(function.__code__, source, call),
            name="stepped request",
            daemon=True,
        ).start()
        self._wait_for_move(before)

    def next(self) -> None:
        """Let the request run to its next statement; returns when it stands there or is over.

        NotNow if there is none.
        """
        if not self._running:
            raise NotNow("No request is being stepped.", hint="Start one first.")
        before = self._moves
        self._go.release()
        self._wait_for_move(before)

    def finish(self) -> None:
        """Let the request run to its end; harmless if there is none."""
        if not self._running:
            return
        self._free = True
        self._go.release()
        with self._moved:
            self._moved.wait_for(lambda: not self._running, timeout=10.0)

    def _run(self, code: CodeType, source: Source, call: Callable[[], None]) -> None:
        statements = source.statements
        first_line = code.co_firstlineno
        standing: list[tuple[int, int]] = []

        def trace(frame: FrameType, event: str, _arg: Any) -> Any:
            if frame.f_code is not code:
                return None
            if event == "line":
                line = frame.f_lineno - first_line + 1
                span = statements.get(line, (line, line))
                if not standing or standing[-1] != span:
                    standing.append(span)
                    self._stand(span)
            return trace

        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(None)
            self._running = False
            self._move()

    def _stand(self, span: tuple[int, int]) -> None:
        if self._free:
            return
        self._on_line(*span)
        self._move()
        if not self._go.acquire(timeout=STEP_DEADLINE_S):
            self._free = True

    def _move(self) -> None:
        with self._moved:
            self._moves += 1
            self._moved.notify_all()

    def _wait_for_move(self, before: int) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._moves > before, timeout=10.0)
