"""What a part of a sandbox may use of it.

A part sees this and not the sandbox, so it can be read and tested with a double.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from labs.clients.address import Address
from labs.events import Event, Value
from labs.lab import Lab, Link, Node, Strategy, Topology
from labs.load.commits import Commits
from labs.load.controller import LoadController
from labs.network.links import Network
from labs.sandbox.addresses import Addresses
from labs.sandbox.checker import Checker
from labs.sandbox.environment import Doubles
from labs.sandbox.ledger import Ledger
from labs.sandbox.sampler import Sampler
from labs.sandbox.server import Server
from labs.sandbox.stalls import StallWatch

AnyPart = TypeVar("AnyPart")


class Context(Protocol):
    """The open sandbox as its parts see it. Any thread may call."""

    lab: Lab
    settings: dict[str, Value]
    servers: dict[str, Server]
    ledger: Ledger
    load: LoadController
    commits: Commits
    network: Network
    addresses: Addresses
    checker: Checker
    sampler: Sampler
    stalls: StallWatch
    directory: Path
    doubles: Doubles | None

    @property
    def topology(self) -> Topology:
        """The servers and links as they are now; at first the lab's."""

    @property
    def link_states(self) -> Mapping[str, str]:
        """The state of each link: open, slow or cut."""

    @property
    def is_real(self) -> bool:
        """False where servers are doubles and nothing runs."""

    @property
    def runtime_name(self) -> str:
        """How servers live here: cage, process, container or fake."""

    def part(self, kind: type[AnyPart]) -> AnyPart:
        """The part of this kind. LookupError if the lab has none: that is the lab's mistake."""

    def strategy(self) -> Strategy:
        """The strategy that the settings pick now."""

    def finish_step(self) -> bool:
        """Let a request that stands in slow motion run to its end; True if there was one."""

    def password(self, server: str) -> str:
        """The application's password for a server."""

    def versions(self) -> dict[str, str]:
        """The version of each engine that runs here, as the server itself reports it."""

    def address_for_app(self, server: str) -> Address:
        """Where the application finds a server: the entrance of its link, which never changes."""

    def kind_at(self, node: Node) -> str:
        """The engine that stands at a node now."""

    def is_reached(self, server: str) -> bool:
        """True if the application can reach a server: it is up, and the link to it is not cut."""

    def emit(self, event: Event) -> None:
        """Send an event to everyone who follows this sandbox."""

    def say(self, text: str, meaning: str = "none") -> None:
        """Put a sentence on the timeline."""

    def caption(self, strong: str, text: str = "") -> str:
        """Put a sentence under the drawing, and the details after it; returns the sentence."""

    def tabulate(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        """Replace all rows of a table of this lab; those beyond MOST_ROWS are left out. The checks
        find them in `found`.
        """

    def save_record(
        self, name: str, title: str, document: dict[str, Any], results: Mapping[str, Value]
    ) -> None:
        """Keep a document that the page can show, compare, share and save; the oldest of
        MOST_RECORDS goes.
        """

    def start_load(self, requests: int = 0) -> str:
        """Run the workload with the settings as they are; a running one starts again. After
        `requests` requests of all clients together the clients only wait; 0: no end. Returns the
        sentence for the learner.
        """

    def stop_load(self, why: str = "") -> str:
        """End the workload; harmless if none runs. Returns the sentence for the learner."""

    def set(self, name: str, raw: object) -> None:
        """Change a control while everything runs. BadInput says what would be right."""

    def server(self, name: str, verb: str) -> str:
        """Kill, pause, resume or restart a server; returns the sentence for the learner."""

    def link(self, name: str, verb: str, delay_ms: float = 20.0) -> str:
        """Slow, cut or restore a link; returns the sentence for the learner."""

    def start(self, name: str, why: str) -> None:
        """Start a server that waited, with the options that the settings ask for now, and lay the
        links to it.
        """

    def stop(self, name: str, why: str) -> None:
        """Stop a server that was started."""

    def add(self, node: Node, *links: Link, why: str = "it was added") -> None:
        """Add a server that the lab did not have, start it, lay these links to it; the drawing
        shows it. BadInput if its name is taken. A reset takes it away again.
        """

    def remove(self, name: str, why: str = "it was removed") -> None:
        """Stop a server, and take it and its links away."""

    def wait_until(
        self, condition: Callable[[], bool], *, deadline_s: float, every_s: float = 0.02
    ) -> bool:
        """Wait until a condition holds; False at the deadline. A stall of the machine does not
        count.
        """
