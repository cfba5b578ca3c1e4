"""What must be seen in the lab redis-auth, judged by the server's answers and by the visits of the
application's clients.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, judged, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.calls import Call
from labs.setups.access.tokens import NONE, OPEN, WRONG, BothTried, Rotation, TokenTried
from labs.setups.access.wire import Overheard, times

PLAIN = "plain"
LEAST_VISITS = 50
RIGHT_ORDER = ("ROTATE", "hand over", "SET")
_ROTATE = (
    "In the tab Load press “Start the load”. In the tab Step press “ROTATE: add a token”, “Give "
    "the application the newest token” and “SET: only the newest token”."
)


@check("Without TLS the wire shows the token")
def on_the_wire(sandbox: Sandbox) -> Verdict:
    hint = "In the tab Step press “Log in without TLS”."
    seen = sandbox.ledger.require_newest(
        Overheard, "No login without TLS has been overheard yet.", hint=hint
    )
    tokens = seen.times_seen["tokens"]
    return judged(
        tokens,
        seen.evidence,
        f"The token crossed the wire {times(tokens)}, in {seen.bytes_seen:,} bytes that anybody on "
        "the way could read.",
        f"The token was not found in the {seen.bytes_seen:,} bytes that crossed the wire.",
        hint=hint,
    )


@check("Without a token Redis refuses every command")
def refused_without(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "No call without a token has been made yet.",
        lambda one: one.login == NONE and OPEN not in one.in_force,
        hint=_to_call("none"),
    )
    return _refused(call, "NOAUTH")


@check("A wrong token is refused")
def refused_wrong(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "No call with a wrong token has been made yet.",
        lambda one: one.login == WRONG,
        hint=_to_call("a wrong one"),
    )
    return _refused(call, "WRONGPASS")


@check("The right token lets its holder in")
def let_in(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "No call with the application’s token has been made yet.",
        lambda one: one.login in one.in_force,
        hint=_to_call("the application’s"),
    )
    return judged(
        call.is_answered,
        _evidence(call),
        f"Redis answered {call.answer} after {call.took_ms:.1f} ms.",
        f"The call with {call.login} was {call.ended}: {call.answer}",
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
        f"One token breaks the rules: {refused.problem} Another one, of {taken.length} "
        "characters, is allowed.",
        {"refused_length": refused.length, "taken_length": taken.length},
    )


@check("After ROTATE Redis accepts both tokens")
def both_valid(sandbox: Sandbox) -> Verdict:
    both = sandbox.ledger.require_newest(
        BothTried,
        "Redis has not accepted two tokens yet.",
        hint="In the tab Step press “ROTATE: add a token”.",
    )
    evidence: dict[str, Value] = {
        "passwords": both.passwords,
        "older_answer": both.older.answer,
        "newer_answer": both.newer.answer,
    }
    return judged(
        both.older.is_answered and both.newer.is_answered and both.passwords > 1,
        evidence,
        f"Redis has {both.passwords} passwords for the user default, and answered a call with "
        "each.",
        f"With {both.older.login} the call was {both.older.ended}, with {both.newer.login} it was "
        f"{both.newer.ended}.",
        hint="ROTATE must keep the older token. In the tab Step press “SET: only the newest token” "
        "and “ROTATE: add a token”.",
    )


@check("In a rotation in the right order no request fails")
def rotated(sandbox: Sandbox) -> Verdict:
    rotation = sandbox.ledger.require_newest(
        Rotation,
        "No token has been rotated in the right order under load yet.",
        lambda one: one.steps == RIGHT_ORDER,
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
    return judged(
        rotation.old.is_refused(""),
        evidence,
        f"None of {rotation.done:,} visits failed, and Redis refuses the old token now: "
        f"{rotation.old.answer}",
        f"The old token is still accepted: {rotation.old.answer}.",
        hint="SET must leave the newest token alone. " + _ROTATE,
    )


@check("After SET, requests of an application with the old token fail")
def wrong_order(sandbox: Sandbox) -> Verdict:
    rotation = sandbox.ledger.require_newest(
        Rotation,
        "SET has not been pressed yet before the application had the new token.",
        lambda one: "hand over" not in one.steps,
        hint="In the tab Load press “Start the load”. In the tab Step press “ROTATE: add a token” "
        "and at once “SET: only the newest token”.",
    )
    return judged(
        rotation.failed,
        _evidence_of_rotation(rotation),
        f"{rotation.failed:,} visits failed in {rotation.seconds:.1f} s: clients that connected "
        "again still had the old token.",
        f"None of {rotation.done:,} visits failed.",
        hint="In the tab Load set “Clients keep a connection for” to 0.5 s: a client is asked for "
        "its token when it connects. Then ROTATE and SET again.",
    )


@check("A default user without a password lets in everybody")
def trap(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "No call without a token has been made yet while the default user had no password.",
        lambda one: one.login == NONE and OPEN in one.in_force,
        hint="In the tab Break press “Take the password away”. Then choose “none” under “Token” "
        "and press “Call Redis” in the tab Step.",
    )
    return judged(
        call.is_answered,
        _evidence(call),
        f"Redis answered {call.answer} to a caller without a token.",
        f"The call without a token was {call.ended}: {call.answer}",
        hint="In the tab Break press “Take the password away”, and call again without a token.",
    )


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
    return judged(
        call.is_refused(word),
        _evidence(call),
        f"Redis refused: {call.answer}",
        f"The call was {call.ended}: {call.answer}",
        hint="Redis must ask every client for its token. In the tab Break press “Ask for the "
        "token again”, then “Call Redis” in the tab Step.",
    )


def _to_call(token: str) -> str:
    return f"In the tab Step choose “{token}” under “Token” and press “Call Redis”."
