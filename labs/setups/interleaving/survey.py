"""All orders of a race, or a sample of them: how each ended, and what that makes of a strategy."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from labs.setups.interleaving.orders import beginning_with, every, sampled
from labs.setups.interleaving.race import Outcome, Played, Race


@dataclass(frozen=True)
class Survey:
    """What was asked, and every order that was played.

    `whole`: all there are; else drawn with `seed`.

    An impossible order stands for all that begin as it does; `cut` has how many those are.
    """

    race: str
    strategy: str
    start: str
    ttl_s: float
    whole: bool
    seed: int
    played: tuple[Played, ...]
    cut: tuple[int, ...]
    took_s: float

    @cached_property
    def outcomes(self) -> Counter[Outcome]:
        """Orders by how they ended."""
        count: Counter[Outcome] = Counter()
        for played, stands_for in zip(self.played, self.cut, strict=True):
            count[played.outcome] += stands_for
        return count

    @property
    def orders(self) -> int:
        """How many orders were judged, the impossible ones among them."""
        return sum(self.cut)

    @property
    def stale(self) -> list[Played]:
        """The orders that left the cache with less than the database has committed."""
        return [played for played in self.played if played.outcome == "stale"]

    @property
    def endless(self) -> bool:
        """True if one of them stays stale until somebody writes again."""
        return any(played.left_ms is None for played in self.stale)

    @property
    def longest_ms(self) -> int:
        """For how long at most the cache said that it would keep something stale; 0 if
        nothing is.
        """
        return max((played.left_ms or 0 for played in self.stale), default=0)

    @property
    def old_answers(self) -> int:
        """Orders in which a reader was told less than was committed before it began."""
        return sum(played.old_answers > 0 for played in self.played)


def survey(
    race: Race,
    *,
    name: str,
    strategy: str,
    start: str,
    ttl_s: float,
    draws: int,
    seed: int,
    most: int,
) -> Survey:
    """Play every order, at most so many; with `draws`, so many drawn by the seed."""
    began = time.monotonic()
    played = tuple(
        sampled(race.play, seed=seed, draws=draws) if draws else every(race.play, most=most)
    )
    lengths = Counter(next((one.order for one in played if one.outcome != "impossible"), ""))
    cut = tuple(
        beginning_with(one.order, lengths) if one.outcome == "impossible" and not draws else 1
        for one in played
    )
    race.clean()
    return Survey(
        name,
        strategy,
        start,
        ttl_s,
        not draws and len(played) < most,
        seed,
        played,
        cut,
        round(time.monotonic() - began, 3),
    )
