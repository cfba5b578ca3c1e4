"""What lies between the servers of a sandbox, as the rest of the code sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from labs.clients.address import Address
from labs.network.connections import BOTH
from labs.network.links import Route


class Network(Protocol):
    """Links, listeners and endpoints of one sandbox. Any thread may call."""

    def add_link(self, name: str, listen_address: Address, target: Address) -> Address:
        """A link to a server that listens at `listen_address` from now on, for every caller.
        Returns `listen_address`.
        """

    def listen(self, name: str, listen_address: Address) -> None:
        """A listener that several paths share: one for each caller (`add_path`), or those that
        `forward` names, in turn.
        """

    def add_path(
        self, name: str, target: Address, *, listener: str = "", caller: str = "", source: str = ""
    ) -> None:
        """What lies between one caller and one server."""

    def forward(self, listener: str, paths: Sequence[str]) -> None:
        """New connections to a listener take these paths in turn; without any they are refused."""

    def route(self, name: str) -> Route:
        """Both ways to the server behind this link, for a client of the load."""

    def slow(self, *names: str, delay_ms: float, directions: int = BOTH) -> None:
        """Delay every byte by this much, in each of the directions; removes a cut."""

    def cut(self, *names: str, directions: int = BOTH) -> None:
        """Drop all traffic without closing connections: clients block until `restore` or their own
        timeout.
        """

    def set_fault(self, *names: str, cut: int, delay_ms: float) -> None:
        """Both at once: which directions are cut, and by how much every byte is delayed."""

    def drop(self, *names: str) -> None:
        """End every connection through these links; the bytes in them are lost."""

    def restore(self, *names: str) -> None:
        """Make these links whole again, neither cut nor slow."""

    def close(self) -> None:
        """End the proxy process and every connection through it."""
