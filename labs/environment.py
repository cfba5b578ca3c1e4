"""The environment of each process that is started, for the labs and the portal alike: a list of
what it needs, and nothing else of the shell that we were started from.

PGPORT, PYTHONPATH, GUNICORN_CMD_ARGS or LD_PRELOAD of another project would otherwise change what
our servers and tools do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

FOR_SERVERS = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
"""What every program that isn't ours is started with; each of our own programs gets `for_python`.
"""
LABS_SETTINGS = ("CACHEGROUND_ENGINES", "CACHEGROUND_LABS", "CACHEGROUND_TEMPLATE")
"""Settings that the rooms of the labs read where they need them: folders, and no secret."""
# An interpreter that was built to need LD_LIBRARY_PATH doesn't start without it.
_OF_PYTHON = ("PATH", "LD_LIBRARY_PATH")
_OF_A_TERMINAL = ("HOME", "TERM", "COLUMNS", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR")


def for_python(names: Iterable[str] = (), given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a Python program of ours: what an interpreter needs, and of `given` (the
    environment of this process) the variables of these names.
    """
    given = os.environ if given is None else given
    wanted = (*_OF_PYTHON, *names)
    return {
        **FOR_SERVERS,
        **{name: given[name] for name in wanted if given.get(name)},
        "LC_ALL": "C.UTF-8",
    }


def forget_foreign(names: Iterable[str]) -> None:
    """Keep in this process' own environment only these variables and what a terminal needs: libpq
    and others look there whenever they are used.
    """
    kept = {*_OF_PYTHON, *_OF_A_TERMINAL, *names}
    for name in set(os.environ) - kept:
        del os.environ[name]
