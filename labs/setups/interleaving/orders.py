"""Which orders of steps there are. Pure: somebody else takes the steps.

An order is a string of workers' letters. How many steps a worker has is known only when it has
taken them (a hit has fewer than a miss), so orders are found by playing: after each one, the last
place where another worker could have gone instead gives the next.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import factorial, prod
from typing import Protocol, TypeVar

Choose = Callable[[int, str], str]
"""Which worker goes next: the number of steps taken and the letters of those that wait, in order.
"""


class Taken(Protocol):
    """What a played order must tell: its letters, and for each step the letters that could have
    gone.
    """

    @property
    def order(self) -> str: ...
    @property
    def waiting(self) -> Sequence[str]: ...


_Played = TypeVar("_Played", bound=Taken)


def following(order: str) -> Choose:
    """Go as an order says; a letter that can't go is passed over, and when there are none left the
    first that waits goes.
    """
    left = list(order)

    def choose(_step: int, waiting: str) -> str:
        while left:
            letter = left.pop(0)
            if letter in waiting:
                return letter
        return waiting[0]

    return choose


def every(play: Callable[[Choose], _Played], *, most: int) -> Iterator[_Played]:
    """All orders, in the order of their letters, at most so many.

    A play that ended early (a step could not be taken) stands for all that begin as it did.
    """
    prefix: str | None = ""
    while prefix is not None and most > 0:
        played = play(following(prefix))
        yield played
        prefix = _after(played.order, played.waiting)
        most -= 1


def sampled(play: Callable[[Choose], _Played], *, seed: int, draws: int) -> Iterator[_Played]:
    """Orders drawn by a seed: at each step every worker that waits is equally likely.

    What was drawn before is played again and not told again.
    """
    chance = random.Random(seed)
    seen = set()
    for _ in range(draws):
        played = play(lambda _step, waiting: chance.choice(waiting))
        if played.order not in seen:
            seen.add(played.order)
            yield played


def beginning_with(prefix: str, lengths: Counter[str]) -> int:
    """How many orders of workers with so many steps each begin with these letters."""
    left = lengths - Counter(prefix)
    return factorial(left.total()) // prod(factorial(count) for count in left.values())


def _after(order: str, waiting: Sequence[str]) -> str | None:
    for place in reversed(range(len(order))):
        later = [letter for letter in waiting[place] if letter > order[place]]
        if later:
            return order[:place] + min(later)
    return None
