"""The places of this checkout, and how a set-up runs commands and prints."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
STAMP = VENV / "installed"
ENGINES = ROOT / "var/engines"
COMPOSE = ROOT / "var/tools/docker-compose"
LOG = ROOT / "var/log/setup.log"


class CannotInstall(Exception):
    """Something is missing that this machine, or this user, can't install; the text says why."""


def base_python() -> str:
    """The Python that an environment here is made with."""
    return os.path.realpath(sys.executable)


def say(line: str) -> None:
    """Print a line for the person who waits."""
    print(line, flush=True)


def run(command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command with its output in the log; raises CalledProcessError."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a") as log:
        print("$", *command, file=log, flush=True)
        subprocess.run(
            command,
            check=True,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def log_tail(lines: int = 15) -> str:
    """The end of the log."""
    with contextlib.suppress(OSError):
        return "\n".join(LOG.read_text(errors="replace").splitlines()[-lines:])
    return ""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold off a second set-up of the same checkout."""
    (ROOT / "var").mkdir(exist_ok=True)
    with (ROOT / "var/setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
