"""Parts: what a sandbox has besides servers and links, such as a replication group or a web site.

A lab lists its parts (`Lab.parts`). The sandbox makes them, calls each hook in the order of that
list, and closes them in reverse order. A new kind of lab is a new part; the sandbox stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from labs.engines.base import Engine
from labs.lab import Node
from labs.load.batches import Batch
from labs.load.controller import Tally
from labs.load.program import WorkloadSpec
from labs.sandbox.context import Context
from labs.sandbox.stepper import Stepper


class Part:
    """One part of a sandbox. Every hook does nothing by default; override the ones you need.

    The life of a part: `__init__`, `before_start`, `opened`, then settings, server changes, batches
    and readings in any order and from any thread, and `close`. A reset calls `interrupt`, `clear`,
    `restarted` and, whatever happened, `reset_ended`.
    """

    def __init__(self, context: Context) -> None:
        self.context = context

    @classmethod
    def warm_up(cls) -> None:
        """Do once what would cost each sandbox time: called in the process that they are forked
        from, for each lab that has the part.
        """

    def engine(self, node: Node, directory: Path) -> Engine | None:
        """The engine that stands at a node, or None to leave the choice to the engines' registry.

        `directory` is the server's own; it exists.
        """
        return None

    def before_start(self) -> None:
        """Addresses are known; no server of the lab runs yet."""

    def opened(self) -> None:
        """All servers are up and all links are laid. May raise DidNotStart."""

    def setting_changed(self, name: str) -> None:
        """A control has a new value, and the servers that depend on it were exchanged."""

    def server_changed(self, server: str, verb: str) -> None:
        """A server was killed, paused, resumed or restarted (`verb`), or exchanged by a setting."""

    def on_batch(self, batch: Batch) -> None:
        """A client of the load has reported what it did."""

    def reads_counters_of(self, server: str) -> bool:
        """False if this server's counters must not become readings."""
        return True

    def readings(self, seconds: float) -> Mapping[str, float]:
        """Readings of the last interval, by metric name (labs.measure.metrics)."""
        return {}

    def load_readings(self, seconds: float, tally: Tally) -> Mapping[str, float]:
        """Readings of what the load's clients did in the last interval, besides those that every
        load has.
        """
        return {}

    def flows(self, seconds: float, tally: Tally) -> Mapping[str, float]:
        """Operations a second of the load on links where its clients can't count them, by
        labs.load.batches.flow: of a link's name and a meaning.
        """
        return {}

    def interrupt(self) -> None:
        """A reset begins, and the load still runs: end what is under way."""

    def clear(self) -> None:
        """Settings are at their defaults and links are whole; servers are restarted empty next.

        Forget what was seen.
        """

    def restarted(self) -> None:
        """All servers are up again and empty."""

    def reset_ended(self) -> None:
        """A reset is over, even if it failed."""

    def close(self) -> None:
        """End every thread and give back every connection. Called once, when no load runs."""


class Workload(Part):
    """The part that defines what the clients of the load do. A lab has one at most."""

    client_settings: tuple[str, ...] = ("clients",)
    """Settings that change how many clients there are: the load starts again for these."""

    def clients(self) -> int:
        """How many clients run, by the settings as they are now."""
        return int(float(self.context.settings.get("clients", 1)))

    def spec(self, client: int, clients: int, requests: int = 0) -> WorkloadSpec:
        """The workload of client number `client` of `clients`, with the settings as they are now.

        It makes `requests` requests and then waits to be stopped; 0: no end.
        """
        raise NotImplementedError

    def about(self) -> str:
        """What the load does, as half a sentence: “4 clients want 100 requests/s”."""
        clients = self.clients()
        rate = float(self.context.settings.get("rate_per_s", 0))
        return f"{clients} client{'s want' if clients != 1 else ' wants'} {rate:,g} requests/s"

    caption = "Many requests run at once."
    """The sentence under the drawing when the load starts."""

    running = "The load runs"
    """How the sentence begins that names what runs."""

    def before_load(self) -> None:
        """The load is about to start; no client runs."""


class SteppedPart(Part):
    """The part that runs one request in slow motion. A lab has one at most."""

    stepper: Stepper
    takes_price = False
    """True if a stepped write has a price."""
    steps_under_load = False
    """True if a stepped request can be distinguished from those of the load."""

    def step(self, function: str, key: int, price: float | None) -> None:
        """Begin a request, `read` or `write`, that waits before each of its statements."""
        raise NotImplementedError
