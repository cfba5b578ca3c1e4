"""A check: what must be seen in a sandbox, and the function that judges whether it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labs.lab.verdict import Unmet, Verdict


@dataclass(frozen=True, slots=True)
class Check:
    """A claim about the sandbox."""

    name: str
    claim: str
    function: Callable[[Any], Verdict]

    def judge(self, sandbox: object) -> Verdict:
        """What the check finds now. It only reads; it is asked again after every event that
        matters.
        """
        try:
            return self.function(sandbox)
        except Unmet as found:
            return found.verdict


def check(claim: str) -> Callable[[Callable[[Any], Verdict]], Check]:
    """Makes a check of the function below it, which returns `met(…)` or raises `unmet(…)` and only
    reads. The check's name is the function's, with hyphens.
    """
    return lambda function: Check(name_of(function), claim, function)


def name_of(function: Callable[..., Any]) -> str:
    """A function's name as a lab's commands and stored records spell it: with hyphens."""
    return function.__name__.replace("_", "-")


def about_of(*made: Callable[..., Any]) -> str:
    """What functions or classes do, in the words of their docstrings, as a part of a sentence."""
    sentences = [" ".join((one.__doc__ or "").split()) for one in made]
    return "; ".join(words[0].lower() + words[1:].rstrip(".") for words in sentences if words)
