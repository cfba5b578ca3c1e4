"""Whatever a measurement runs beside itself: waiting with a deadline, free ports, helper processes
that end with us.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from portal.serve.child import before_exec
from portal.settings import ROOT
from scripts.benchmarks.figures import CannotMeasure


def wait_until(
    true: Callable[[], bool], within_s: float, what: str, *, every_s: float = 0.01
) -> None:
    """Return as soon as it is true. Raises CannotMeasure when the time is over."""
    end = time.monotonic() + within_s
    while not true():
        if time.monotonic() > end:
            raise CannotMeasure(f"{what} did not come true within {within_s:g} s")
        time.sleep(every_s)


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Helper:
    """A module of this package in a process of its own: told what to do in a line of JSON, it
    answers in lines of JSON. Start it in the main thread.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"scripts.benchmarks.{module}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            preexec_fn=before_exec(signal.SIGKILL),
        )
        self._heard = b""

    def tell(self, orders: object) -> None:
        """Hand it a line."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(orders).encode() + b"\n")
        except OSError as exc:
            raise CannotMeasure(f"The helper {self._module} ended early") from exc

    def answer(self, within_s: float) -> Any:
        """Its next line. Raises CannotMeasure if it says nothing in time, or ends."""
        assert self._process.stdout is not None
        end = time.monotonic() + within_s
        while b"\n" not in self._heard:
            if not select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))[
                0
            ]:
                raise CannotMeasure(f"The helper {self._module} said nothing for {within_s:g} s")
            data = os.read(self._process.stdout.fileno(), 1 << 20)
            if not data:
                raise CannotMeasure(f"The helper {self._module} ended early")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def __enter__(self) -> Helper:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()
