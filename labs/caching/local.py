"""A cache in the application's own process: a dictionary with a time to live.

As fast as memory; no other process sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

CHANNEL = "changed"
"""Where a process receives the keys that have changed."""


class Local:
    """The answers that this process keeps.

    `on_get(key, found, took_ms)` is called after every lookup. Any thread may call.
    """

    def __init__(
        self, on_get: Callable[[str, bool, float], None] = lambda _key, _found, _took_ms: None
    ) -> None:
        self._kept: dict[str, tuple[object, float]] = {}
        self._on_get = on_get

    def get(self, key: str) -> object | None:
        """What is kept, or None."""
        began = time.perf_counter()
        value, ends = self._kept.get(key, (None, 0.0))
        if ends and time.monotonic() >= ends:
            self._kept.pop(key, None)
            value = None
        self._on_get(key, value is not None, (time.perf_counter() - began) * 1000)
        return value

    def set(self, key: str, value: object, ttl_s: float) -> None:
        """Keep it for this many seconds; 0: for as long as the process runs."""
        self._kept[key] = (value, time.monotonic() + ttl_s if ttl_s else 0.0)

    def forget(self, key: str) -> None:
        """Forget it; no harm if it was not there."""
        self._kept.pop(key, None)
