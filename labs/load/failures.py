"""Requests of the load that failed: how many in the last second, and in which words. Pure; the
clock is handed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from labs.load.batches import Batch

WINDOW_S = 1.0
OVER_S = 1.5
"""Requests succeed again when one did and none has failed for this long."""
LONGEST = 160


@dataclass(frozen=True, slots=True)
class Failing:
    """Of the requests that ended in one second, `failed` failed; `why` is the newest error."""

    failed: int
    ended: int
    why: str


class Failures:
    """Counts the requests that ended in the last second. One thread adds, another looks: the caller
    holds a lock.
    """

    def __init__(self) -> None:
        self._ended: deque[tuple[float, int, int]] = deque()
        self._failed_at = self._done_at = float("-inf")
        self._newest: Failing | None = None
        self._why = ""

    def add(self, batch: Batch, now: float) -> None:
        """Take a client's batch into account."""
        if batch.done:
            self._done_at = now
        if batch.errors:
            self._failed_at, self._why = now, batch.error or self._why
        if batch.done or batch.errors:
            self._ended.append((now, batch.errors, batch.done + batch.errors))

    def look(self, now: float) -> Failing | None:
        """How requests fail now; None if none does. While no request ends, what was so last still
        is.
        """
        while self._ended and self._ended[0][0] <= now - WINDOW_S:
            self._ended.popleft()
        failed = sum(one[1] for one in self._ended)
        if failed:
            self._newest = Failing(failed, sum(one[2] for one in self._ended), self._why)
        elif self._done_at > self._failed_at and now - self._failed_at > OVER_S:
            self._newest = None
        return self._newest


def words_of(error: BaseException) -> str:
    """The first line of an error: the server's own words where it said some."""
    cause = error.__cause__ or error
    said = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    lines = said.strip().splitlines()
    return lines[0][:LONGEST] if lines else type(cause).__name__
