"""Where the portal's own servers' programs are: among the unpacked packages, where Debian keeps
Postgres, or on the PATH. Installs nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from portal.serve.places import CannotServe


def find_program(name: str) -> Path:
    """The program of this name; CannotServe if it is nowhere."""
    unpacked = _unpacked()
    places = [*unpacked.glob("usr/bin"), *_newest_postgres(unpacked)] if unpacked else []
    places += [*_newest_postgres(Path("/")), *map(Path, os.get_exec_path())]
    for place in places:
        if os.access(place / name, os.X_OK):
            return place / name
    raise CannotServe(f"{name} is not installed. scripts/serve installs it, or says how.")


def unpacked_share() -> Path | None:
    """Postgres' shared files, where Postgres was unpacked."""
    unpacked = _unpacked()
    return max(unpacked.glob("usr/share/postgresql/[0-9]*"), default=None) if unpacked else None


def _unpacked() -> Path | None:
    named = os.environ.get("CACHEGROUND_ENGINES")
    return Path(named) if named else None


def _newest_postgres(root: Path) -> list[Path]:
    return sorted(
        root.glob("usr/lib/postgresql/*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )
