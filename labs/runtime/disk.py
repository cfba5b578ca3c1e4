"""What of a server's files would survive a loss of power: only what was synced.

The fsync listener notes the syncs while the server runs; `cut` applies the loss.

What is modelled: a synced file keeps its length of that moment; what was appended later is lost. A
file that was never synced is lost, or empty if only its name was synced. Syncing a file makes its
present name durable, and the folders above it, as ext4, XFS and Btrfs do. Making, renaming and
removing are durable with the sync of their folder: until then the old names, with the old contents,
come back. What is not: a file that is written in place or through a mapping (only its length is
known), the kernel's own writing back after some 30 s (nothing unsynced counts as safe: the worst
case), a disk that lies about its own cache, torn sectors. A symlink is never durable and never
followed, and a file with a name outside is never shortened: nothing that lies elsewhere is touched.
Starts no process and no thread itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PART = ".cut"


@dataclass(frozen=True, slots=True)
class Cut:
    """What a loss of power did to one file: its length before and after, in bytes; a file that is
    gone has 0 after.
    """

    path: str
    before: int
    after: int
    gone: bool = False


class Disk:
    """The files below `root`.

    `shelf`, on the same file system and not below it, holds a second name of every file that is
    durable, so that one which was renamed over can come back. Any thread may call.
    """

    def __init__(self, root: Path, shelf: Path) -> None:
        self.root = root
        self.problem = ""
        """Why syncs are not known, in words for the learner; empty if they are."""
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
                found = path.lstat()
            except OSError:
                return 0, 0
            if not stat.S_ISREG(found.st_mode):
                return 0, 0
            return found.st_size, min(
                found.st_size,
                self._lengths.get(found.st_ino, 0)
                if self._names.get(self._within(str(path)) or "") == found.st_ino
                else 0,
            )

    def note(self, target: str, found: os.stat_result) -> None:
        """A file or a folder is being synced: `target` is its name now, `found` what it is."""
        within = self._within(target)
        if within is None:
            return
        with self._lock:
            self._syncs += 1
            if stat.S_ISDIR(found.st_mode):
                self._folders.update(_above(within), {within})
                self._names = {
                    name: inode for name, inode in self._names.items() if name not in self._folders
                }
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
        """An empty disk, of which all is known again. The server must be dead."""
        with self._lock:
            for folder in (self.root, self._shelf):
                if folder.is_symlink():
                    folder.unlink()
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(mode=0o700, exist_ok=True)
            self._names, self._folders, self._lengths = {}, {""}, {}
            self.problem = ""

    def _cut(self) -> list[Cut]:
        done = []
        for folder, folders, files, there in os.fwalk(self.root, topdown=False):
            inside = os.path.relpath(folder, self.root)
            for name in [*folders, *files]:
                within = name if inside == "." else f"{inside}/{name}"
                found = os.stat(name, dir_fd=there, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    if within not in self._folders:
                        shutil.rmtree(name, ignore_errors=True, dir_fd=there)
                elif self._names.get(within) != found.st_ino or not stat.S_ISREG(found.st_mode):
                    os.unlink(name, dir_fd=there)
                    if within not in self._names:
                        done.append(Cut(within, found.st_size, 0, gone=True))
        for within in sorted(self._folders - {""}):
            with (
                self._opened(os.path.dirname(within)) as there,
                contextlib.suppress(FileExistsError),
            ):
                os.mkdir(os.path.basename(within), 0o700, dir_fd=there)
        for within, inode in sorted(self._names.items()):
            name = os.path.basename(within)
            with self._opened(os.path.dirname(within)) as there:
                with contextlib.suppress(FileExistsError):
                    os.link(self._shelf / str(inode), name, dst_dir_fd=there, follow_symlinks=False)
                before, after = (
                    os.stat(name, dir_fd=there, follow_symlinks=False).st_size,
                    self._lengths.get(inode, 0),
                )
                if before > after and self._shorten(there, within, inode, after):
                    done.append(Cut(within, before, after))
                elif before <= after:
                    self._lengths[inode] = before
        for inode in self._lengths.keys() - set(self._names.values()):
            (self._shelf / str(inode)).unlink(missing_ok=True)
            del self._lengths[inode]
        return done

    def _shorten(self, there: int, within: str, inode: int, length: int) -> bool:
        """Cut the file of this name; False if it is not that file.

        One that has a name elsewhere too, neither below the root nor on the shelf, is left as it
        is, and its beginning takes its place here.
        """
        name = os.path.basename(within)
        descriptor = os.open(
            name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=there
        )
        try:
            found = os.fstat(descriptor)
            if not os.path.samestat(found, (self._shelf / str(inode)).lstat()):
                return False
            if found.st_nlink <= list(self._names.values()).count(inode) + 1:
                os.ftruncate(descriptor, length)
                self._lengths[inode] = length
                return True
            own = _copy_beginning(descriptor, there, length)
        finally:
            os.close(descriptor)
        os.replace(_PART, name, src_dir_fd=there, dst_dir_fd=there)
        if self._keep(there, name, own):
            self._names[within], self._lengths[own] = own, length
        return True

    def _all_durable(self) -> None:
        for folder, folders, files, there in os.fwalk(self.root):
            inside = os.path.relpath(folder, self.root)
            for name in [*folders, *files]:
                found = os.stat(name, dir_fd=there, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    self._folders.add(name if inside == "." else f"{inside}/{name}")
                elif stat.S_ISREG(found.st_mode):
                    self._lengths[found.st_ino] = found.st_size
        for within in sorted(self._folders):
            self._durable_names(within)

    def _durable_name(self, within: str, inode: int) -> None:
        if self._names.get(within) == inode:
            return
        try:
            with self._opened(os.path.dirname(within)) as there:
                kept = self._keep(there, os.path.basename(within), inode)
        except (FileNotFoundError, NotADirectoryError):
            return
        if kept:
            # A renamed file is found under its new name; the old name belongs to another file or to
            # none.
            for name in [name for name, held in self._names.items() if held == inode]:
                del self._names[name]
            self._folders = {
                name
                for name in self._folders
                if name != within and not name.startswith(within + "/")
            } | _above(within)
            self._names = {
                name: held
                for name, held in self._names.items()
                if name not in self._folders and not name.startswith(within + "/")
            } | {within: inode}
            self._tidy()

    def _durable_names(self, folder: str) -> None:
        """The names in one folder are durable as they are now."""
        found: dict[str, int] = {}
        folders = set()
        try:
            with self._opened(folder) as there:
                for entry in os.scandir(there):
                    within = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        folders.add(within)
                    elif entry.is_file(follow_symlinks=False) and self._keep(
                        there, entry.name, entry.inode()
                    ):
                        found[within] = entry.inode()
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in [name for name in self._names if os.path.dirname(name) == folder]:
            del self._names[name]
        gone = {
            name for name in self._folders if name and os.path.dirname(name) == folder
        } - folders
        self._folders = {
            name
            for name in self._folders
            if not any(name == one or name.startswith(one + "/") for one in gone)
        } | folders
        # What was renamed into this folder has left the one that it came from.
        moved = set(found.values())
        self._names = {
            name: inode
            for name, inode in self._names.items()
            if inode not in moved and not any(name.startswith(one + "/") for one in gone)
        } | found
        self._tidy()

    @contextlib.contextmanager
    def _opened(self, folder: str) -> Iterator[int]:
        """A descriptor of a folder below the root.

        Raises NotADirectoryError if a symlink stands in the way: nothing here follows one.
        """
        descriptor = os.open(self.root, _FOLDER)
        try:
            for part in folder.split("/") if folder else ():
                outer, descriptor = descriptor, os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(outer)
            yield descriptor
        finally:
            os.close(descriptor)

    def _keep(self, there: int, name: str, inode: int) -> bool:
        """Give a file a second name on the shelf. False if it is not that file any more."""
        kept = self._shelf / str(inode)
        try:
            if not os.path.lexists(kept):
                os.link(name, kept, src_dir_fd=there, follow_symlinks=False)
            found = kept.lstat()
            if found.st_ino == inode and stat.S_ISREG(found.st_mode):
                return True
            kept.unlink()
        except FileNotFoundError:
            pass
        return False

    def _tidy(self) -> None:
        """Take from the shelf what no name leads to, durable or not."""
        held = set(self._names.values())
        for kept in self._shelf.iterdir():
            if int(kept.name) not in held and kept.lstat().st_nlink == 1:
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


def _copy_beginning(source: int, folder: int, length: int) -> int:
    """Copy the first bytes of a file to a new one in a folder; its inode."""
    part = os.open(
        _PART,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o600,
        dir_fd=folder,
    )
    try:
        copied = 0
        while copied < length and (more := os.sendfile(part, source, copied, length - copied)):
            copied += more
        return os.fstat(part).st_ino
    finally:
        os.close(part)
