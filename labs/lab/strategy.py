"""A caching strategy as a learner reads it and as it runs: one text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from labs.events import Value


@dataclass(frozen=True, slots=True)
class Steppable:
    """What a step can run: a strategy's `read` or `write`, what the learner calls it, and what
    stands over its text.
    """

    function: Literal["read", "write"]
    label: str
    heading: str


REQUESTS = (
    Steppable("read", "Read", "The code that runs"),
    Steppable("write", "Write", "When it writes"),
)


@dataclass(frozen=True, slots=True)
class Strategy:
    """A caching strategy as the learner reads it: `read(shop, cache, item, ttl_s)` and, where it
    has one, `write(shop, cache, item, price, ttl_s)`.

    With `expires` false it is handed 0 for the time to live: what it stores stays until it is
    pushed out.
    """

    name: str
    label: str
    read: Callable[..., object]
    write: Callable[..., object] | None = None
    expires: bool = True

    def ttl_s(self, settings: Mapping[str, Value]) -> float:
        """How long what it stores lives: the lab's control `ttl_s`, unless `expires` is off here or
        there; then 0.
        """
        return (
            float(settings.get("ttl_s", 60))
            if self.expires and settings.get("expires", "on") == "on"
            else 0.0
        )
