"""What sandboxes use of the machine: memory and disk, looked at from outside."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

FILES = 50_000
LEAST_ON_DISK = 32 * 1024 * 1024
"""Bytes. Postgres writes its log in files of 16 MiB, and ends when it can't."""
PAGE = resource.getpagesize()


def resident(monitors: Mapping[int, int | None]) -> dict[int, int]:
    """Bytes of resident memory of each sandbox, by the pid of its monitor; shared pages count in
    full. `monitors` names the user of each, None where all have the same.

    One pass over /proc for all of them.
    """
    if None in monitors.values():
        return resident_below(monitors)
    by_uid = resident_by_uid()
    return {pid: by_uid.get(uid, 0) for pid, uid in monitors.items() if uid is not None}


def resident_by_uid() -> dict[int, int]:
    """Bytes of resident memory of each user's processes."""
    found: dict[int, int] = defaultdict(int)
    for entry in _processes():
        with contextlib.suppress(OSError, IndexError):
            uid = entry.stat().st_uid
            found[uid] += int(Path(entry.path, "statm").read_bytes().split()[1]) * PAGE
    return found


def resident_below(heads: Iterable[int]) -> dict[int, int]:
    """Bytes of resident memory of each of these processes and of all below it."""
    parents, used = {}, {}
    for entry in _processes():
        with contextlib.suppress(OSError, IndexError):
            # After the name, which may hold anything: the state, the parent, and 20 further on the
            # resident pages.
            fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
            parents[int(entry.name)] = int(fields[1])
            used[int(entry.name)] = int(fields[21]) * PAGE
    found = dict.fromkeys(heads, 0)
    for pid, size in used.items():
        above = pid
        while above and above not in found:
            above = parents.get(above, 0)
        if above:
            found[above] += size
    return found


def processes_of(uid: int) -> list[int]:
    """The pids of all processes of a user, but for those that have ended and wait to be reaped."""
    found = []
    for entry in _processes():
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == uid and not _has_ended(entry.path):
                found.append(int(entry.name))
    return found


def pss(pid: int) -> int:
    """Proportional set size of a process in bytes; 0 if it is gone."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def disk(directory: Path) -> int:
    """Bytes on the disk of all files below a directory.

    More than FILES files count as bytes without end.
    """
    used = files = 0
    for folder, _, names in os.walk(directory):
        files += 1 + len(names)
        if files > FILES:
            return sys.maxsize
        for name in names:
            with contextlib.suppress(OSError):
                used += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return used


def free_on_disk(directory: Path) -> int:
    """Bytes that an ordinary user may still write below a directory, or where it would be made."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def disk_is_full(directory: Path) -> bool:
    """True if a server could be unable to write there at any moment. False where that can't be
    seen.
    """
    try:
        return free_on_disk(directory) < LEAST_ON_DISK
    except OSError:
        return False


def _processes() -> Iterator[os.DirEntry[str]]:
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield entry


def _has_ended(path: str) -> bool:
    state = Path(path, "stat").read_bytes().rpartition(b")")[2].split()[0]
    return state in (b"Z", b"X")
