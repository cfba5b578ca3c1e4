"""The one loop of a client: wait for the next request or a message, make the request, report.

Every client of every kind of load runs it in a process of its own.
"""

from __future__ import annotations

import contextlib
import gc
import math
import signal
import time
from multiprocessing.connection import Connection

from labs.load.batches import BATCH_S
from labs.load.commits import Commits
from labs.load.program import Program, WorkloadSpec


def serve(spec: WorkloadSpec, pipe: Connection, commits: Commits) -> None:
    """Run a client until the pipe has a stop. Takes over the process: no garbage collection, and
    SIGTERM ends it.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.disable()
    run(spec.program(commits), pipe, requests=spec.requests)


def run(program: Program, pipe: Connection, *, requests: int = 0) -> None:
    """Make requests when they are due, and send a batch ten times a second.

    A `WorkloadSpec` on the pipe is new settings; anything else ends the loop.
    """
    left: float = requests or math.inf
    batch_due = time.monotonic() + BATCH_S
    while True:
        now = time.monotonic()
        if now >= batch_due:
            _send(program, pipe)
            batch_due = now + BATCH_S
        wake_at = min(program.due, batch_due) if left else batch_due
        if pipe.poll(max(0.0, wake_at - now)):
            message = _received(pipe)
            _send(program, pipe)
            if not isinstance(message, WorkloadSpec):
                break
            program.reconfigure(message)
            continue
        now = time.monotonic()
        if left and now >= program.due:
            left -= 1
            program.once(now)
            if not left:
                # The controller waits for the last request: report it at once.
                _send(program, pipe)
    program.close()
    pipe.close()


def _received(pipe: Connection) -> object:
    try:
        return pipe.recv()
    except EOFError:
        return None  # the agent has ended, and so does its load


def _send(program: Program, pipe: Connection) -> None:
    batch = program.take_batch()
    with contextlib.suppress(BrokenPipeError):
        pipe.send(batch)
