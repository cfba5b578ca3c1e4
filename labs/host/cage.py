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
import time
from dataclasses import dataclass
from pathlib import Path

from labs.errors import DidNotStart

CAGE_DIRECTORY = Path("/sandbox")
CAGE_TEMPLATE = Path("/template")
ROOM_FOR_TEMPORARY = 32 * 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]
_READABLE = (
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/share/postgresql",
    "/usr/share/zoneinfo",
)


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
            [
                bwrap,
                *_arguments(directory, template),
                "--info-fd",
                str(write_end),
                "--",
                "/usr/bin/sh",
                "-c",
                "echo up; exec sleep 2147483647",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[write_end],
            env={"PATH": "/usr/bin:/bin"},
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
    finally:
        os.close(write_end)
    assert process.stdout and process.stderr
    try:
        said = _read_line(process.stdout.fileno(), deadline_s)
        if said != b"up\n":
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
    arguments = [
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        "--cap-drop",
        "ALL",
        "--hostname",
        "sandbox",
    ]
    for path in _READABLE:
        if Path(path).is_dir() and not Path(path).is_symlink():
            arguments += ["--ro-bind", path, path]
    for link in ("bin", "lib", "lib32", "lib64"):
        if Path("/", link).is_symlink():
            arguments += ["--symlink", os.readlink(Path("/", link)), f"/{link}"]
        elif Path("/", link).is_dir():
            arguments += ["--ro-bind", f"/{link}", f"/{link}"]
    # Before what is shown of the checkout, which may itself lie below /tmp.
    arguments += ["--size", str(ROOM_FOR_TEMPORARY), "--tmpfs", "/tmp"]
    own = {_ROOT / "labs", Path(sys.prefix), Path(sys.base_prefix)} | {
        Path(part)
        for part in filter(None, os.environ.get("CACHEGROUND_LABS", "").split(os.pathsep))
    }
    if os.environ.get("CACHEGROUND_ENGINES"):
        own.add(Path(os.environ["CACHEGROUND_ENGINES"]))
    for extra in sorted(own):
        if extra != Path("/usr") and extra.exists():
            arguments += ["--ro-bind", str(extra), str(extra)]
    return [
        *arguments,
        "--ro-bind",
        str(template),
        str(CAGE_TEMPLATE),
        "--bind",
        str(directory),
        str(CAGE_DIRECTORY),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--size",
        str(ROOM_FOR_TEMPORARY),
        "--tmpfs",
        "/dev/shm",
        # What can be written to without a bound is memory without a bound.
        "--remount-ro",
        "/dev",
        "--remount-ro",
        "/",
        "--chdir",
        str(CAGE_DIRECTORY),
    ]


def _read_line(descriptor: int, deadline_s: float) -> bytes:
    line = b""
    end = time.monotonic() + deadline_s
    while not line.endswith(b"\n") and (left := end - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        part = os.read(descriptor, 1)
        if not part:
            break
        line += part
    return line
