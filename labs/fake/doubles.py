"""All doubles of one sandbox, made over the same state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labs.fake.clients import FakeCache, FakeConsole, FakeShop
from labs.fake.engine import FakeEngine
from labs.fake.state import FakeState
from labs.sandbox.clients import OnFound
from labs.shop.shop import OnCommand


@dataclass(frozen=True, slots=True)
class FakeDoubles:
    """What a sandbox asks for where nothing real runs (labs.sandbox.environment.Doubles)."""

    state: FakeState

    def engine(self, name: str, kind: str) -> FakeEngine:
        return FakeEngine(name, kind, self.state)

    def console(self, name: str, is_up: Callable[[], bool]) -> FakeConsole:
        return FakeConsole(name, is_up)

    def cache(
        self,
        is_up: Callable[[], bool],
        on_command: OnCommand,
        on_lookup: OnCommand,
        on_found: OnFound,
    ) -> FakeCache:
        return FakeCache(self.state, is_up, on_command, on_lookup, on_found)

    def shop(self, is_up: Callable[[], bool], on_command: OnCommand, what: str) -> FakeShop:
        return FakeShop(self.state, is_up, on_command, what)
