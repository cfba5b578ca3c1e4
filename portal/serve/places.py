"""Where a running Cacheground keeps its things, and under which user its servers run.

Makes directories; starts nothing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

SERVICE_UID = 61_000


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
        """Make those that are missing; CannotServe where one belongs to another user."""
        try:
            for directory in (self.state, self.logs, self.host):
                directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            for directory in (self.portal, self.sockets):
                directory.mkdir(mode=0o700, exist_ok=True)
                if os.geteuid() == 0:
                    os.chown(directory, self.uid, self.uid)
                _refuse_a_stranger_s(directory, self.uid)
                directory.chmod(0o700)
        except PermissionError as exc:
            raise CannotServe(
                f"{exc.filename} can't be written to.\nWas Cacheground started here by another "
                f"user before? Start it as that user, or remove {self.state}."
            ) from exc

    def secret(self) -> str:
        """The key that signs cookies: made once, kept in a file that no other user can read."""
        path = self.portal / "secret"
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48) + "\n")
            return path.read_text().strip()


def places_of(state: Path) -> Places:
    """The places of the installation that keeps its state here."""
    state = state.resolve()
    short = hashlib.sha256(str(state).encode()).hexdigest()[:10]
    uid = os.geteuid()
    if uid == 0:
        return Places(state=state, sockets=Path("/run") / f"cacheground-{short}", uid=SERVICE_UID)
    # A socket's path has at most 107 bytes, so sockets can't lie below the checkout.
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "")
    if runtime.is_absolute() and os.access(runtime, os.W_OK) and len(str(runtime)) < 60:
        return Places(state=state, sockets=runtime / f"cacheground-{short}", uid=uid)
    return Places(
        state=state, sockets=Path(tempfile.gettempdir()) / f"cacheground-{uid}-{short}", uid=uid
    )


def _refuse_a_stranger_s(directory: Path, uid: int) -> None:
    """In a directory that all may write to, another user may have been first."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        raise CannotServe(f"{directory} belongs to another user. Remove it, then start again.")
