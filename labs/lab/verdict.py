"""What a check finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from labs.events import CheckStatus, Value

Evidence = Mapping[str, Value]
Thing = TypeVar("Thing")


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


def judged(
    is_so: object, evidence: Evidence, met_message: str, unmet_message: str, *, hint: str
) -> Verdict:
    """What a check finds of something that was seen: met with the first sentence if it is so.
    Raises Unmet with the second sentence and the hint if it is not.
    """
    if not is_so:
        raise unmet(unmet_message, evidence, hint=hint)
    return met(met_message, evidence)


def require_seen(
    thing: Thing | None, message: str, evidence: Evidence | None = None, *, hint: str
) -> Thing:
    """What a check is about to judge. Raises Unmet if there is nothing: it is None or empty."""
    if not thing:
        raise unmet(message, evidence, hint=hint)
    return thing


def evidence_of(seen: Any, *names: str, prefix: str = "") -> dict[str, Value]:
    """These values of a row or of a dataclass's instance, of which all fields if none is named."""
    if isinstance(seen, Mapping):
        return {prefix + name: seen[name] for name in names or seen}
    names = names or tuple(one.name for one in fields(seen))
    return {prefix + name: getattr(seen, name) for name in names}
