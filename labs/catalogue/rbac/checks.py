"""What must be seen in the lab rbac, judged by the answers of Redis to commands that were tried."""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, judged, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.users import JOB, OTHER, Tried, text_of

READ_OTHER, KEYS, SCAN = OTHER[0], OTHER[3], OTHER[2]


@check("A user without rules can do nothing")
def nothing_at_first(sandbox: Sandbox) -> Verdict:
    tried = sandbox.ledger.require_newest(
        Tried,
        "No user without a right has tried its commands yet.",
        lambda one: one.string in ("", "off"),
        hint=_to_grant("off"),
    )
    allowed = tried.allowed((*JOB, *OTHER))
    return judged(
        not allowed,
        _evidence(tried),
        f"Redis refused every command: {tried.calls[0].answer}",
        f"Without a rule the user may run {', '.join(allowed)}.",
        hint="A user begins with no right at all. " + _to_grant("off"),
    )


@check("The application can do its work, and nothing else")
def least_privilege(sandbox: Sandbox) -> Verdict:
    tried = require_seen(
        sandbox.ledger.seen(Tried),
        "No access string has been tried yet.",
        hint=_to_grant("on ~app:* +get +set +incr"),
    )
    fits = [one for one in tried if len(one.allowed(JOB)) == len(JOB) and not one.allowed(OTHER)]
    if fits:
        one = fits[-1]
        refused = one.of(READ_OTHER).answer
        return met(
            f"With “{one.string}” all {len(JOB)} commands of the application are answered and all "
            f"{len(OTHER)} others refused. Redis says: {refused}",
            _evidence(one),
        )
    newest = tried[-1]
    missing = [text_of(one) for one in JOB if text_of(one) not in newest.allowed(JOB)]
    raise unmet(
        f"With “{newest.string or 'no rule'}” the application may not run {', '.join(missing)}."
        if missing
        else f"With “{newest.string}” the application may run {', '.join(newest.allowed(OTHER))}.",
        _evidence(newest),
        hint="Name the application’s keys, and each command that it needs. "
        + _to_grant("on ~app:* +get +set +incr"),
    )


@check("A pattern that is too wide opens the keys of others")
def too_wide(sandbox: Sandbox) -> Verdict:
    tried = sandbox.ledger.require_newest(
        Tried,
        "No user with the pattern ~* has tried its commands yet.",
        lambda one: not {"~*", "allkeys"}.isdisjoint(one.string.split()),
        hint=_to_grant("on ~* +get +set +incr"),
    )
    got = tried.of(READ_OTHER)
    return judged(
        got.is_answered,
        _evidence(tried),
        f"With “{tried.string}” Redis answered GET billing:1 with {got.answer}.",
        f"GET billing:1 was refused: {got.answer}",
        hint="The string must be on, and allow GET. " + _to_grant("on ~* +get +set +incr"),
    )


@check("Rules hold in their order: a category gives back what another took")
def order_counts(sandbox: Sandbox) -> Verdict:
    require_seen(
        sandbox.ledger.seen(Tried),
        "No access string with -@dangerous has been tried yet.",
        hint=_to_grant("on ~app:* -@dangerous +@read"),
    )
    back = _ends_in(sandbox, "-@dangerous +@read")
    taken = _ends_in(sandbox, "+@read -@dangerous")
    return judged(
        back.of(KEYS).is_answered and taken.of(KEYS).is_refused("NOPERM"),
        {
            "read_last": back.string,
            "read_last_keys": back.of(KEYS).answer,
            "dangerous_last": taken.string,
            "dangerous_last_keys": taken.of(KEYS).answer,
        },
        f"With “{back.string}” Redis answers KEYS, with “{taken.string}” it refuses: KEYS is in "
        "both categories, and the last rule holds.",
        f"KEYS was {back.of(KEYS).ended} with “{back.string}”, and {taken.of(KEYS).ended} with "
        f"“{taken.string}”.",
        hint="Both strings must be on and allow the keys of the application. "
        + _to_grant("on ~app:* +@read -@dangerous"),
    )


@check("A key pattern hides no names")
def names_are_seen(sandbox: Sandbox) -> Verdict:
    tried = sandbox.ledger.require_newest(
        Tried,
        "No user that may not read the keys of others has listed their names yet.",
        lambda one: one.of(SCAN).is_answered and not one.of(READ_OTHER).is_answered,
        hint=_to_grant("on ~app:* +@read -@dangerous"),
    )
    listed = tried.of(SCAN).answer
    return judged(
        "billing:1" in listed,
        {"string": tried.string, "scanned": listed, "read": tried.of(READ_OTHER).answer},
        f"With “{tried.string}” Redis refuses GET billing:1, and SCAN lists it.",
        "SCAN did not list billing:1.",
        hint=_to_grant("on ~app:* +@read -@dangerous"),
    )


def _ends_in(sandbox: Sandbox, rules: str) -> Tried:
    return sandbox.ledger.require_newest(
        Tried,
        f"No user with “{rules}” in this order has tried its commands yet.",
        lambda one: one.string.endswith(rules),
        hint=_to_grant(f"on ~app:* {rules}"),
    )


def _evidence(tried: Tried) -> dict[str, Value]:
    return {
        "user": tried.user,
        "string": tried.string or "none",
        "allowed_of_its_own": len(tried.allowed(JOB)),
        "allowed_of_others": len(tried.allowed(OTHER)),
        "answer": tried.of(READ_OTHER).answer,
    }


def _to_grant(string: str) -> str:
    return f"In the tab Step type “{string}” under “Access string” and press “Grant and try”."
