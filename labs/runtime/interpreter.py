"""The interpreter that programs of our own run under."""

from __future__ import annotations

import os
import sys


def interpreter() -> str:
    """Our own interpreter, or the system's where this user may not execute ours: for programs that
    need its standard library only.
    """
    return next(
        (path for path in (sys.executable, "/usr/bin/python3") if os.access(path, os.X_OK)),
        sys.executable,
    )
