"""A program's configuration: a file of JSON that is read again when another was put in its place,
so that a change needs no restart.
"""

from __future__ import annotations

import json
import os
from typing import Any


class Settings:
    """The values of the file as it is now. A change replaces the whole file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = (0, 0)
        self._values: dict[str, Any] = {}

    def now(self) -> dict[str, Any]:
        """The values as they stand in the file."""
        state = os.stat(self._path)
        seen = (state.st_ino, state.st_mtime_ns)
        if seen != self._seen:
            with open(self._path, encoding="utf-8") as file:
                self._values = json.load(file)
            self._seen = seen
        return self._values
