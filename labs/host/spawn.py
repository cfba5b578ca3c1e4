"""Has sandboxes started by the zygote, the warm process that every sandbox is forked from."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path

from labs.errors import DidNotStart, from_data

READY_DEADLINE_S = 20.0
SPAWN_DEADLINE_S = 5.0
"""From a request to the fork. A zygote forks in some milliseconds, or hangs."""
END_DEADLINE_S = 5.0
PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH"),
    *("CACHEGROUND_ENGINES", "CACHEGROUND_LABS"),
)
"""Of our environment, to the processes that become sandboxes: neither the addresses of the
portal's servers nor their passwords.
"""


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """One sandbox to start. `uid` is None where everything belongs to the ordinary user."""

    sandbox: str
    slot: int
    uid: int | None
    isolation: str
    directory: str
    template: str


class Zygote:
    """The warm process. Call `on_readable` when there is something to read on `control`.

    `on_started` is called with a request's `sandbox` and its monitor's pid, `on_ended` with the
    status with which that monitor ended.
    """

    def __init__(
        self,
        on_started: Callable[[str, int], None],
        on_ended: Callable[[str, int], None],
        *,
        isolation: str,
        layers: Path,
        template: Path,
    ) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._on_started, self._on_ended = on_started, on_ended
        self.control.settimeout(SPAWN_DEADLINE_S)
        with theirs:
            ours = str(theirs.fileno()), str(os.getpid())
            self._process = subprocess.Popen(
                [sys.executable, "-m", "labs.host.zygote", *ours, isolation, layers, template],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).resolve().parents[2],
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            )
        self._started_at = time.monotonic()
        self._ready: Future[None] = Future()
        self.isolation = ""
        """What it found: cage or process. Known when it is ready."""
        self.room: Path | None = None
        """Where each sandbox has its own memory file system; None if they have none."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """True if its process is gone, and all its sandboxes with it."""
        return self._process.poll() is not None

    @property
    def is_ready(self) -> bool:
        """True if it was warm at some time, and its process is there."""
        ready = self._ready.done() and self._ready.exception() is None
        return ready and not self.has_ended

    @property
    def is_overdue(self) -> bool:
        """True if it should have been warm long ago."""
        waited_s = time.monotonic() - self._started_at
        return not self._ready.done() and waited_s >= READY_DEADLINE_S

    def wait_ready(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Return when it is warm; DidNotStart if it isn't in time, or found no isolation."""
        try:
            self._ready.result(deadline_s)
        except TimeoutError:
            raise DidNotStart("The labs were not ready in time to start servers.") from None

    def spawn(self, request: SpawnRequest, agent_end: socket.socket) -> None:
        """Ask for a sandbox whose agent speaks through this socket; closes it here.

        Raises OSError if the zygote is gone, or takes no requests.
        """
        with agent_end:
            socket.send_fds(
                self.control, [json.dumps(asdict(request)).encode()], [agent_end.fileno()]
            )

    def on_readable(self) -> bool:
        """Take one message; False at the end of the stream."""
        with contextlib.suppress(OSError):
            if data := self.control.recv(64 * 1024):
                message = json.loads(data)
                if "ready" in message:
                    self.isolation = message["isolation"]
                    self.room = Path(message["room"]) if message["room"] else None
                    self._ready.set_result(None)
                elif "failed" in message:
                    self._ready.set_exception(from_data(message["failed"]))
                elif "started" in message:
                    self._on_started(message["started"], message["monitor"])
                else:
                    self._on_ended(message["ended"], message["status"])
                return True
        if not self._ready.done():
            problem = DidNotStart("The labs could not start servers: they were ending.")
            self._ready.set_exception(problem)
        return False

    def close(self) -> None:
        """End it. Its sandboxes end with it."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(timeout=END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, even if it hangs. Its sandboxes end with it."""
        self._process.kill()
        self._process.wait(timeout=END_DEADLINE_S)
