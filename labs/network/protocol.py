"""What lies between the servers of a sandbox, as the rest of the code sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from labs.clients.address import Address
from labs.network.links import Route
from labs.network.passages import BOTH


class Network(Protocol):
    """Links, listeners and endpoints of one sandbox. Any thread may call."""

    def lay(self, name: str, near: Address, target: Address) -> Address:
        """A link from `near`, where it listens from now on, to a server. Returns `near`."""

    def gate(self, name: str, near: Address) -> None:
        """A listen address that several lines share (`line`), or that leads to one of them at a
        time (`lead`).
        """

    def line(
        self, name: str, target: Address, *, gate: str = "", caller: str = "", source: str = ""
    ) -> None:
        """What lies between one caller and one server."""

    def lead(self, gate: str, lines: Sequence[str]) -> None:
        """New connections to a gate take these lines in turn; none: they are refused."""

    def route(self, name: str) -> Route:
        """Both ways to the server behind this link, for a client of the load."""

    def slow(self, *names: str, delay_ms: float, directions: int = BOTH) -> None:
        """Delay every byte by this much, each way that is asked for; what was cut is whole."""

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
        """End the process of the links and every connection through it."""
