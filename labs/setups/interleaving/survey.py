"""All schedules of a race, or a sample: how each ended, and what that makes of a strategy."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from labs.setups.interleaving.played import Outcome, Played
from labs.setups.interleaving.race import Race, plan
from labs.setups.interleaving.schedules import beginning_with, every, sampled

SEED, DRAWS, LIMIT = 7, 40, 300
"""All schedules of a race are played where there are at most LIMIT; else DRAWS of them, drawn with
the seed.
"""


@dataclass(frozen=True)
class Survey:
    """What was raced, and every schedule that was played.

    `whole`: all there are; else drawn with SEED. An impossible schedule stands for all that begin
    as it does: `stands_for` has how many those are.
    """

    race: str
    strategy: str
    start: str
    ttl_s: float
    whole: bool
    played: tuple[Played, ...]
    stands_for: tuple[int, ...]
    took_s: float

    @cached_property
    def outcomes(self) -> Counter[Outcome]:
        """How many schedules ended in which way."""
        count: Counter[Outcome] = Counter()
        for played, stands_for in zip(self.played, self.stands_for, strict=True):
            count[played.outcome] += stands_for
        return count

    @property
    def schedules(self) -> int:
        """How many schedules were judged, the impossible ones among them."""
        return sum(self.stands_for)

    @property
    def stale(self) -> list[Played]:
        """The schedules that left the cache with less than the database has committed."""
        return [played for played in self.played if played.outcome == "stale"]

    @property
    def endless(self) -> bool:
        """True if one of them stays stale until the next write."""
        return any(played.left_ms is None for played in self.stale)

    @property
    def longest_ms(self) -> int:
        """For how long at most the cache will keep something stale, by its own report; 0 if nothing
        is stale.
        """
        return max((played.left_ms or 0 for played in self.stale), default=0)

    @property
    def old_answers(self) -> int:
        """Schedules in which a read answered with less than was committed before it began."""
        return sum(played.old_answers > 0 for played in self.played)


def survey(race: Race) -> Survey:
    """Play every schedule of the race, or a seeded random sample where there are too many."""
    began = time.monotonic()
    most = Counter({letter: len(steps) for letter, steps in plan(race.strategy, race.name).items()})
    if is_sample := beginning_with("", most) > LIMIT:
        played = tuple(sampled(race.play, seed=SEED, draws=DRAWS))
    else:
        played = tuple(every(race.play, limit=LIMIT))
    lengths = Counter(next((one.schedule for one in played if one.outcome != "impossible"), ""))
    race.clean()
    return Survey(
        race=race.name,
        strategy=race.strategy.name,
        start=race.start,
        ttl_s=race.ttl_s,
        whole=not is_sample and len(played) < LIMIT,
        played=played,
        stands_for=tuple(
            beginning_with(one.schedule, lengths)
            if one.outcome == "impossible" and not is_sample
            else 1
            for one in played
        ),
        took_s=round(time.monotonic() - began, 3),
    )
