"""Durations in a histogram: percentiles come from it, never from a list.

HdrHistogram, 1 µs to 60 s, three digits.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

from hdrh.histogram import HdrHistogram

_LOWEST_US, _HIGHEST_US, _DIGITS = 1, 60_000_000, 3


class Latencies:
    """How long things took. Recorded in microseconds, read in milliseconds."""

    def __init__(self) -> None:
        # 140 kB each, and most sandboxes never run a load.
        self._histogram: HdrHistogram | None = None

    def record(self, durations_us: Iterable[int]) -> None:
        """Add durations; what is out of range counts as the bound."""
        for duration in durations_us:
            if self._histogram is None:
                self._histogram = HdrHistogram(_LOWEST_US, _HIGHEST_US, _DIGITS)
            self._histogram.record_value(min(max(duration, _LOWEST_US), _HIGHEST_US))

    @property
    def count(self) -> int:
        """How many were recorded."""
        return int(self._histogram.get_total_count()) if self._histogram is not None else 0

    def percentile_ms(self, percentile: float) -> float:
        """The percentile in milliseconds; 0 if nothing was recorded."""
        return (
            float(self._histogram.get_value_at_percentile(percentile)) / 1000
            if self._histogram is not None and self.count
            else 0.0
        )

    def counts(self, edges_ms: Sequence[float]) -> list[int]:
        """How many lie below the first edge, between it and the second, and so on; the last are
        those above all edges.
        """
        counted = [0] * (len(edges_ms) + 1)
        for found in self._histogram.get_recorded_iterator() if self._histogram is not None else ():
            counted[bisect.bisect_right(edges_ms, found.value_iterated_to / 1000)] += (
                found.count_at_value_iterated_to
            )
        return counted

    def clear(self) -> None:
        """Forget all."""
        if self._histogram is not None:
            self._histogram.reset()
