"""A backup and the result of a restore from it: their values, and what can be read from their
files.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from labs.engines.dataset import Dataset
from labs.events import Value
from labs.setups.changes.bench import SHORT
from labs.setups.changes.losses import Loss

_REFUSAL = re.compile(
    "Wrong RDB|Short read|Internal error in RDB|RDB ERROR|Can't|Fatal|Wrong signature|"
    "Bad file format"
)


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as the list of backups has it.

    `digest` is that of the data, empty if something was written before the snapshot began; `began`
    and `ended` are monotonic seconds; `written` are the changes that were acknowledged between
    them.
    """

    name: str
    status: str
    taken: str
    engine: str = ""
    keys: int = 0
    size: int = 0
    sha256: str = ""
    digest: str = ""
    loaded: bool = False
    began: float = 0.0
    ended: float = 0.0
    fork_ms: float = 0.0
    cow: int = 0
    memory: int = 0
    written: int = 0
    copy_of: str = ""
    experiment: bool = False

    @property
    def cow_percent(self) -> float:
        """The memory that was copied for it, as a share of what the server used."""
        return 100 * self.cow / self.memory if self.memory else 0.0

    @property
    def row(self) -> dict[str, Value]:
        """Its row in the table of the backups."""
        row: dict[str, Value] = {
            "backup": self.name,
            "status": self.status,
            "taken": self.taken,
            "engine": self.engine,
            "under_load": "written to" if self.loaded else "quiet",
        }
        if self.status in ("available", "restoring"):
            row |= {
                "keys": self.keys,
                "size_kb": round(self.size / 1024, 1),
                "sha256": self.sha256[:SHORT],
                "digest": self.digest[:SHORT] or "not taken",
                "seconds": round(self.ended - self.began, 3),
                "fork_ms": round(self.fork_ms, 2),
                "cow_kb": round(self.cow / 1024),
                "cow_percent": round(self.cow_percent, 1),
                "written": self.written,
            }
        return row


@dataclass(frozen=True, slots=True)
class Restored:
    """A cluster that was started from a backup (`new`), and the cluster that lost its data: `old`
    is what that cluster held before, `old_keys` how many keys it has now.
    """

    backup: Backup
    file_sha256: str
    old_address: str
    new_address: str
    old_pids: tuple[int, int]
    old: Dataset
    old_keys: int
    new: Dataset
    ready_s: float
    loss: Loss


@dataclass(frozen=True, slots=True)
class Refused:
    """A backup that a server did not start from, and why, in the server's own words."""

    backup: Backup
    file_sha256: str
    words: tuple[str, ...]
    state: str


def sha256_of(file: Path) -> str:
    """The digest of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def stamp(file: Path) -> tuple[int, int, int]:
    """A value that changes when a file is replaced or written to."""
    status = os.stat(file)
    return status.st_ino, status.st_size, status.st_mtime_ns


def refusal(log: list[str]) -> tuple[str, ...]:
    """The lines of a server's log that say why it did not start, without their time and their
    process id.
    """
    last = max(
        (number for number, line in enumerate(log) if "Server initialized" in line), default=0
    )
    return tuple(line.partition(" # ")[2] or line for line in log[last:] if _REFUSAL.search(line))[
        :4
    ]
