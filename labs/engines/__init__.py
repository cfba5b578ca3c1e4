"""The engines of the labs: what each needs to be started, how it is asked whether it is ready, what
it counts. Starts nothing.
"""

from __future__ import annotations

from typing import Protocol

from labs.clients.address import Address
from labs.engines.launch import Launch
from labs.engines.memcached import Memcached as Memcached
from labs.engines.postgres import Postgres as Postgres
from labs.engines.readings import Counters
from labs.engines.redis import Redis as Redis
from labs.engines.sentinel import Sentinel as Sentinel
from labs.engines.web import Balancer as Balancer, Instance as Instance


class Engine(Protocol):
    """What a sandbox asks of any engine.

    Everything that asks the server raises ServerDown when it does not answer in time, and may be
    called from any thread.
    """

    @property
    def name(self) -> str:
        """The node that it stands at."""

    @property
    def kind(self) -> str:
        """redis, sentinel, memcached, postgres, instance or balancer."""

    @property
    def address(self) -> Address:
        """Where it listens."""

    def launch(self) -> Launch:
        """How to start it. Raises DidNotStart if it is not installed."""

    def ready(self, timeout_s: float) -> str:
        """The server's version once it answers its own question."""

    def counters(self) -> dict[str, float]:
        """What the server has counted, all at one moment."""

    def readings(self, before: Counters, after: Counters, seconds: float) -> dict[str, float]:
        """Metrics (names of labs.measure.metrics) between two calls of `counters`; pure."""

    def close(self) -> None:
        """Give our connection back; the next question opens another."""
