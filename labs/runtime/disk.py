"""What of a server's files would survive a loss of power: only what was synced. Noted while the server runs, put into effect by `cut`.

What is modelled: a synced file keeps its length of that moment; what was appended later is lost. A file that was never synced is lost, or empty if only its name was synced. Syncing a file makes its present name durable,
and the folders above it, as ext4, XFS and Btrfs do. Making, renaming and removing are durable with the sync of their folder: until then the old names, with the old contents, come back.
What is not: a file that is written in place or through a mapping (only its length is known), the kernel's own writing back after some 30 s (nothing unsynced counts as safe: the worst case), a disk that lies about its own cache, torn sectors.
Starts nothing and hears nothing itself.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cut:
    """What a loss of power did to one file: its length before and after, in bytes; a file that is gone has 0 after."""

    path: str
    before: int
    after: int
    gone: bool = False


class Disk:
    """The files below `root`. `shelf`, on the same file system and not below it, holds a second name of every file that is durable, so that one which was renamed over can come back. Any thread may call."""

    def __init__(self, root: Path, shelf: Path) -> None:
        self.root = root
        self.problem = ""
        """Why nothing is noted, in words; empty if all is well."""
        self._shelf = shelf
        self._lock = threading.Lock()
        self._names: dict[str, int] = {}
        self._folders: set[str] = {""}
        self._lengths: dict[int, int] = {}
        self._syncs = 0
        for folder in (root, shelf):
            folder.mkdir(mode=0o700, exist_ok=True)
        self._all_durable()

    @property
    def syncs(self) -> int:
        """How many times something below `root` was synced since this was made."""
        with self._lock:
            return self._syncs

    def lengths(self, path: Path) -> tuple[int, int]:
        """A file's length now and what of it is durable, in bytes; zeros where there is none."""
        with self._lock:
            try:
                found = path.stat()
            except OSError:
                return 0, 0
            return found.st_size, min(found.st_size, self._lengths.get(found.st_ino, 0) if self._names.get(self._within(str(path)) or "") == found.st_ino else 0)

    def note(self, target: str, found: os.stat_result) -> None:
        """A file or a folder is being synced: `target` is its name now, `found` what it is."""
        within = self._within(target)
        if within is None:
            return
        with self._lock:
            self._syncs += 1
            if stat.S_ISDIR(found.st_mode):
                self._folders.update(_above(within), {within})
                self._durable_names(within)
            elif stat.S_ISREG(found.st_mode) and not target.endswith(" (deleted)"):
                self._lengths[found.st_ino] = found.st_size
                self._durable_name(within, found.st_ino)

    def note_all(self) -> None:
        """Everything is being synced, as by sync(2)."""
        with self._lock:
            self._syncs += 1
            self._all_durable()

    def cut(self) -> list[Cut]:
        """Take away what is not durable. The server must be dead."""
        with self._lock:
            return self._cut()

    def clear(self) -> None:
        """An empty disk. The server must be dead."""
        with self._lock:
            for folder in (self.root, self._shelf):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(mode=0o700, exist_ok=True)
            self._names, self._folders, self._lengths = {}, {""}, {}

    def _cut(self) -> list[Cut]:
        done = []
        for folder, folders, files in os.walk(self.root, topdown=False):
            for name in files:
                path = Path(folder, name)
                within = str(path.relative_to(self.root))
                found = path.lstat()
                if self._names.get(within) != found.st_ino:
                    path.unlink()
                    if within not in self._names:
                        done.append(Cut(within, found.st_size, 0, gone=True))
            for name in folders:
                path = Path(folder, name)
                if str(path.relative_to(self.root)) not in self._folders:
                    shutil.rmtree(path, ignore_errors=True)
        for within in sorted(self._folders):
            (self.root / within).mkdir(mode=0o700, parents=True, exist_ok=True)
        for within, inode in sorted(self._names.items()):
            path = self.root / within
            if not path.exists():
                os.link(self._shelf / str(inode), path)
            before, after = path.stat().st_size, self._lengths.get(inode, 0)
            if before > after:
                os.truncate(path, after)
                done.append(Cut(within, before, after))
            self._lengths[inode] = min(before, after)
        return done

    def _all_durable(self) -> None:
        self._folders |= {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_dir()}
        for path in self.root.rglob("*"):
            if path.is_file():
                found = path.stat()
                self._lengths[found.st_ino] = found.st_size
        for within in sorted(self._folders):
            self._durable_names(within)

    def _durable_name(self, within: str, inode: int) -> None:
        if self._names.get(within) == inode:
            return
        if self._keep(within, inode):
            # A file that was renamed is found under its new name: the old one is another's, or nobody's.
            for name in [name for name, held in self._names.items() if held == inode]:
                del self._names[name]
            self._names[within] = inode
            self._folders.update(_above(within))
            self._tidy()

    def _durable_names(self, folder: str) -> None:
        """The names in one folder are durable as they are now."""
        there: dict[str, int] = {}
        folders = set()
        try:
            for entry in os.scandir(self.root / folder):
                within = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.add(within)
                elif entry.is_file(follow_symlinks=False) and self._keep(within, entry.inode()):
                    there[within] = entry.inode()
        except FileNotFoundError:
            return
        for name in [name for name in self._names if os.path.dirname(name) == folder]:
            del self._names[name]
        gone = {name for name in self._folders if name and os.path.dirname(name) == folder} - folders
        self._folders = {name for name in self._folders if not any(name == one or name.startswith(one + "/") for one in gone)} | folders
        # What was renamed into this folder has left the one that it came from.
        moved = set(there.values())
        self._names = {name: inode for name, inode in self._names.items() if inode not in moved and not any(name.startswith(one + "/") for one in gone)} | there
        self._tidy()

    def _keep(self, within: str, inode: int) -> bool:
        """Give a file a second name on the shelf. False if it is not that file any more."""
        kept = self._shelf / str(inode)
        try:
            if not kept.exists():
                os.link(self.root / within, kept)
            if kept.stat().st_ino == inode:
                return True
            kept.unlink()
        except FileNotFoundError:
            pass
        return False

    def _tidy(self) -> None:
        """Take from the shelf what no name leads to, durable or not."""
        held = set(self._names.values())
        for kept in self._shelf.iterdir():
            if int(kept.name) not in held and kept.stat().st_nlink == 1:
                kept.unlink(missing_ok=True)
                self._lengths.pop(int(kept.name), None)

    def _within(self, target: str) -> str | None:
        """A name relative to `root`; None if it is outside."""
        if target == str(self.root):
            return ""
        return os.path.relpath(target, self.root) if target.startswith(f"{self.root}/") else None


def _above(within: str) -> set[str]:
    """The folders that a name lies in, below the root."""
    parts = within.split("/")[:-1]
    return {"/".join(parts[: index + 1]) for index in range(len(parts))}
