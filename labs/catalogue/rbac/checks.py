"""What must be seen in the lab rbac, judged by the answers of Redis to commands that were tried."""

from __future__ import annotations

from collections.abc import Callable

from labs.events import Value
from labs.lab import Verdict, check, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.users import JOB, OTHER, Tried, text_of

READ_OTHER, KEYS, SCAN = OTHER[0], OTHER[3], OTHER[2]


@check("A user without rules can do nothing")
def nothing_at_first(sandbox: Sandbox) -> Verdict:
    tried = _newest(
        sandbox,
        lambda one: one.string in ("", "off"),
        "No user without a right has tried its commands yet.",
        hint=_to_grant("off"),
    )
    allowed = tried.allowed((*JOB, *OTHER))
    if allowed:
        raise unmet(
            f"Without a rule the user may run {', '.join(allowed)}.",
            _evidence(tried),
            hint="A user begins with no right at all. " + _to_grant("off"),
        )
    return met(f"Redis refused every command: {tried.calls[0].answer}", _evidence(tried))


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
    tried = _newest(
        sandbox,
        lambda one: "~*" in one.string.split() or "allkeys" in one.string.split(),
        "No user with the pattern ~* has tried its commands yet.",
        hint=_to_grant("on ~* +get +set +incr"),
    )
    got = tried.of(READ_OTHER)
    if got.ended == "answered":
        return met(
            f"With “{tried.string}” Redis answered GET billing:1 with {got.answer}.",
            _evidence(tried),
        )
    raise unmet(
        f"GET billing:1 was refused: {got.answer}",
        _evidence(tried),
        hint="The string must be on, and allow GET. " + _to_grant("on ~* +get +set +incr"),
    )


@check("Rules hold in their order: a category gives back what another took")
def order_counts(sandbox: Sandbox) -> Verdict:
    pair = require_seen(
        sandbox.ledger.seen(Tried),
        "No access string with -@dangerous has been tried yet.",
        hint=_to_grant("on ~app:* -@dangerous +@read"),
    )
    back = next((one for one in reversed(pair) if _ends_in_read(one.string)), None)
    taken = next((one for one in reversed(pair) if _ends_in_dangerous(one.string)), None)
    if back is None or taken is None:
        wanted = "-@dangerous +@read" if back is None else "+@read -@dangerous"
        raise unmet(
            f"No user with “{wanted}” in this order has tried its commands yet.",
            hint=_to_grant(f"on ~app:* {wanted}"),
        )
    evidence: dict[str, Value] = {
        "read_last": back.string,
        "read_last_keys": back.of(KEYS).answer,
        "dangerous_last": taken.string,
        "dangerous_last_keys": taken.of(KEYS).answer,
    }
    if back.of(KEYS).ended == "answered" and taken.of(KEYS).ended == "refused by the server":
        return met(
            f"With “{back.string}” Redis answers KEYS, with “{taken.string}” it refuses: KEYS is "
            "in both categories, and the last rule holds.",
            evidence,
        )
    raise unmet(
        f"KEYS was {back.of(KEYS).ended} with “{back.string}”, and {taken.of(KEYS).ended} with "
        f"“{taken.string}”.",
        evidence,
        hint="Both strings must be on and allow the keys of the application. "
        + _to_grant("on ~app:* +@read -@dangerous"),
    )


@check("A key pattern hides no names")
def names_are_seen(sandbox: Sandbox) -> Verdict:
    tried = _newest(
        sandbox,
        lambda one: one.of(SCAN).ended == "answered" and one.of(READ_OTHER).ended != "answered",
        "No user that may not read the keys of others has listed their names yet.",
        hint=_to_grant("on ~app:* +@read -@dangerous"),
    )
    listed = tried.of(SCAN).answer
    if "billing:1" in listed:
        return met(
            f"With “{tried.string}” Redis refuses GET billing:1, and SCAN lists it.",
            {"string": tried.string, "scanned": listed, "read": tried.of(READ_OTHER).answer},
        )
    raise unmet(
        "SCAN did not list billing:1.",
        {"string": tried.string, "scanned": listed, "read": tried.of(READ_OTHER).answer},
        hint=_to_grant("on ~app:* +@read -@dangerous"),
    )


def _newest(
    sandbox: Sandbox, where: Callable[[Tried], object], message: str, *, hint: str
) -> Tried:
    return require_seen(sandbox.ledger.newest(Tried, where), message, hint=hint)


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


def _ends_in_read(string: str) -> bool:
    return string.endswith("-@dangerous +@read")


def _ends_in_dangerous(string: str) -> bool:
    return string.endswith("+@read -@dangerous")
