"""The endpoints of a replication group: their addresses stay, and new connections to them lead to
other members when roles change.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from labs.events import EndpointMoved
from labs.sandbox.context import Context
from labs.setups.replication.mesh import Mesh

PRIMARY_ENDPOINT, READER_ENDPOINT = "primary-endpoint", "reader-endpoint"


@dataclass(frozen=True, slots=True)
class Move:
    """From `at` on (monotonic seconds) an endpoint led to these members."""

    at: float
    endpoint: str
    targets: list[str]


class Endpoints:
    """Where the primary endpoint leads (`primary`), where the reader endpoint leads (`readers`),
    and every move of them (`moves`). Roles and endpoints change together: under `lock`.
    """

    def __init__(self, context: Context, mesh: Mesh) -> None:
        self._context = context
        self._mesh = mesh
        self._first = next(n.name for n in context.lab.topology.servers if n.engine == "redis")
        self.primary = self._first
        self.readers: list[str] = []
        self.moves: list[Move] = []
        self.lock = threading.RLock()
        self.choose_readers: Callable[[list[str]], list[str]] = list
        """The replicas that the reader endpoint leads to: all, unless a mutant changes it."""

    def lead_to_primary(self, primary: str, why: str) -> None:
        """Have the primary endpoint lead to this member."""
        self.primary = primary
        self._lead(PRIMARY_ENDPOINT, [primary], why)

    def lead_to_readers(self, readers: list[str], why: str) -> None:
        """Have the reader endpoint, if there is one, lead to these members."""
        if READER_ENDPOINT in self._mesh.endpoints and readers != self.readers:
            self.readers = readers
            self._lead(READER_ENDPOINT, self.choose_readers(readers), why)

    def clear(self) -> None:
        """Forget every move; the primary is the first cache again."""
        self.moves.clear()
        self.lead_to_primary(self._first, "")

    def _lead(self, endpoint: str, targets: list[str], why: str) -> None:
        self._mesh.forward(endpoint, targets)
        self.moves.append(Move(time.monotonic(), endpoint, targets))
        self._context.emit(EndpointMoved(endpoint=endpoint, targets=targets, why=why))
