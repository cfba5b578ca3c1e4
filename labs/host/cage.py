"""A cage: bubblewrap's namespaces, held open by a process that sleeps, for an agent to enter.

Killing it kills all that is inside.

What is inside is listed here and nothing else is: the engines, the interpreter, our own labs, one
directory, one loopback.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from labs.environment import FOR_SERVERS
from labs.errors import DidNotStart

CAGE_DIRECTORY = Path("/sandbox")
CAGE_TEMPLATE = Path("/template")
ROOM_FOR_TEMPORARY = 32 * 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]
_HOLD_OPEN = ("--", "/usr/bin/sh", "-c", "echo up; exec sleep 2147483647")
_READABLE = [
    Path("/usr", folder)
    for folder in ("bin", "lib", "lib32", "lib64", "share/postgresql", "share/zoneinfo")
]


@dataclass(frozen=True, slots=True)
class Cage:
    """A cage in use: the process to wait for and kill, and the pid whose namespaces are the
    cage's.
    """

    process: subprocess.Popen[bytes]
    inside: int


def build(directory: Path, template: Path, *, uid: int | None, deadline_s: float = 5.0) -> Cage:
    """A cage around one directory, as the user `uid` (None: oneself).

    Dies with the calling thread. Raises DidNotStart.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise DidNotStart("bubblewrap is not installed.", hint="Install the package bubblewrap.")
    information, write_end = os.pipe()
    try:
        process = subprocess.Popen(
            [bwrap, *_arguments(directory, template), "--info-fd", str(write_end), *_HOLD_OPEN],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[write_end],
            env=FOR_SERVERS,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
    finally:
        os.close(write_end)
    assert process.stdout and process.stderr
    try:
        # One write of the shell, so one read; nothing if bwrap ended.
        ready, _, _ = select.select([process.stdout], [], [], deadline_s)
        if not ready or os.read(process.stdout.fileno(), 16) != b"up\n":
            process.kill()
            raise DidNotStart(
                "The cage could not be built.",
                detail=process.stderr.read(4000).decode(errors="replace"),
            )
        inside = int(json.loads(os.read(information, 4096))["child-pid"])
    finally:
        os.close(information)
        process.stdout.close()
        process.stderr.close()
    return Cage(process, inside)


def _arguments(directory: Path, template: Path) -> list[str]:
    arguments = ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    arguments += ["--cap-drop", "ALL", "--hostname", "sandbox"]
    for path in _READABLE:
        if path.is_dir() and not path.is_symlink():
            arguments += ["--ro-bind", str(path), str(path)]
    for link in ("bin", "lib", "lib32", "lib64"):
        if Path("/", link).is_symlink():
            arguments += ["--symlink", os.readlink(Path("/", link)), f"/{link}"]
        elif Path("/", link).is_dir():
            arguments += ["--ro-bind", f"/{link}", f"/{link}"]
    # Before what is shown of the checkout, which may itself lie below /tmp.
    arguments += ["--size", str(ROOM_FOR_TEMPORARY), "--tmpfs", "/tmp"]
    named = os.environ.get("CACHEGROUND_LABS", "").split(os.pathsep)
    named.append(os.environ.get("CACHEGROUND_ENGINES", ""))
    own = {_ROOT / "labs", Path(sys.prefix), Path(sys.base_prefix)}
    for extra in sorted(own | {Path(name) for name in named if name}):
        if extra != Path("/usr") and extra.exists():
            arguments += ["--ro-bind", str(extra), str(extra)]
    arguments += ["--ro-bind", str(template), str(CAGE_TEMPLATE)]
    arguments += ["--bind", str(directory), str(CAGE_DIRECTORY)]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--size", str(ROOM_FOR_TEMPORARY), "--tmpfs", "/dev/shm"]
    # What can be written to without a bound is memory without a bound.
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/"]
    return [*arguments, "--chdir", str(CAGE_DIRECTORY)]
