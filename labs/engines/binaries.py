"""Where the engines' programs are on this machine. Installs nothing: its error has a hint."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from labs.engines.registry import registry
from labs.environment import FOR_SERVERS
from labs.errors import DidNotStart

_HINT = (
    "Install the engines: apt-get install --no-install-recommends redis-server memcached "
    "postgresql, or unpack those packages below a folder and name it in CACHEGROUND_ENGINES."
)
_OF_POSTGRES = frozenset(
    {"postgres", "initdb", "pg_ctl", "pg_controldata", "pg_resetwal", "pgbench", "psql"}
)
_SYSTEM = Path("/usr/lib/postgresql")
_ANSWERS_S = 5.0


def find(name: str) -> Path:
    """The program of this name.

    Raises DidNotStart, with a hint how to install it, if it is nowhere.
    """
    for folder in _postgres_folders() if name in _OF_POSTGRES else _folders():
        if os.access(folder / name, os.X_OK):
            return folder / name
    raise DidNotStart(f"{name} is not installed on this machine.", hint=_HINT)


def versions() -> dict[str, str]:
    """The versions of the engines that are installed, by their own programs; one that is not there
    or does not answer is left out.
    """
    found = {}
    for program, kind in registry.installed().items():
        try:
            asked = subprocess.run(
                [find(program), "--version"],
                env=server_environment(),
                capture_output=True,
                text=True,
                timeout=_ANSWERS_S,
                check=False,
            )
        except (DidNotStart, OSError, subprocess.TimeoutExpired):
            continue
        if version := re.search(r"\d+(?:\.\d+)+", asked.stdout):
            found[kind.name] = version.group()
    return found


def server_environment() -> dict[str, str]:
    """All that a server or one of its tools has in its environment."""
    return {**FOR_SERVERS, **environment()}


def environment() -> dict[str, str]:
    """What a program from the unpacked packages needs in its environment; nothing if there are
    none.
    """
    prefix = _prefix()
    if prefix is None:
        return {}
    libraries = [
        folder
        for base in ("usr/lib", "lib")
        for folder in (*sorted(prefix.glob(f"{base}/*-linux-gnu*")), prefix / base)
        if folder.is_dir()
    ]
    return {"LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries))}


def share() -> Path | None:
    """Postgres' shared files if it comes from the unpacked packages, for `initdb -L`; else None."""
    prefix = _prefix()
    found = _newest(prefix.glob("usr/share/postgresql/*")) if prefix else []
    return found[0] if found else None


def _prefix() -> Path | None:
    named = os.environ.get("CACHEGROUND_ENGINES", "")
    return Path(named) if named else None


def _path() -> list[Path]:
    return [Path(part) for part in os.get_exec_path() if part]


def _folders() -> list[Path]:
    prefix = _prefix()
    return [*([prefix / "usr/bin", prefix / "usr/sbin"] if prefix else []), *_path()]


def _postgres_folders() -> list[Path]:
    """Folders with both postgres and initdb.

    The distribution's come before PATH, where a lone or foreign `postgres` may stand.
    """
    prefix = _prefix()
    own = _newest(prefix.glob("usr/lib/postgresql/*")) if prefix else []
    candidates = [folder / "bin" for folder in (*own, *_newest(_SYSTEM.glob("*")))] + _path()
    return [
        folder
        for folder in candidates
        if all(shutil.which(name, path=str(folder)) for name in ("postgres", "initdb"))
    ]


def _newest(folders: Iterable[Path]) -> list[Path]:
    numbered = [folder for folder in folders if re.fullmatch(r"\d+", folder.name)]
    return sorted(numbered, key=lambda folder: int(folder.name), reverse=True)
