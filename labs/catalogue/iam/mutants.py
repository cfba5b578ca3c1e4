"""What the checks of the lab iam must catch."""

from __future__ import annotations

from labs.catalogue.iam import checks
from labs.lab import mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.iam_users import IamUsers


def _overlook(sandbox: Sandbox, word: str) -> None:
    """Have the gate accept what it would refuse for a reason with this word."""
    part = sandbox.part(IamUsers)

    def judge(user: str, token: str) -> str:
        reason = part.judge(user, token)
        return "" if word in reason else reason

    part.judged_by = judge


@mutant(checks.expired)
def takes_old_tokens(sandbox: Sandbox) -> None:
    """Tokens never grow old."""
    _overlook(sandbox, "expired")


@mutant(checks.tampered)
def takes_every_signature(sandbox: Sandbox) -> None:
    """The gate looks at no signature."""
    _overlook(sandbox, "signature")


@mutant(checks.logs_in)
def asks_no_policy(sandbox: Sandbox) -> None:
    """The gate asks no policy."""
    _overlook(sandbox, "policy")


MUTANTS = (takes_old_tokens, takes_every_signature, asks_no_policy)
