"""What a check finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labs.events import CheckStatus, Value

Evidence = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: its status, a sentence, and the counters that prove it (name to value,
    before and after).
    """

    status: CheckStatus
    message: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    hint: str = ""


class Unmet(Exception):
    """A check is not met; it may be raised from any depth of a check."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def met(message: str, evidence: Evidence) -> Verdict:
    """The check is met: a sentence that says what was seen, and the counters that prove it."""
    return Verdict("met", message, evidence)


def unmet(message: str, evidence: Evidence | None = None, *, hint: str = "") -> Unmet:
    """To be raised: the check is not met (yet). With `evidence` what it judges was seen and was not
    so; without, it was not seen. `hint` names what to do next.
    """
    return Unmet(Verdict("unmet", message, evidence or {}, hint))
