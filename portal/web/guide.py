"""The guide of a lab as a page shows it: each step in words, how far it is done, and which of the
steps it is that lead to the same check.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labs.lab import Lab, Use, goals, use_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideStep:
    """One step; `claim` is that of the check that ends it or, without one, that it leads to.

    `check` is the number of the check of the lab that it leads to, `place` its own among the
    `places` steps that do so; all count from 1.
    """

    number: int
    check: int
    place: int
    places: int
    do: str
    how: str
    why: str
    use: Use
    claim: str
    ends_with_check: bool
    state: Literal["done", "now", "todo"]
    just_done: bool
    """The page says why it mattered: the last step that is done, and what was done with it."""


MOST_REASONS = 3
"""At most this number of reasons is shown at once."""


def guide_of(lab: Lab, progress: Mapping[str, Any], met: Collection[str]) -> list[GuideStep]:
    """The steps of a lab. `progress` is what its sandbox says of them; without one, what was `met`
    in an earlier sandbox counts.
    """
    led_to = goals(lab)
    done = (
        {n for n in progress.get("done", []) if isinstance(n, int)}
        if progress
        else {n for n, goal in enumerate(led_to) if goal.name in met}
    )
    now = next((n for n in range(len(lab.guide)) if n not in done), None)
    newest = _newest(lab, len(lab.guide) if now is None else now)
    return [
        GuideStep(
            number=n + 1,
            check=lab.checks.index(led_to[n]) + 1,
            place=led_to[: n + 1].count(led_to[n]),
            places=led_to.count(led_to[n]),
            do=step.do,
            how=step.how,
            why=step.why,
            use=use_of(lab, step.use),
            claim=(step.until or led_to[n]).claim,
            ends_with_check=step.until is not None,
            state="now" if n == now else "done" if n in done else "todo",
            just_done=n in newest,
        )
        for n, step in enumerate(lab.guide)
    ]


def most_reasons(steps: Sequence[GuideStep]) -> int:
    """How many reasons are shown at once when this guide is followed: room for them is kept."""
    longest = run = 0
    for step in steps:
        run = 1 if step.use.key else run + 1
        longest = max(longest, run)
    return min(longest, MOST_REASONS)


def _newest(lab: Lab, now: int) -> range:
    """The steps that ended last before this one: the last one with something to press, and those
    after it with nothing to press, which often end at the same moment.
    """
    first = max(now - 1, 0)
    while first and not lab.guide[first].use.key:
        first -= 1
    return range(max(first, now - MOST_REASONS), now)
