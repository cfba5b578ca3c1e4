"""What can go wrong in the engine room: a sentence for the learner, a hint, a detail for the log.

Refuses to know about HTTP.
"""

from __future__ import annotations


class LabsError(Exception):
    """Base of every error that the engine room raises on purpose.

    `str(error)` is the sentence that a learner may read; `hint` says what to do next; `detail` is
    for the log only. `kind` is the stable name that crosses process borders.
    """

    kind = "labs-error"

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


class BadInput(LabsError):
    """The caller asked for something that does not exist or is out of range."""

    kind = "bad-input"


class UnknownLab(BadInput):
    """No lab has this id."""

    kind = "unknown-lab"


class UnknownSandbox(LabsError):
    """No open sandbox has this id, or it belongs to somebody else; the two are never told apart."""

    kind = "unknown-sandbox"


class SandboxTaken(LabsError):
    """The learner already has a sandbox open for another lab."""

    kind = "sandbox-taken"


class NotNow(LabsError):
    """Right request, wrong moment: e.g. the next line when no request is being stepped."""

    kind = "not-now"


class ServerNotUp(NotNow):
    """It needs a server that is down, paused or not there."""

    kind = "server-not-up"


class LoadRunning(NotNow):
    """It needs the servers for itself, and the load runs."""

    kind = "load-running"


class LinkNotWhole(NotNow):
    """It needs a link that is cut or slowed."""

    kind = "link-not-whole"


class NothingRecorded(NotNow):
    """It needs a recording, and there is none."""

    kind = "nothing-recorded"


class GroupNotSettled(NotNow):
    """It needs a replication group in which every member has its role."""

    kind = "group-not-settled"


class CommandRefused(LabsError):
    """A console command that this bench does not run."""

    kind = "command-refused"


class ServerDown(LabsError):
    """A lab server does not answer: killed, paused, cut off or busy."""

    kind = "server-down"


class DidNotStart(LabsError):
    """A server died or stayed silent while it was being started; `detail` holds the tail of its
    log.
    """

    kind = "did-not-start"


class HostAway(LabsError):
    """No labs host answers; lessons and quizzes still work."""

    kind = "host-away"


class TooSlow(LabsError):
    """The sandbox did not answer before the deadline."""

    kind = "too-slow"


class OverBudget(LabsError):
    """The sandbox used more memory, time or processes than it may."""

    kind = "over-budget"


KINDS: dict[str, type[LabsError]] = {
    kind.kind: kind
    for kind in (
        LabsError,
        BadInput,
        UnknownLab,
        UnknownSandbox,
        SandboxTaken,
        NotNow,
        ServerNotUp,
        LoadRunning,
        LinkNotWhole,
        NothingRecorded,
        GroupNotSettled,
        CommandRefused,
        ServerDown,
        DidNotStart,
        HostAway,
        TooSlow,
        OverBudget,
    )
}


def as_data(error: LabsError) -> dict[str, str]:
    """The error as plain data for a wire; the detail stays behind."""
    return {"kind": error.kind, "message": str(error), "hint": error.hint}


def from_data(data: dict[str, str]) -> LabsError:
    """The error that `as_data` described; an unknown kind becomes a plain `LabsError`."""
    return KINDS.get(data.get("kind", ""), LabsError)(
        data.get("message", "Something went wrong."), hint=data.get("hint", "")
    )
