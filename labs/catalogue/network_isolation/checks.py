"""What must be seen in the lab network-isolation, judged by the callers' own clocks and by the
connections that the server counted.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, judged, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.bench import APP
from labs.setups.access.calls import TIMEOUT_S, Call
from labs.setups.access.gate import NO_PASSWORD, Removal

BASTION, STRANGER = "bastion", "stranger"
GROUPS = {APP: "sg-app", BASTION: "sg-bastion", STRANGER: "sg-other"}
_APP_RULE = "sg-app to 6379"


@check("Without a rule no caller gets through, and none gets an answer")
def closed_by_default(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "The application has not called yet while there is no rule.",
        lambda one: one.source == APP and not one.in_force,
        hint="Press “Remove the rule” for each rule that is there. " + _to_call("Application"),
    )
    return _timed_out(call, "The application")


@check("A rule for another port lets no caller in")
def other_port(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "The application has not called yet while its only rule names another port.",
        lambda one: (
            one.source == APP
            and not _let_in(one)
            and any(rule.startswith("sg-app ") for rule in one.in_force)
        ),
        hint=_to_add("sg-app", "11211") + " Remove the one for 6379. " + _to_call("Application"),
    )
    return _timed_out(call, "The application")


@check("A rule names a source group and a port, and lets in at once")
def let_in(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "The application has not called yet while a rule names its group and the port 6379.",
        lambda one: one.source == APP and _let_in(one) and one.login != NO_PASSWORD,
        hint=_to_add("sg-app", "6379") + " " + _to_call("Application"),
    )
    return judged(
        call.is_answered and call.connections,
        _evidence(call),
        f"Redis accepted the application’s connection and answered {call.answer} after "
        f"{call.took_ms:.1f} ms.",
        f"The application was {call.ended}: {call.answer}.",
        hint=_to_call("Application"),
    )


@check("A stranger is not refused: it waits until its own timeout")
def stranger_waits(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "The stranger has not called yet while the application is let in.",
        lambda one: one.source == STRANGER and _APP_RULE in one.in_force,
        hint="The rule for sg-app and 6379 must be in force. " + _to_call("Stranger"),
    )
    return _timed_out(call, "The stranger")


@check("A caller that gets through is not logged in yet")
def not_a_login(sandbox: Sandbox) -> Verdict:
    call = sandbox.ledger.require_newest(
        Call,
        "No caller whom a rule lets in has called without a password yet.",
        lambda one: one.login == NO_PASSWORD and _let_in(one),
        hint=_to_add("sg-bastion", "6379")
        + " In the tab Step choose “no” under “With its password”. "
        + _to_call("Bastion"),
    )
    return judged(
        call.is_refused("NOAUTH"),
        _evidence(call),
        f"Redis accepted the connection and refused the command: {call.answer}",
        f"Without a password the call was {call.ended}: {call.answer}.",
        hint="Redis must ask each caller that the rules let in for a password. "
        + _to_call("Bastion"),
    )


@check("A removed rule keeps new connections out; those that exist go on")
def existing_go_on(sandbox: Sandbox) -> Verdict:
    removal = sandbox.ledger.require_newest(
        Removal,
        "No rule has been removed yet while the application’s clients were connected.",
        hint=_to_add("sg-app", "6379") + " In the tab Load press “Start the load”. While it runs, "
        "press “Remove the rule”.",
    )
    evidence: dict[str, Value] = {"removed": removal.rule}
    evidence |= evidence_of(removal, "commands", "seconds")
    if not removal.commands:
        raise unmet(
            f"Redis answered nothing in the {removal.seconds:g} s after the rule was removed.",
            evidence,
            hint="In the tab Load set “Clients keep a connection for” to 0 s. With the rule in "
            "force press “Start the load”, and then “Remove the rule”.",
        )
    seen = sandbox.ledger.observations
    later = (one for one in seen[seen.index(removal) :] if isinstance(one, Call))
    call = require_seen(
        next((one for one in later if one.source == APP and not _let_in(one)), None),
        f"Redis answered {removal.commands:,} commands after the rule was removed. No new "
        "connection has been tried since.",
        evidence,
        hint="The rule must be gone. " + _to_call("Application"),
    )
    evidence |= evidence_of(call, "ended", "took_ms", prefix="new_")
    return judged(
        call.ended == "not let in",
        evidence,
        f"Redis answered {removal.commands:,} commands in the {removal.seconds:g} s after the rule "
        f"was removed. A new connection got no answer in {call.took_ms / 1000:.1f} s.",
        f"A new connection was {call.ended}, although its rule is gone.",
        hint=_to_call("Application"),
    )


def _let_in(call: Call) -> bool:
    """True if a rule named the group of the caller, and the server's port."""
    return f"{GROUPS[call.source]} to 6379" in call.in_force


def _evidence(call: Call) -> dict[str, Value]:
    counted = "ended", "answer", "took_ms", "connections_before", "connections_after"
    return {"rules": ", ".join(call.in_force) or "none", **evidence_of(call, *counted)}


def _timed_out(call: Call, who: str) -> Verdict:
    """Met if the caller waited until its own timeout and the server counted nothing of it."""
    if call.ended != "not let in" or call.took_ms < 900 * TIMEOUT_S:
        raise unmet(
            f"{who} was {call.ended} after {call.took_ms:,.0f} ms: {call.answer}.",
            _evidence(call),
            hint="What no rule lets in must be dropped. Press “Try to connect” in the tab Step "
            "once more.",
        )
    return judged(
        not call.connections,
        _evidence(call),
        f"{who} waited {call.took_ms / 1000:.1f} s and got no answer. Redis counted no connection.",
        f"{who} got no answer, but meanwhile Redis counted {call.connections} connections of "
        "other clients.",
        hint="In the tab Load press “Stop the load”, so that no other client connects. Then press "
        "“Try to connect” in the tab Step.",
    )


def _to_call(source: str) -> str:
    return f"In the tab Step choose “{source}” under “From” and press “Try to connect”."


def _to_add(group: str, port: str) -> str:
    return (
        f"Choose “{group}” under “Source group” and “{port}” under “Port”, and press “Add the "
        "rule”."
    )
