"""Logins with IAM tokens that are right, late, foreign and forged, and commands afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labs.events import Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.setups.access import iam
from labs.setups.access.bench import show_newest
from labs.setups.access.iam_users import POLICY, IamUsers

USER, OTHER_USER, OTHER_REGION = "iam-user-01", "iam-user-02", "eu-west-1"
LATE_S = 16 * 60
Kind = Literal["own", "late", "region", "user", "tampered"]
KINDS: dict[Kind, str] = {
    "own": "as it was signed",
    "late": "16 minutes later",
    "region": "signed for another region",
    "user": "as another user",
    "tampered": "with one letter changed",
}
"""What is special about a token, as the page calls it."""
TABLE = Table(
    "logins",
    "Who has logged in",
    (
        Column("token", "Token"),
        Column("policy", "Policy allows"),
        Column("answer", "The client was answered"),
        Column("reason", "Because"),
    ),
    empty="No login has been tried yet.",
    shown=False,
)


@dataclass(frozen=True, slots=True)
class Login:
    """A login with a token: what was special about it, the answer, and the gate's own reason."""

    kind: Kind
    policy: str
    answer: str
    reason: str
    characters: int

    @property
    def is_accepted(self) -> bool:
        """True if the client was let in."""
        return self.answer == "OK"


@dataclass(frozen=True, slots=True)
class Asked:
    """A command on the connection that is held. `hours` is what the clock was advanced by since the
    login.
    """

    policy: str
    command: str
    answer: str
    hours: float


def log_in(context: Context, kind: Kind) -> Login:
    """Sign a token, and log in with it in this way. The page shows what the token consists of."""
    part = context.part(IamUsers)
    token = iam.make_token(part.keys, USER, region=OTHER_REGION if kind == "region" else iam.REGION)
    if kind == "tampered":
        token = token[:-1] + ("0" if token[-1] != "0" else "1")
    part.show(token)
    user, late_s = OTHER_USER if kind == "user" else USER, LATE_S if kind == "late" else 0
    answer, reason = part.log_in(user, token, late_s=late_s)
    policy = str(context.settings["policy"])
    login = observed(context, Login(kind, policy, answer, reason, len(token)))

    def row(one: Login) -> dict[str, Value]:
        return {
            "token": KINDS[one.kind],
            "policy": POLICY.show(one.policy),
            "answer": one.answer,
            "reason": one.reason or "nothing is wrong with it",
        }

    show_newest(context, TABLE, Login, row)
    return login


def ask(context: Context, command: str) -> Asked:
    """Send a command over the connection that is held. Raises NotNow if none is."""
    part = context.part(IamUsers)
    answer = part.ask(*command.split())
    return observed(context, Asked(str(context.settings["policy"]), command, answer, part.hours))
