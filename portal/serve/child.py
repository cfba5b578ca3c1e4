"""A child process that can't outlive its parent: own process group, own log, a parent-death signal,
an end with a deadline.

The kernel ties the parent-death signal to the thread that spawned, so children are started from the
main thread only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a child is started and how it is ended. `uid` None: the user that starts it."""

    name: str
    argv: Sequence[str | Path]
    environment: Mapping[str, str]
    directory: Path
    uid: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_s: float = 5.0
    death_signal: signal.Signals = signal.SIGKILL
    inherited: tuple[int, ...] = ()


class Child:
    """One run of a launch. `stop` returns only when it is dead."""

    def __init__(self, launch: Launch, log: Path) -> None:
        self.launch = launch
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(launch.argv),
                cwd=launch.directory,
                env=dict(launch.environment),
                pass_fds=launch.inherited,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=before_exec(
                    launch.death_signal, no_new_privileges=launch.uid is not None
                ),
                **as_user(launch.uid),
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it lives; never blocks."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send the polite signal, and wake it should it be paused."""
        self._process.send_signal(self.launch.stop_signal)
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once; its own children end with it."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it: politely, then by force with all of its group."""
        self.ask_to_stop()
        try:
            self._process.wait(self.launch.stop_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def log_tail(self, lines: int = 20) -> str:
        """The end of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def as_user(uid: int | None) -> dict[str, Any]:
    """What subprocess needs to run a program as this user with no group of ours."""
    if uid is None or os.geteuid() != 0:
        return {}
    return {"user": uid, "group": uid, "extra_groups": []}


def before_exec(
    death_signal: signal.Signals, *, no_new_privileges: bool = False
) -> Callable[[], None]:
    """What a child does before exec: after the change of its user, which clears that signal."""
    parent = os.getpid()

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        die_with_parent(parent, death_signal)
        if no_new_privileges and _libc is not None:
            _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)

    return prepare


def die_with_parent(parent: int, death_signal: signal.Signals) -> None:
    """Have the kernel send this signal when the parent of this id ends; end if it has already."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() not in (parent, 0):
        os._exit(1)
