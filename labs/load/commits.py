"""What all clients of a load know of the database: which version of each item was committed when.

Shared memory; the last word on what is stale.
"""

from __future__ import annotations

import mmap

ITEMS = 8_192
_KEPT = 8


class Commits:
    """Made before the workers are forked. Items are numbers; `ITEMS` of them are distinct.

    A writer notes after its commit has returned, so a reader never holds a version for committed
    that is not.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, ITEMS * (8 + 16 * _KEPT + 1))
        view = memoryview(self._memory)
        self._newest = view[: ITEMS * 8].cast("Q")
        self._versions = view[ITEMS * 8 : ITEMS * 8 * (1 + _KEPT)].cast("Q")
        self._times = view[ITEMS * 8 * (1 + _KEPT) : ITEMS * 8 * (1 + 2 * _KEPT)].cast("d")
        self._asked = view[ITEMS * 8 * (1 + 2 * _KEPT) :].cast("B")

    def note(self, item: int, version: int, at: float) -> None:
        """A writer's commit of this version has returned, at this time (monotonic seconds)."""
        place = item % ITEMS
        slot = place * _KEPT + version % _KEPT
        self._versions[slot], self._times[slot] = version, at
        if version > self._newest[place]:
            self._newest[place] = version

    def newest(self, item: int) -> int:
        """The newest version that was noted; 0 if none was."""
        return self._newest[item % ITEMS]

    def outdated_since(self, item: int, version: int) -> float | None:
        """When the first version after this one was committed; None if none was noted, or too long
        ago to be kept.
        """
        place = item % ITEMS
        later = [
            self._times[place * _KEPT + slot]
            for slot in range(_KEPT)
            if self._versions[place * _KEPT + slot] > version
        ]
        return min(later) if later else None

    def ask(self, item: int) -> None:
        """A client has read this item."""
        self._asked[item % ITEMS] = 1

    def was_asked(self, item: int) -> bool:
        """True if a client has read this item since the start or the last `clear`."""
        return bool(self._asked[item % ITEMS])

    def clear(self) -> None:
        """Nothing is known."""
        self._memory[:] = bytes(len(self._memory))
