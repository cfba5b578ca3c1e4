"""Where the shop's template is built: one build of a target at a time, and nothing stays of one
that was killed.

The lock file of a target names the directory that a build works in, before there is one. The next
build removes what it names, and so does a site when it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


def template_directory() -> Path:
    """Where this site's template is or will be: `CACHEGROUND_TEMPLATE`, else var/template of the
    checkout. The path is absolute, for a zygote works in another directory.
    """
    usual = Path(__file__).resolve().parents[2] / "var" / "template"
    return Path(os.environ.get("CACHEGROUND_TEMPLATE") or usual).absolute()


@contextlib.contextmanager
def alone(target: Path) -> Iterator[TextIO]:
    """The lock file of a target, locked: no other process builds there while the block runs. What a
    build that was killed left is gone.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock_file(target).open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_named(lock)
        yield lock


@contextlib.contextmanager
def room(lock: TextIO) -> Iterator[Path]:
    """A directory to build in while the block runs, named in the lock file. In /tmp: the user that
    builds may not be able to look into the directories above a target.
    """
    directory = Path("/tmp", f"cg-shop-{secrets.token_hex(8)}")
    lock.write(str(directory))
    lock.flush()
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        _remove_named(lock)


def remove_unfinished(target: Path) -> None:
    """Remove what a build of this target left that was killed. Leaves a build alone that runs."""
    with contextlib.suppress(OSError), _lock_file(target).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove_named(lock)


def _lock_file(target: Path) -> Path:
    return target.parent / f".{target.name}.lock"


def _remove_named(lock: TextIO) -> None:
    lock.seek(0)
    if named := lock.read():
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(named)
        lock.truncate(0)
