"""What can go wrong in the engine room: a sentence for the learner, a hint, a detail for the log.

Refuses to know about HTTP.
"""

from __future__ import annotations

import re
from typing import ClassVar

KINDS: dict[str, type[LabsError]] = {}
"""The errors below LabsError by their kind."""


def wire_name(kind: type) -> str:
    """What a class is called outside of Python: `DidNotStart` is did-not-start."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


class LabsError(Exception):
    """Base of every error that the engine room raises on purpose.

    `str(error)` is the sentence that a learner may read; `hint` says what to do next; `detail` is
    for the log only. `kind` is the stable name that crosses process borders.
    """

    kind: ClassVar[str] = "labs-error"

    def __init_subclass__(cls) -> None:
        cls.kind = wire_name(cls)
        KINDS[cls.kind] = cls

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


class BadInput(LabsError):
    """The caller asked for something that does not exist or is out of range."""


class UnknownLab(BadInput):
    """No lab has this id."""


class UnknownSandbox(LabsError):
    """No open sandbox has this id, or another learner owns it; the two look the same."""


class SandboxTaken(LabsError):
    """The learner already has a sandbox open for another lab."""


class NotNow(LabsError):
    """Right request, wrong moment: e.g. the next line when no request is being stepped."""


class ServerNotUp(NotNow):
    """It needs a server that is down, paused or not there."""


class LoadRunning(NotNow):
    """It needs the servers for itself, and the load runs."""


class NothingRecorded(NotNow):
    """It needs a recording, and there is none."""


class GroupNotSettled(NotNow):
    """It needs a replication group in which every member has its role."""


class CommandRefused(LabsError):
    """A console command that this bench does not run."""


class ServerDown(LabsError):
    """A lab server does not answer: killed, paused, cut off or busy."""


class DidNotStart(LabsError):
    """A server died or stayed silent during its start; `detail` holds the tail of its log."""


class HostAway(LabsError):
    """No labs host answers; lessons and quizzes still work."""


class TooSlow(LabsError):
    """The sandbox did not answer before the deadline."""


class OverBudget(LabsError):
    """The sandbox used more memory, time or processes than it may."""


class RunsDiffer(LabsError):
    """Two runs of the same experiment ended in different ways."""


def no_such_sandbox() -> UnknownSandbox:
    """The error for a sandbox that does not exist, and for one that the asker must not know of."""
    return UnknownSandbox(
        "There is no such sandbox.",
        hint="It may have ended. Open the lab again: your progress is kept.",
    )


def has_ended() -> UnknownSandbox:
    """The error for a call that a sandbox can't answer because it has ended."""
    return UnknownSandbox(
        "Your sandbox has ended.", hint="Open the lab again: your progress is kept."
    )


def no_answer_in_time() -> TooSlow:
    """The error for a sandbox that is silent."""
    return TooSlow(
        "Your sandbox did not answer in time.",
        hint="Try again; if it stays silent, open the lab again. Your progress is kept.",
    )


def as_data(error: LabsError) -> dict[str, str]:
    """The error as plain data for a wire; the detail stays behind."""
    return {"kind": error.kind, "message": str(error), "hint": error.hint}


def from_data(data: dict[str, str]) -> LabsError:
    """The error that `as_data` described; an unknown kind becomes a plain `LabsError`."""
    return KINDS.get(data.get("kind", ""), LabsError)(
        data.get("message", "Something went wrong."), hint=data.get("hint", "")
    )
