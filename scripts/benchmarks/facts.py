"""What the figures were measured on: the machine, what runs on it beside us, and the versions."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

import psutil

from labs.engines import binaries
from labs.errors import LabsError
from portal.settings import ROOT

PROGRAMS = {
    "redis-server": "--version",
    "redis-benchmark": "--version",
    "memcached": "--version",
    "postgres": "--version",
    "bwrap": "--version",
}


def facts() -> dict[str, str]:
    """By name, in the order in which they are printed."""
    memory = psutil.virtual_memory()
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} GiB of it free",
        "system": f"{_distribution()}, kernel {platform.release()}, {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "engines": ", ".join(
            filter(None, (_version(name, option) for name, option in PROGRAMS.items()))
        ),
        "checkout": _commit(),
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
        "load average": "at the start " + " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _processor() -> str:
    for line in (
        Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        if Path("/proc/cpuinfo").exists()
        else []
    ):
        if line.lower().startswith(("model name", "hardware")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _version(name: str, option: str) -> str:
    try:
        said = _said([str(binaries.find(name)), option])
    except LabsError:
        return f"no {name}"
    words = [
        word.removeprefix("v=") for word in said.split() if word.removeprefix("v=")[:1].isdigit()
    ]
    return f"{name} {words[0]}" if words else ""


def _commit() -> str:
    commit = _said(
        ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "log", "-1", "--format=%h of %cs"]
    )
    changed = _said(
        [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "-C",
            str(ROOT),
            "status",
            "--porcelain",
            "--untracked-files=no",
        ]
    )
    return (commit or "no commit") + (", with changes" if changed else "")


def _said(command: list[str]) -> str:
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env={**os.environ, **binaries.environment()},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
