"""What a keeper asks of the zygote: a sandbox at this place, under this user, in this isolation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """One sandbox to be. `uid` is None where everything is the ordinary user's."""

    sandbox: str
    slot: int
    uid: int | None
    isolation: str
    directory: str
    template: str
