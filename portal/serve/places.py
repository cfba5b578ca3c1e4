"""Where a running Cacheground keeps its things, and under which user its servers run.

Makes directories; starts nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labs.client import LONGEST_SOCKET, free_on_disk

SERVICE_UID = 61_000
LONGEST_NAME = len("/.s.PGSQL.5432")
SAYS_FULL = "is full, or nearly"
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


class CannotServe(Exception):
    """Something on this machine keeps the site from running; the text says what, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The directories of one installation, and the user (`uid`) of the portal's servers."""

    state: Path
    sockets: Path
    uid: int

    @property
    def portal(self) -> Path:
        """What the portal's own servers keep."""
        return self.state / "portal"

    @property
    def host(self) -> Path:
        """What the labs host keeps."""
        return self.state / "host"

    @property
    def logs(self) -> Path:
        """One file for each child, and the one before it."""
        return self.state / "log"

    @property
    def lock(self) -> Path:
        """Held while a supervisor runs."""
        return self.state / "serve.lock"

    def make(self) -> None:
        """Make the lasting ones that are missing; CannotServe where one can't be had."""
        with self._said():
            for directory in (self.state, self.logs, self.host):
                directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._make_private(self.portal)

    @contextlib.contextmanager
    def with_sockets(self) -> Iterator[None]:
        """Have an empty directory for the sockets, which goes when this ends. What a killed
        supervisor left in it goes first.
        """
        with self._said():
            self._make_private(self.sockets)
            for left in self.sockets.iterdir():
                left.unlink()
        try:
            yield
        finally:
            shutil.rmtree(self.sockets, ignore_errors=True)

    def secret(self) -> str:
        """The key that signs cookies: made once, kept in a file that no other user can read."""
        path = self.portal / "secret"
        with contextlib.suppress(FileNotFoundError):
            return path.read_text().strip()
        # Whole or not there at all: half a key would be the key from then on.
        fresh = self.portal / ".secret"
        fresh.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as to:
                to.write(secrets.token_urlsafe(48) + "\n")
            fresh.rename(path)
        finally:
            fresh.unlink(missing_ok=True)
        return path.read_text().strip()

    def _make_private(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(directory, self.uid, self.uid, follow_symlinks=False)
        _refuse_a_stranger_s(directory, self.uid)
        directory.chmod(0o700)

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """What keeps a directory from being made, in words."""
        try:
            yield
        except PermissionError as exc:
            raise CannotServe(
                f"{exc.filename} can't be written to.\nWas Cacheground started here by another "
                f"user before? Start it as that user, or remove {self.state}."
            ) from exc
        except (FileExistsError, NotADirectoryError) as exc:
            raise CannotServe(
                f"{exc.filename} is in the way: it is no directory. Move it away, or set "
                "CACHEGROUND_STATE to another directory."
            ) from exc


def places_of(state: Path) -> Places:
    """The places of the installation that keeps its state here; CannotServe where no directory can
    hold its sockets.
    """
    state = state.resolve()
    short = hashlib.sha256(str(state).encode()).hexdigest()[:10]
    uid = os.geteuid()
    as_root = uid == 0
    name = f"cacheground-{short}" if as_root else f"cacheground-{uid}-{short}"
    # Not below the checkout, whose path may be long.
    found = [Path("/run")] if as_root else [Path(os.environ.get("XDG_RUNTIME_DIR") or "")]
    found += [Path(os.environ.get("TMPDIR") or "/tmp"), Path("/tmp")]
    for folder in found:
        if holds_sockets(folder / name) and os.access(folder, os.W_OK | os.X_OK):
            return Places(state=state, sockets=folder / name, uid=SERVICE_UID if as_root else uid)
    raise CannotServe(
        f"No directory can hold the sockets of Postgres and Redis: the path of one has at most "
        f"{LONGEST_SOCKET} bytes, and XDG_RUNTIME_DIR, TMPDIR and /tmp are too long, have "
        "characters other than letters and digits, or can't be written to. Set TMPDIR to a "
        "directory that will do."
    )


def holds_sockets(directory: Path) -> bool:
    """True if a socket's path below this directory is short enough, and has only characters that
    mean nothing in an address or in a configuration file.
    """
    length = len(os.fsencode(directory)) + LONGEST_NAME
    plain = _PLAIN.fullmatch(str(directory)) is not None
    return directory.is_absolute() and plain and length <= LONGEST_SOCKET


def disk_full(state: Path) -> str:
    """The sentence for a full disk: which one it is, and the way out."""
    return (
        f"The disk of {state} {SAYS_FULL}: {free_on_disk(state) // 1024**2} MiB are free. "
        "Make room there (a first start takes about 80 MiB), or set CACHEGROUND_STATE to a "
        "directory of another disk; then start again."
    )


def _refuse_a_stranger_s(directory: Path, uid: int) -> None:
    """In a directory that all may write to, another user may have been first."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        raise CannotServe(f"{directory} belongs to another user. Remove it, then start again.")
