"""The schedules of a race: every one, a sample, or a given one. Pure: the caller takes the steps.

A schedule is a string of workers' letters, one for each step. How many steps a worker has is known
only when it has taken them (a hit has fewer than a miss), so schedules are found by playing: after
each one, the last place where another worker could have gone instead gives the next.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import factorial, prod

from labs.setups.interleaving.played import Played

Choose = Callable[[int, str], str]
"""Chooses the worker that goes next, from the number of steps taken and the letters of the workers
that wait, in the order of the alphabet.
"""
Play = Callable[[Choose], Played]
"""Plays one schedule in the order that is chosen."""


def following(schedule: str) -> Choose:
    """Follow a schedule. A letter that can't go is left out, and after the last letter the first
    worker that waits goes.
    """
    left = list(schedule)

    def choose(_step: int, waiting: str) -> str:
        while left:
            letter = left.pop(0)
            if letter in waiting:
                return letter
        return waiting[0]

    return choose


def every(play: Play, *, limit: int) -> Iterator[Played]:
    """Play all schedules in alphabetical order, up to `limit`.

    A run that stops early, at a step that could not be taken, covers every schedule with the same
    prefix.
    """
    prefix: str | None = ""
    while prefix is not None and limit > 0:
        played = play(following(prefix))
        yield played
        prefix = _after(played.schedule, played.waiting)
        limit -= 1


def sampled(play: Play, *, seed: int, draws: int) -> Iterator[Played]:
    """Play `draws` schedules drawn with a seed: at each step every worker that waits is equally
    likely. One that was drawn before is played again and left out.
    """
    chance = random.Random(seed)
    seen = set()
    for _ in range(draws):
        played = play(lambda _step, waiting: chance.choice(waiting))
        if played.schedule not in seen:
            seen.add(played.schedule)
            yield played


def beginning_with(prefix: str, lengths: Counter[str]) -> int:
    """How many schedules begin with these letters; `lengths` has each worker's number of steps."""
    left = lengths - Counter(prefix)
    return factorial(left.total()) // prod(factorial(count) for count in left.values())


def _after(schedule: str, waiting: Sequence[str]) -> str | None:
    for place in reversed(range(len(schedule))):
        later = [letter for letter in waiting[place] if letter > schedule[place]]
        if later:
            return schedule[:place] + min(later)
    return None
