"""What every measurement needs: waiting with a deadline, free ports, helper processes that end with
us.
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
from threading import Barrier, Thread
from typing import Any, TypeVar

from portal.serve.child import before_exec
from portal.settings import ROOT
from scripts.benchmarks.figures import CannotMeasure

Found = TypeVar("Found")


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


def together(count: int, work: Callable[[int], Found]) -> list[Found]:
    """What `work` returns for each number below `count`, all begun at the same moment.

    Raises CannotMeasure if one of them raised.
    """
    found: dict[int, Found] = {}
    problems: list[str] = []
    begin = Barrier(count)

    def guarded(number: int) -> None:
        begin.wait(timeout=10.0)
        try:
            found[number] = work(number)
        except (CannotMeasure, OSError, ValueError) as exc:
            problems.append(f"{type(exc).__name__}: {exc}")

    # Daemons: an interruption does not wait for them.
    threads = [Thread(target=guarded, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise CannotMeasure(f"{len(problems)} of {count} failed: {problems[0]}")
    return [found[number] for number in range(count)]


class Helper:
    """A module of this package in a process of its own: orders are lines of JSON, and so are its
    answers. Start it in the main thread.
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
        assert self._process.stdin and self._process.stdout
        self._orders, self._answers = self._process.stdin, self._process.stdout
        self._heard = b""

    def tell(self, orders: object) -> None:
        """Hand it a line."""
        try:
            self._orders.write(json.dumps(orders).encode() + b"\n")
        except OSError as exc:
            raise CannotMeasure(f"The helper {self._module} ended early") from exc

    def answer(self, within_s: float) -> Any:
        """Its next line. Raises CannotMeasure if none comes in time, or if it ends."""
        end = time.monotonic() + within_s
        while b"\n" not in self._heard:
            if not select.select([self._answers], [], [], max(0.0, end - time.monotonic()))[0]:
                raise CannotMeasure(f"The helper {self._module} said nothing for {within_s:g} s")
            data = os.read(self._answers.fileno(), 1 << 20)
            if not data:
                raise CannotMeasure(f"The helper {self._module} ended early")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._orders, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()
