"""What the figures were measured on: the machine, how busy it is, and the versions."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import time
from pathlib import Path

import psutil

from labs.engines import binaries
from labs.errors import LabsError
from portal.settings import ROOT

PROGRAMS = ("redis-server", "redis-benchmark", "memcached", "postgres", "bwrap")


def facts() -> dict[str, str]:
    """By name, in the order in which they are printed."""
    memory = psutil.virtual_memory()
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} GiB of it free",
        "system": f"{_distribution()}, kernel {platform.release()}, {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "engines": ", ".join(filter(None, map(_version, PROGRAMS))),
        "checkout": _commit(),
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
        "load average": "at the start " + " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _distribution() -> str:
    with contextlib.suppress(OSError, KeyError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return platform.system()


def _version(name: str) -> str:
    try:
        said = _said([str(binaries.find(name)), "--version"])
    except LabsError:
        return f"no {name}"
    version = re.search(r"\b(?:v=)?(\d\S*)", said)
    return f"{name} {version[1]}" if version else ""


def _commit() -> str:
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    commit = _said([*git, "log", "-1", "--format=%h of %cs"])
    changed = _said([*git, "status", "--porcelain", "--untracked-files=no"])
    return (commit or "no commit") + (", with changes" if changed else "")


def _said(command: list[str]) -> str:
    environment = {**os.environ, **binaries.environment()}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True, env=environment
        ).stdout.strip()
    return ""
