"""The guide of a lab as a page shows it: each step in words, and how far it is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labs.lab import Lab, Use, goals, use_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideStep:
    """One step; `claim` is that of the check that ends it or, without one, that it leads to."""

    number: int
    do: str
    how: str
    why: str
    use: Use
    claim: str
    ends_with_check: bool
    state: Literal["done", "now", "todo"]


def guide_of(lab: Lab, progress: Mapping[str, Any], met: Collection[str]) -> list[GuideStep]:
    """The steps of a lab. `progress` is what its sandbox says of them; without one, what was `met`
    in an earlier sandbox counts.
    """
    led_to = goals(lab)
    known = {n for n in progress.get("done", []) if isinstance(n, int)}
    done = known | {n for n, goal in enumerate(led_to) if goal.name in met}
    now = next((n for n in range(len(lab.guide)) if n not in done), None)
    return [
        GuideStep(
            number=n + 1,
            do=step.do,
            how=step.how,
            why=step.why,
            use=use_of(lab, step.use),
            claim=(step.until or led_to[n]).claim,
            ends_with_check=step.until is not None,
            state="now" if n == now else "done" if n in done else "todo",
        )
        for n, step in enumerate(lab.guide)
    ]
