"""What a sandbox is given by the program that opens it: a directory, a runtime, secrets,
and doubles where nothing real runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from labs.engines.base import Engine
from labs.runtime.protocol import Runtime
from labs.sandbox.clients import ClosableCache, ClosableShop, OnFound
from labs.sandbox.console import Console
from labs.shop.shop import OnCommand


class Doubles(Protocol):
    """What stands in for servers and for the clients that would connect to them (labs.fake)."""

    def engine(self, name: str, kind: str) -> Engine:
        """The engine of a server that does not run."""

    def console(self, name: str, is_up: Callable[[], bool]) -> Console:
        """The console of a server that does not run."""

    def cache(
        self,
        is_up: Callable[[], bool],
        on_command: OnCommand,
        on_lookup: OnCommand,
        on_found: OnFound,
    ) -> ClosableCache:
        """The application's client of the cache."""

    def shop(self, is_up: Callable[[], bool], on_command: OnCommand, what: str) -> ClosableShop:
        """The application's client of the database."""


@dataclass(frozen=True, slots=True)
class SandboxEnvironment:
    """Where a sandbox runs: its directory, the shop's database template, how servers are run, and
    its secrets by server. `doubles` is None where servers are real.
    """

    directory: Path
    template: Path
    runtime: Runtime
    secrets: Mapping[str, str]
    doubles: Doubles | None = None
