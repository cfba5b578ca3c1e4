"""What must be seen in the lab iam, judged by the answers of the API, of the gate and of Redis."""

from __future__ import annotations

from dataclasses import dataclass

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox

GET, SET, DELETE = "GET app:1", "SET app:1 page", "DEL app:1"
ANSWERS = {GET: "page", SET: "OK"}
API = "elasticache:CreateReplicationGroup"
KINDS = {
    "own": "as it was signed",
    "late": "16 minutes later",
    "region": "signed for another region",
    "user": "as another user",
    "tampered": "with one letter changed",
}


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call of the API under a policy."""

    policy: str
    allowed: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Login:
    """A login with a token: what was special about it, the answer, and the gate's own reason."""

    kind: str
    policy: str
    answer: str
    reason: str

    @property
    def accepted(self) -> bool:
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


@check("A policy decides who may call the API")
def api(sandbox: Sandbox) -> Verdict:
    seen = require_seen(
        sandbox.ledger.seen(ApiCall),
        "The API has not been called yet.",
        hint="Press “Create a replication group” in the tab Step.",
    )
    denied = next((one for one in reversed(seen) if not one.allowed), None)
    allowed = next((one for one in reversed(seen) if one.allowed), None)
    if denied is None or allowed is None:
        raise unmet(
            f"The API has only answered: {seen[-1].answer}",
            {"policy": seen[-1].policy, "answer": seen[-1].answer},
            hint="Set “Policy” to “the API, not Connect”, and press “Create a replication group” "
            "in the tab Step. Then do the same with “nothing”.",
        )
    return met(
        f"Without a policy for it the API refused: {denied.answer} With one it answered: "
        f"{allowed.answer}",
        {"denied": denied.answer, "allowed": allowed.answer},
    )


@check("A signed token logs in, if the policy allows Connect")
def logs_in(sandbox: Sandbox) -> Verdict:
    login = require_seen(
        sandbox.ledger.newest(Login, lambda one: one.kind == "own" and one.policy == "connect"),
        "The application has not logged in yet with a token and a policy that allows Connect.",
        hint="Set “Policy” to “Connect to this cache”. In the tab Step choose “as it was signed” "
        "under “Token”, and press “Log in with the token”.",
    )
    evidence = _evidence(login)
    refused = sandbox.ledger.newest(
        Login, lambda one: one.kind == "own" and one.policy != "connect" and not one.accepted
    )
    if not login.accepted:
        raise unmet(
            f"The login was refused: {login.answer}",
            evidence,
            hint="In the tab Step press “Log in with the token” again: each press signs a new one.",
        )
    if refused is None:
        raise unmet(
            "The login was accepted. No login without such a policy has been tried yet.",
            evidence,
            hint="Set “Policy” to “the API, not Connect”, and press “Log in with the token” in the "
            "tab Step.",
        )
    return met(
        f"With the policy the login was accepted. Without it: {refused.reason}.",
        evidence | {"without_reason": refused.reason},
    )


@check("GET and SET ask no policy")
def data_plane(sandbox: Sandbox) -> Verdict:
    asked = {command: _newest_without(sandbox, command) for command in ANSWERS}
    for command, one in asked.items():
        if one is None:
            raise unmet(
                f"{command} has not been sent yet on an open connection while no policy allows "
                "Connect.",
                hint=_to_send(command),
            )
        if one.answer != ANSWERS[command]:
            raise unmet(
                f"Redis answered {command} with: {one.answer}",
                evidence_of(one, "policy", "command", "answer"),
                hint=_to_send(command),
            )
    return met(
        f"No policy allows anything now, and Redis answered {GET} with {ANSWERS[GET]}, and "
        f"{SET} with {ANSWERS[SET]}.",
        {"get_answer": ANSWERS[GET], "set_answer": ANSWERS[SET]},
    )


@check("The access string says what a user may do")
def rights(sandbox: Sandbox) -> Verdict:
    asked = require_seen(
        sandbox.ledger.newest(Asked, lambda one: one.command.startswith("DEL")),
        "No command outside of the access string has been sent yet.",
        hint="Log in, choose “DEL app:1” under “Command”, and press “Send the command” in the tab "
        "Step.",
    )
    evidence = evidence_of(asked, "policy", "command", "answer")
    if asked.answer.startswith("NOPERM"):
        return met(f"Redis refused {asked.command}: {asked.answer}", evidence)
    raise unmet(
        f"Redis answered {asked.command} with: {asked.answer}",
        evidence,
        hint="Log in again, choose “DEL app:1” under “Command”, and press “Send the command” in "
        "the tab Step.",
    )


@check("A token is refused 15 minutes after it was signed")
def expired(sandbox: Sandbox) -> Verdict:
    return _refused(sandbox, "late", "expired")


@check("A token for another region is refused")
def other_region(sandbox: Sandbox) -> Verdict:
    return _refused(sandbox, "region", "signed for")


@check("A token of another user is refused")
def other_user(sandbox: Sandbox) -> Verdict:
    return _refused(sandbox, "user", "for the user")


@check("A token with one letter changed is refused")
def tampered(sandbox: Sandbox) -> Verdict:
    return _refused(sandbox, "tampered", "signature")


@check("A connection ends after 12 hours")
def twelve_hours(sandbox: Sandbox) -> Verdict:
    asked = require_seen(
        sandbox.ledger.newest(Asked, lambda one: one.hours >= 12),
        "No command has been sent yet on a connection that is 12 hours old.",
        hint="Log in, press “Advance the clock by 12 hours” in the tab Break, and “Send the "
        "command” in the tab Step.",
    )
    evidence = evidence_of(asked, "command", "answer", "hours")
    if asked.answer.startswith("closed"):
        return met(f"After {asked.hours:.0f} hours the connection was {asked.answer}.", evidence)
    raise unmet(
        f"After {asked.hours:.0f} hours Redis still answered: {asked.answer}",
        evidence,
        hint="Log in again, and advance the clock once more.",
    )


def _to_send(command: str) -> str:
    return (
        "Log in with the policy “Connect to this cache”. Then set “Policy” to “nothing”, choose "
        f"“{command}” under “Command”, and press “Send the command” in the tab Step."
    )


def _newest_without(sandbox: Sandbox, command: str) -> Asked | None:
    return sandbox.ledger.newest(
        Asked, lambda one: one.command == command and one.policy != "connect"
    )


def _refused(sandbox: Sandbox, kind: str, word: str) -> Verdict:
    login = require_seen(
        sandbox.ledger.newest(Login, lambda one: one.kind == kind),
        f"No login {KINDS[kind]} has been tried yet.",
        hint=f"Set “Policy” to “Connect to this cache”. In the tab Step choose “{KINDS[kind]}” "
        "under “Token”, and press “Log in with the token”.",
    )
    if not login.accepted and word in login.reason:
        return met(
            f"The client got {login.answer} The gate’s reason: {login.reason}.", _evidence(login)
        )
    raise unmet(
        f"The login {KINDS[kind]} was accepted."
        if login.accepted
        else f"The login was refused for another reason: {login.reason}.",
        _evidence(login),
        hint="Set “Policy” to “Connect to this cache”, and press “Log in with the token” in the "
        "tab Step.",
    )


def _evidence(login: Login) -> dict[str, Value]:
    return evidence_of(login, "kind", "policy", "answer", "reason")
