"""Numbers for sandboxes. A number stands for a user id and for loopback addresses, so no two living
sandboxes of this machine have the same one, whichever labs host they belong to.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections import deque

from labs.errors import DidNotStart
from labs.host import budget, shared_memory

FIRST_UID = 61_001
SLOTS = 900
LEFT_DEADLINE_S = 3.0


class Slots:
    """The slots of one labs host. A slot is claimed by an abstract socket: the claim goes with the
    process that holds it, and another labs host can't have the slot meanwhile.
    """

    def __init__(self, *, own_users: bool) -> None:
        self._own_users = own_users
        self._free = deque(range(1, SLOTS + 1))
        self._claims: dict[int, socket.socket] = {}
        self._lock = threading.Lock()
        # A labs host that was killed leaves sandboxes that are still ending, without a claim.
        self._suspects = {uid - FIRST_UID for uid in budget.resident_by_uid()} if own_users else ()

    def take(self) -> int:
        """A slot that is free on this machine, the one that was given back longest ago.

        Raises DidNotStart if there is none.
        """
        with self._lock:
            for _ in range(len(self._free)):
                slot = self._free.popleft()
                claim = None if self._has_processes(slot) else _claim(slot)
                if claim is not None:
                    self._claims[slot] = claim
                    if self._own_users:  # a labs host that was killed cleared nothing
                        shared_memory.clear_user(FIRST_UID + slot)
                    return slot
                self._free.append(slot)
        raise DidNotStart("This machine has no room for another sandbox.")

    def uid(self, slot: int) -> int | None:
        """The user id of a slot; None where all sandboxes belong to the ordinary user."""
        return FIRST_UID + slot if self._own_users else None

    def give_back(self, slot: int, *, all_ended: bool) -> None:
        """Let the slot be taken again. Where processes of its user may be left they end first."""
        uid = self.uid(slot)
        if uid is not None and not all_ended:
            end = time.monotonic() + LEFT_DEADLINE_S
            while (left := budget.processes_of(uid)) and time.monotonic() < end:
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.005)
        if uid is not None:
            shared_memory.clear_user(uid)
        with self._lock:
            if (claim := self._claims.pop(slot, None)) is not None:
                claim.close()
                self._free.append(slot)

    def close(self) -> None:
        """Give up all claims."""
        with self._lock:
            for claim in self._claims.values():
                claim.close()
            self._claims.clear()

    def _has_processes(self, slot: int) -> bool:
        return slot in self._suspects and bool(budget.processes_of(FIRST_UID + slot))


def _claim(slot: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0cacheground-slot-{os.getuid()}-{slot}")
    except OSError:
        claim.close()
        return None
    return claim
