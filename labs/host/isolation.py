"""Which isolation works on this machine, found by trying: build a cage, enter it, look around.

Run as a command, it is the trial itself.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from labs import linux
from labs.errors import BadInput, DidNotStart
from labs.host import cage

KINDS = ("cage", "process", "fake")
TRIAL_UID = 61_000
TRIAL_DEADLINE_S = 15.0

WHAT_IS_LACKING = {
    "cage": "",
    "process": "Sandboxes are plain processes here: other users of this machine could reach a "
    "learner's Memcached and see the processes. For one person on their own machine.",
    "fake": "Nothing real runs here: servers are states without processes.",
}


def choose(wanted: str) -> str:
    """The isolation to use: what was asked for, or with `auto` the strongest that works here.

    DidNotStart if a cage was asked for and fails.
    """
    if wanted in ("process", "fake"):
        return wanted
    if wanted not in ("auto", "cage"):
        raise BadInput(
            f"There is no isolation {wanted[:20]!r}.",
            hint="There are auto, " + ", ".join(KINDS) + ".",
        )
    problem = _problem_of_cage()
    if not problem:
        return "cage"
    if wanted == "cage":
        raise DidNotStart(
            "Cages do not work on this machine.",
            hint="Install bubblewrap and allow user namespaces, or use the isolation `process`.",
            detail=problem,
        )
    return "process"


def _problem_of_cage() -> str:
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    trial = subprocess.run(
        [sys.executable, "-m", "labs.host.isolation"],
        capture_output=True,
        text=True,
        timeout=TRIAL_DEADLINE_S,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    return (
        ""
        if trial.returncode == 0
        else (trial.stderr or trial.stdout or f"exit code {trial.returncode}")[-2000:]
    )


def _trial() -> int:
    """Zero if a process can enter a cage and finds itself alone there."""
    uid = TRIAL_UID if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o711)
        for part in ("own", "template"):
            (directory / part).mkdir()
            if uid is not None:
                os.chown(directory / part, uid, uid)
        built = cage.build(directory / "own", directory / "template", uid=uid)
        try:
            child = os.fork()
            if child == 0:
                linux.become(os.getuid() if uid is None else uid)
                linux.enter_namespaces(built.inside)
                inner = os.fork()
                if inner == 0:
                    linux.forbid_user_namespaces()
                    linux.give_up_privileges()
                    linux.refuse_calls()
                    os._exit(_look_around())
                _, status = os.waitpid(inner, 0)
                os._exit(os.waitstatus_to_exitcode(status))
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)
        finally:
            built.process.kill()
            built.process.wait()


def _look_around() -> int:
    """From inside: few processes, none of the machine's own files, a loopback of one's own, our own
    directory to write to.
    """
    if (
        len([entry for entry in os.listdir("/proc") if entry.isdigit()]) > 6
        or Path("/etc/passwd").exists()
        or Path("/tmp").stat().st_dev == Path("/usr").stat().st_dev
    ):
        return 11
    (cage.CAGE_DIRECTORY / "mark").write_text("x")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 6379))
        listener.listen(1)
        socket.create_connection(listener.getsockname(), timeout=1.0).close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(_trial())
    except DidNotStart as exc:
        sys.exit(f"{exc} {exc.detail}")
