"""What survived of the acknowledged writes: the list is read back from the server that the primary
endpoint leads to, number by number, and compared. Nothing is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.errors import NotNow, ServerDown
from labs.setups.replication.group import ReplicationGroup

MOST_NUMBERS = 2_000_000
CHUNK = 4_000


@dataclass(frozen=True, slots=True)
class Recount:
    """The numbers that were acknowledged before the reading began, and those that the server holds.
    `problem` says why the server could not be read; then `found` is empty.
    """

    acknowledged: set[int]
    found: set[int]
    problem: str = ""

    @property
    def missing(self) -> set[int]:
        """What was acknowledged and is not there; empty if the server could not be read."""
        return set() if self.problem else self.acknowledged - self.found


def recount(group: ReplicationGroup, list_name: str, acknowledged: set[int]) -> Recount:
    """Read the list from the server that the primary endpoint leads to.

    `acknowledged` grows meanwhile: only what is in it before the reading begins counts.
    """
    expected, found = set(acknowledged), set[int]()
    try:
        redis = group.members.redis(group.primary)
        for start in range(0, MOST_NUMBERS, CHUNK):
            part = redis.run("LRANGE", list_name, start, start + CHUNK - 1)
            # A learner may have pushed to it, too: what is no number is no client's.
            several = part if isinstance(part, list) else []
            found.update(int(number) for number in several if number.isdigit())
            if len(several) < CHUNK:
                break
    except (ServerDown, NotNow) as exc:
        return Recount(expected, set(), str(exc))
    return Recount(expected, found)
