"""The programs that Cacheground needs: where they are, and how they are installed."""

from __future__ import annotations

import os
import runpy
import shutil
from pathlib import Path

from provisioning.checkout import ENGINES, ROOT, CannotInstall, say
from provisioning.packages import install_packages, is_administrator, unpack_packages

# Read by its path: the package that it is part of can't be imported before there is an environment.
ENGINE_KINDS = runpy.run_path(str(ROOT / "labs/engines/registry.py"))["registry"].installed()
PACKAGES = {
    **{program: kind.package for program, kind in ENGINE_KINDS.items()},
    "bwrap": "bubblewrap",
    "chromium": "chromium-headless-shell",
}
OPTIONAL = {"bwrap"}
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find_program(name: str) -> Path | None:
    """Where a program is: among the unpacked engines, on the PATH, or where Debian keeps
    Postgres.
    """
    places = [ENGINES / "usr/bin", *map(Path, os.get_exec_path()), Path("/usr/sbin")]
    if name == "postgres":
        places += sorted(ENGINES.glob("usr/lib/postgresql/*/bin")) + sorted(
            Path("/usr/lib/postgresql").glob("*/bin")
        )
    names = BROWSERS if name == "chromium" else (name,)
    return next(
        (place / name for place in places for name in names if os.access(place / name, os.X_OK)),
        None,
    )


def missing_programs(purpose: str) -> list[str]:
    """The programs that are wanted for this purpose and not there."""
    wanted = [*ENGINE_KINDS, "bwrap", *(["chromium"] if purpose == "test" else [])]
    return [name for name in wanted if find_program(name) is None]


def packages_of(program: str) -> tuple[str, ...]:
    """The Debian packages to install for a program."""
    kind = ENGINE_KINDS.get(program)
    return kind.packages if kind else (PACKAGES[program],)


def provide_programs(purpose: str) -> None:
    """Install what is missing: with apt as root or through sudo, else unpacked into var/engines.

    Raises CannotInstall.
    """
    missing = missing_programs(purpose)
    packages = [package for name in missing for package in packages_of(name)]
    try:
        if not shutil.which("apt-get"):
            raise CannotInstall("there is no apt-get")
        if is_administrator():
            say(f"Installing {', '.join(packages)} with apt-get. Their services are not started.")
            install_packages(packages)
        else:
            into = f"{ENGINES.relative_to(ROOT)}, for this checkout alone"
            say(f"Unpacking {', '.join(packages)} into {into}.")
            unpack_packages([package for package in packages if not package.startswith("chromium")])
        if find_program("chromium") is None and purpose == "test":
            raise CannotInstall("chromium needs root")
    except CannotInstall:
        if set(missing_programs(purpose)) - OPTIONAL:
            raise
    if find_program("bwrap") is None:
        say(
            "bubblewrap can't be had: sandboxes are plain processes, not cages. That will do "
            "for one person on their own machine."
        )
