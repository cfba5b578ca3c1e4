"""What must be seen in the lab iam, judged by the answers of the API, of the gate and of Redis."""

from __future__ import annotations

from dataclasses import dataclass

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, judged, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.iam_logins import KINDS, Asked, Kind, Login

GET, SET, DELETE = "GET app:1", "SET app:1 page", "DEL app:1"
ANSWERS = {GET: "page", SET: "OK"}
API = "elasticache:CreateReplicationGroup"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call of the API under a policy."""

    policy: str
    allowed: bool
    answer: str


@check("A policy decides who may call the API")
def api(sandbox: Sandbox) -> Verdict:
    seen = require_seen(
        sandbox.ledger.seen(ApiCall),
        "The API has not been called yet.",
        hint="Press “Create a replication group” in the tab Step.",
    )
    denied = sandbox.ledger.newest(ApiCall, lambda one: not one.allowed)
    allowed = sandbox.ledger.newest(ApiCall, lambda one: one.allowed)
    if denied is None or allowed is None:
        raise unmet(
            f"The API has only answered: {seen[-1].answer}",
            evidence_of(seen[-1], "policy", "answer"),
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
    login = sandbox.ledger.require_newest(
        Login,
        "The application has not logged in yet with a token and a policy that allows Connect.",
        lambda one: one.kind == "own" and one.policy == "connect",
        hint=_to_log_in("own"),
    )
    if not login.is_accepted:
        raise unmet(
            f"The login was refused: {login.answer}",
            _evidence(login),
            hint="In the tab Step press “Log in with the token” again: each press signs a new one.",
        )
    refused = require_seen(
        sandbox.ledger.newest(
            Login,
            lambda one: one.kind == "own" and one.policy != "connect" and not one.is_accepted,
        ),
        "The login was accepted. No login without such a policy has been tried yet.",
        _evidence(login),
        hint="Set “Policy” to “the API, not Connect”, and press “Log in with the token” in the tab "
        "Step.",
    )
    return met(
        f"With the policy the login was accepted. Without it: {refused.reason}.",
        {**_evidence(login), "without_reason": refused.reason},
    )


@check("GET and SET ask no policy")
def data_plane(sandbox: Sandbox) -> Verdict:
    for command, expected in ANSWERS.items():
        asked = _asked_without(sandbox, command)
        if asked.answer != expected:
            raise unmet(
                f"Redis answered {command} with: {asked.answer}",
                evidence_of(asked, "policy", "command", "answer"),
                hint=_to_send(command),
            )
    return met(
        f"No policy allowed Connect any more, and Redis answered {GET} with {ANSWERS[GET]}, and "
        f"{SET} with {ANSWERS[SET]}.",
        {"get_answer": ANSWERS[GET], "set_answer": ANSWERS[SET]},
    )


@check("The access string says what a user may do")
def rights(sandbox: Sandbox) -> Verdict:
    asked = sandbox.ledger.require_newest(
        Asked,
        "No command outside of the access string has been sent yet.",
        lambda one: one.command == DELETE,
        hint="Log in, choose “DEL app:1” under “Command”, and press “Send the command” in the tab "
        "Step.",
    )
    return judged(
        asked.answer.startswith("NOPERM"),
        evidence_of(asked, "policy", "command", "answer"),
        f"Redis refused {asked.command}: {asked.answer}",
        f"Redis answered {asked.command} with: {asked.answer}",
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
    asked = sandbox.ledger.require_newest(
        Asked,
        "No command has been sent yet on a connection that is 12 hours old.",
        lambda one: one.hours >= 12,
        hint="Log in, press “Advance the clock by 12 hours” in the tab Break, and “Send the "
        "command” in the tab Step.",
    )
    return judged(
        asked.answer.startswith("closed"),
        evidence_of(asked, "command", "answer", "hours"),
        f"After {asked.hours:.0f} hours the connection was {asked.answer}.",
        f"After {asked.hours:.0f} hours Redis still answered: {asked.answer}",
        hint="Log in again, and advance the clock once more.",
    )


def _asked_without(sandbox: Sandbox, command: str) -> Asked:
    return sandbox.ledger.require_newest(
        Asked,
        f"{command} has not been sent yet on an open connection while no policy allows Connect.",
        lambda one: one.command == command and one.policy != "connect",
        hint=_to_send(command),
    )


def _refused(sandbox: Sandbox, kind: Kind, word: str) -> Verdict:
    """Met if the gate refused such a token, for a reason with this word."""
    login = sandbox.ledger.require_newest(
        Login,
        f"No login {KINDS[kind]} has been tried yet.",
        lambda one: one.kind == kind,
        hint=_to_log_in(kind),
    )
    return judged(
        not login.is_accepted and word in login.reason,
        _evidence(login),
        f"The client got {login.answer} The gate’s reason: {login.reason}.",
        f"The login {KINDS[kind]} was accepted."
        if login.is_accepted
        else f"The login was refused for another reason: {login.reason}.",
        hint="Set “Policy” to “Connect to this cache”, and press “Log in with the token” in the "
        "tab Step.",
    )


def _evidence(login: Login) -> dict[str, Value]:
    return evidence_of(login, "kind", "policy", "answer", "reason")


def _to_log_in(kind: Kind) -> str:
    return (
        f"Set “Policy” to “Connect to this cache”. In the tab Step choose “{KINDS[kind]}” under "
        "“Token”, and press “Log in with the token”."
    )


def _to_send(command: str) -> str:
    return (
        "Log in with the policy “Connect to this cache”. Then set “Policy” to “nothing”, choose "
        f"“{command}” under “Command”, and press “Send the command” in the tab Step."
    )
