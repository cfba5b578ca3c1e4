"""What a killed Postgres leaves in the kernel outside of a cage: a segment of shared memory, which
goes with no process and no file. A machine has 4,096 of them, then no Postgres starts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from labs import linux

_TABLE = Path("/proc/sysvipc/shm")


def clear_user(uid: int) -> None:
    """Remove those of a user that no process is attached to."""
    _remove(segment for segment, owner in _unattached() if owner == uid)


def clear_below(directory: Path) -> None:
    """Remove those of the databases below a sandbox's directory, by what their own files say; of a
    directory that is gone, or goes meanwhile, none.
    """
    files, named = list[Path](), set()
    with contextlib.suppress(OSError):
        files.extend(directory.glob("*/data/postmaster.pid"))
    for file in files:
        with contextlib.suppress(OSError, ValueError, IndexError):
            named.add(int(file.read_text().splitlines()[6].split()[1]))
    if named:
        _remove(segment for segment, _ in _unattached() if segment in named)


def _remove(segments: Iterator[int]) -> None:
    for segment in segments:
        with contextlib.suppress(OSError):
            linux.remove_shared_memory(segment)


def _unattached() -> Iterator[tuple[int, int]]:
    """The segments without a process, each with its owner."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _TABLE.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[6] == "0":
                yield int(fields[1]), int(fields[7])
