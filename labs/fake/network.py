"""Links that are states and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from labs.clients.address import Address
from labs.fake.state import NOBODY_LISTENS
from labs.network.links import Route


class FakeNetwork:
    """Nothing travels here, and every order is obeyed."""

    def add_link(self, name: str, listen_address: Address, target: Address) -> Address:
        return listen_address

    def route(self, name: str) -> Route:
        return Route(NOBODY_LISTENS, NOBODY_LISTENS, "", 0)

    def listen(self, name: str, listen_address: Address) -> None:
        """Nothing connects."""

    def add_path(
        self, name: str, target: Address, *, listener: str = "", caller: str = "", source: str = ""
    ) -> None:
        """Nothing travels."""

    def forward(self, listener: str, paths: Sequence[str]) -> None:
        """Nothing travels."""

    def slow(self, *names: str, delay_ms: float) -> None:
        """Nothing travels."""

    def cut(self, *names: str, directions: int = 3) -> None:
        """Nothing travels."""

    def set_fault(self, *names: str, cut: int, delay_ms: float) -> None:
        """Nothing travels."""

    def drop(self, *names: str) -> None:
        """Nothing is under way."""

    def restore(self, *names: str) -> None:
        """Nothing travels."""

    def close(self) -> None:
        """There is nothing to end."""
