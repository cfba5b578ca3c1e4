"""Which isolation works on this machine, found by trying: build a cage, enter it, look around."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from labs import linux
from labs.errors import BadInput, DidNotStart
from labs.host import cage

KINDS = ("cage", "process", "fake")
TRIAL_UID = 61_000
TRIAL_DEADLINE_S = 15.0
BELOW = "/12345678/database/data/.s.PGSQL.32000"
"""The longest path that a sandbox has below the directory of sandboxes. In a cage it is short
wherever the cage lies.
"""


def check(wanted: str) -> None:
    """Raise BadInput for a word that is no isolation."""
    if wanted not in ("auto", *KINDS):
        raise BadInput(
            f"There is no isolation {wanted[:20]!r}.",
            hint="There are auto, " + ", ".join(KINDS) + ".",
        )


def check_sockets(directory: Path, isolation: str) -> None:
    """Raise DidNotStart if sandboxes in this directory can have no sockets."""
    length, most = len(os.fsencode(directory.absolute())), linux.LONGEST_SOCKET - len(BELOW)
    if isolation == "process" and length > most:
        raise DidNotStart(
            f"The path {directory.absolute()} is too long for the sockets of sandboxes, which are "
            f"no cages here: it has {length} bytes, and may have {most}.",
            hint="Move the checkout, or set CACHEGROUND_STATE to a shorter path.",
        )


def choose(wanted: str) -> str:
    """The isolation to use: what was asked for, or with `auto` the strongest that works here.

    DidNotStart if a cage was asked for and fails. Call it in a process with one thread.
    """
    check(wanted)
    if wanted in ("process", "fake"):
        return wanted
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
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _try(writing)
    os.close(writing)
    text = _read_all(reading, TRIAL_DEADLINE_S)
    os.close(reading)
    if text is None:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "" if code == 0 else (text or f"exit code {code}")[-2000:]


def _try(output: int) -> NoReturn:
    """The trial in a process of its own; what goes wrong is written to `output`."""
    code = 1
    try:
        os.dup2(output, 2)
        code = _trial()
    except DidNotStart as exc:
        os.write(2, f"{exc} {exc.detail}".encode())
    except BaseException:  # noqa: BLE001 - the edge of a process: nothing is above
        sys.excepthook(*sys.exc_info())
    os._exit(code)


def _read_all(descriptor: int, deadline_s: float) -> str | None:
    """What is written until the other end is closed; None if it isn't in time."""
    text, end = b"", time.monotonic() + deadline_s
    while select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
        part = os.read(descriptor, 4096)
        if not part:
            return text.decode(errors="replace")
        text += part
    return None


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
