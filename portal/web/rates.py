"""How often an address may do something: one counter for each name, in this process.

Forgets names that have been quiet.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

NAMES = 10_000


class Rate:
    """`burst` at once, then `per_s` each second, for NAMES names; threads may share it."""

    def __init__(
        self, *, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str) -> bool:
        """True if this name may do it once more now."""
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(name, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_s)
            self._left[name] = (left - 1 if left >= 1 else left, now)
            if len(self._left) > NAMES:
                self._left.pop(next(iter(self._left)))
            return left >= 1

    def wait_s(self, name: str) -> int:
        """Whole seconds after which this name may do it once more, if it does nothing until then;
        0 if it may now.
        """
        with self._lock:
            left, at = self._left.get(name, (self._burst, 0.0))
            missing = 1 - left - (self._clock() - at) * self._per_s
            return max(0, math.ceil(missing / self._per_s))
