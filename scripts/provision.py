"""Installs what `scripts/serve` or `scripts/test` needs and is missing: programs, then Python
packages.

Run with any Python 3.11, standard library only. Says in one line what it installs, and nothing when
there is nothing to do. Never starts or touches a service of the system. Exits 3 where it can't
install, with the commands to run by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys

# -I leaves the script's own folder out of the path.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from provisioning.checkout import COMPOSE, LOG, CannotInstall, alone, log_tail
from provisioning.environment import environment_fits, provide_compose, provide_environment
from provisioning.packages import install_packages
from provisioning.programs import (
    ENGINE_KINDS,
    OPTIONAL,
    PACKAGES,
    missing_programs,
    provide_programs,
)

BY_HAND = """Cacheground needs {missing}. It can't install {them} here{why}. Run one of these, then this again:
  Debian, Ubuntu:  sudo apt-get install --no-install-recommends {engines} bubblewrap python3-venv{chromium}
  Fedora:          sudo dnf install redis memcached postgresql-server bubblewrap{fedora}
  macOS:           brew install redis memcached postgresql@17{cask}
None of them has to run as a service: Cacheground starts its own."""


def main() -> int:
    """Provide for one purpose: `serve` or `test`. (`packages NAME…` is how it calls itself with
    sudo.)
    """
    os.umask(0o022)
    purpose, *names = sys.argv[1:]
    if purpose == "packages":
        try:
            install_packages(names)
        except CannotInstall as exc:
            print(exc, file=sys.stderr)
            return 3
        return 0
    missing = missing_programs(purpose)
    needed = [name for name in missing if name not in OPTIONAL]
    if not needed and environment_fits(purpose) and (purpose == "serve" or COMPOSE.exists()):
        return 0
    with alone():
        try:
            if missing_programs(purpose):
                provide_programs(purpose)
            if not environment_fits(purpose):
                provide_environment(purpose)
            if purpose == "test" and not COMPOSE.exists():
                provide_compose()
        except CannotInstall as exc:
            print(by_hand(purpose, str(exc)), file=sys.stderr)
            return 3
        except subprocess.CalledProcessError as exc:
            print(
                f"This failed: {' '.join(map(str, exc.cmd))}\n{log_tail()}\nThe whole of it is "
                f"in {LOG}.",
                file=sys.stderr,
            )
            return 1
    return 0


def by_hand(purpose: str, why: str) -> str:
    """The commands that install everything, for a person to run."""
    missing = [PACKAGES[name] for name in missing_programs(purpose) if name not in OPTIONAL] or [
        "Python's venv"
    ]
    test = purpose == "test"
    return BY_HAND.format(
        missing=" and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]])),
        them="it" if len(missing) == 1 else "them",
        why=f" ({why})" if why else "",
        engines=" ".join(name for kind in ENGINE_KINDS.values() for name in kind.packages),
        chromium=" chromium-headless-shell" if test else "",
        fedora=" chromium" if test else "",
        cask=" && brew install --cask chromium" if test else "",
    )


if __name__ == "__main__":
    sys.exit(main())
