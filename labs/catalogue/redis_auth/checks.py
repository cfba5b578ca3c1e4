"""What must be seen in the lab redis-auth, judged by the server's answers and by the visits of the
application's clients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.calls import Call
from labs.setups.access.tokens import OPEN, Rotation
from labs.setups.access.wire import times

NONE, WRONG = "none", "a wrong one"
PLAIN = "plain"
LEAST_VISITS = 50
RIGHT_ORDER = ("ROTATE", "hand over", "SET")
_ROTATE = (
    "In the tab Load press “Start the load”. In the tab Step press “ROTATE: add a token”, “Give "
    "the application the newest token” and “SET: only the newest token”."
)


@dataclass(frozen=True, slots=True)
class TokenTried:
    """A token that was held against the rules: its length, and what is wrong with it."""

    length: int
    problem: str


@dataclass(frozen=True, slots=True)
class BothTried:
    """Calls with two tokens while the server accepted both, by its own count of passwords."""

    passwords: int
    older: Call
    newer: Call


@dataclass(frozen=True, slots=True)
class Overheard:
    """A login without TLS, as the wire showed it: how many bytes crossed, and how often the token
    was among them.
    """

    answer: str
    bytes_seen: int
    tokens: int


@check("Without TLS the wire shows the token")
def on_the_wire(sandbox: Sandbox) -> Verdict:
    hint = "In the tab Step press “Log in without TLS”."
    seen = require_seen(
        sandbox.ledger.newest(Overheard), "No login without TLS has been overheard yet.", hint=hint
    )
    if not seen.tokens:
        raise unmet(
            f"The token was not found in the {seen.bytes_seen:,} bytes that crossed the wire.",
            evidence_of(seen),
            hint=hint,
        )
    return met(
        f"The token crossed the wire {times(seen.tokens)}, in {seen.bytes_seen:,} bytes that "
        "anybody on the way could read.",
        evidence_of(seen),
    )


@check("Without a token Redis refuses every command")
def refused_without(sandbox: Sandbox) -> Verdict:
    call = _newest(
        sandbox,
        lambda one: one.login == NONE and OPEN not in one.in_force,
        "No call without a token has been made yet.",
        hint="In the tab Step choose “none” under “Token” and press “Call Redis”.",
    )
    return _refused(call, "NOAUTH")


@check("A wrong token is refused")
def refused_wrong(sandbox: Sandbox) -> Verdict:
    call = _newest(
        sandbox,
        lambda one: one.login == WRONG,
        "No call with a wrong token has been made yet.",
        hint="In the tab Step choose “a wrong one” under “Token” and press “Call Redis”.",
    )
    return _refused(call, "WRONGPASS")


@check("The right token lets its holder in")
def let_in(sandbox: Sandbox) -> Verdict:
    call = _newest(
        sandbox,
        lambda one: one.login in one.in_force,
        "No call with the application’s token has been made yet.",
        hint="In the tab Step choose “the application’s” under “Token” and press “Call Redis”.",
    )
    if call.ended == "answered":
        return met(f"Redis answered {call.answer} after {call.took_ms:.1f} ms.", _evidence(call))
    raise unmet(
        f"The call with {call.login} was {call.ended}: {call.answer}",
        _evidence(call),
        hint="In the tab Step press “Give the application the newest token”, then “Call Redis”.",
    )


@check("A token has 16 to 128 characters, and not all characters are allowed")
def token_rules(sandbox: Sandbox) -> Verdict:
    seen = require_seen(
        sandbox.ledger.seen(TokenTried),
        "No token has been held against the rules yet.",
        hint="In the tab Step type “secret” under “A token” and press “Check this token”.",
    )
    refused = next((one for one in reversed(seen) if one.problem), None)
    taken = next((one for one in reversed(seen) if not one.problem), None)
    if refused is None or taken is None:
        raise unmet(
            "Only tokens that are right have been tried."
            if refused is None
            else "Only tokens that break the rules have been tried.",
            {"length": seen[-1].length, "problem": seen[-1].problem},
            hint="In the tab Step type a token of 16 to 128 letters and digits under “A token”, or "
            "a shorter one, and press “Check this token”.",
        )
    return met(
        f"A token of {refused.length} characters is refused: {refused.problem} One of "
        f"{taken.length} is taken.",
        {"refused_length": refused.length, "taken_length": taken.length},
    )


@check("After ROTATE Redis accepts both tokens")
def both_valid(sandbox: Sandbox) -> Verdict:
    both = require_seen(
        sandbox.ledger.newest(BothTried),
        "Redis has not accepted two tokens yet.",
        hint="In the tab Step press “ROTATE: add a token”.",
    )
    evidence: dict[str, Value] = {
        "passwords": both.passwords,
        "older_answer": both.older.answer,
        "newer_answer": both.newer.answer,
    }
    if both.older.ended == both.newer.ended == "answered" and both.passwords > 1:
        return met(
            f"Redis has {both.passwords} passwords for the user default, and answered a call with "
            "each.",
            evidence,
        )
    raise unmet(
        f"With {both.older.login} the call was {both.older.ended}, with {both.newer.login} it was "
        f"{both.newer.ended}.",
        evidence,
        hint="ROTATE must keep the older token. In the tab Step press “SET: only the newest token” "
        "and “ROTATE: add a token”.",
    )


@check("In a rotation in the right order no request fails")
def rotated(sandbox: Sandbox) -> Verdict:
    rotation = require_seen(
        sandbox.ledger.newest(Rotation, lambda one: one.steps == RIGHT_ORDER),
        "No token has been rotated in the right order under load yet.",
        hint=_ROTATE,
    )
    evidence = _evidence_of_rotation(rotation)
    if rotation.done < LEAST_VISITS:
        raise unmet(
            f"Only {rotation.done} visits were counted meanwhile, too few to judge.",
            evidence,
            hint="Raise “Visits wanted” in the tab Load. " + _ROTATE,
        )
    if rotation.failed:
        raise unmet(
            f"{rotation.failed} of {rotation.done + rotation.failed:,} visits failed.",
            evidence,
            hint="Redis must accept both tokens until every client has the new one. " + _ROTATE,
        )
    if rotation.old.ended != "refused by the server":
        raise unmet(
            f"The old token is still accepted: {rotation.old.answer}.",
            evidence,
            hint="SET must leave the newest token alone. " + _ROTATE,
        )
    return met(
        f"None of {rotation.done:,} visits failed, and Redis refuses the old token now: "
        f"{rotation.old.answer}",
        evidence,
    )


@check("After SET, requests of an application with the old token fail")
def wrong_order(sandbox: Sandbox) -> Verdict:
    rotation = require_seen(
        sandbox.ledger.newest(Rotation, lambda one: "hand over" not in one.steps),
        "SET has not been pressed yet before the application had the new token.",
        hint="In the tab Load press “Start the load”. In the tab Step press “ROTATE: add a token” "
        "and at once “SET: only the newest token”.",
    )
    evidence = _evidence_of_rotation(rotation)
    if rotation.failed:
        return met(
            f"{rotation.failed:,} visits failed in {rotation.seconds:.1f} s: clients that "
            "connected again still had the old token.",
            evidence,
        )
    raise unmet(
        f"None of {rotation.done:,} visits failed.",
        evidence,
        hint="In the tab Load set “Clients keep a connection for” to 0.5 s: a client is asked for "
        "its token when it connects. Then ROTATE and SET again.",
    )


@check("A default user without a password lets in everybody")
def trap(sandbox: Sandbox) -> Verdict:
    call = _newest(
        sandbox,
        lambda one: one.login == NONE and OPEN in one.in_force,
        "No call without a token has been made yet while the default user had no password.",
        hint="In the tab Break press “Take the password away”. Then choose “none” under “Token” "
        "and press “Call Redis” in the tab Step.",
    )
    if call.ended == "answered":
        return met(f"Redis answered {call.answer} to a caller without a token.", _evidence(call))
    raise unmet(
        f"The call without a token was {call.ended}: {call.answer}",
        _evidence(call),
        hint="In the tab Break press “Take the password away”, and call again without a token.",
    )


def _newest(sandbox: Sandbox, where: Callable[[Call], object], message: str, *, hint: str) -> Call:
    return require_seen(sandbox.ledger.newest(Call, where), message, hint=hint)


def _evidence(call: Call) -> dict[str, Value]:
    return evidence_of(call, "login", "ended", "answer", "took_ms")


def _evidence_of_rotation(rotation: Rotation) -> dict[str, Value]:
    return {
        "steps": ", ".join(rotation.steps),
        **evidence_of(rotation, "done", "failed"),
        "seconds": round(rotation.seconds, 1),
        "old_answer": rotation.old.answer,
    }


def _refused(call: Call, word: str) -> Verdict:
    if call.ended == "refused by the server" and call.answer.startswith(word):
        return met(f"Redis refused: {call.answer}", _evidence(call))
    raise unmet(
        f"The call was {call.ended}: {call.answer}",
        _evidence(call),
        hint="Redis must ask every client for its token. In the tab Break press “Ask for the "
        "token again”, then “Call Redis” in the tab Step.",
    )
