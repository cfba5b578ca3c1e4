"""Which item each request asks for: a seeded Zipf draw over items in order of popularity. Pure."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Sequence


class ZipfKeys:
    """Draws from `items`, the first being the most popular: item of rank r has weight 1 / r**skew.

    Skew 0 is uniform.
    """

    def __init__(self, items: Sequence[int], *, skew: float, seed: int) -> None:
        if not items:
            raise ValueError("There must be at least one item to draw from.")
        self._items = list(items)
        self._random = random.Random(seed)
        self._cumulative = list(
            itertools.accumulate(1.0 / (rank**skew) for rank in range(1, len(items) + 1))
        )

    def draw(self) -> int:
        """The next item."""
        point = self._random.random() * self._cumulative[-1]
        return self._items[min(bisect.bisect_left(self._cumulative, point), len(self._items) - 1)]
