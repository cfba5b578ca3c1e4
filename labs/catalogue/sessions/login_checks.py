"""What must be seen in the lab sessions of a login: the id that it makes, and its cookie."""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, met, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.sessions import IN_MEMORY
from labs.setups.website.site import Site

LEAST_CHARACTERS = 22
"""Of an id: 22 characters of 6 bits are 128 bits and more, what OWASP requires."""


@check("The login makes a new id, and the old one is worth nothing")
def new_id_at_login(sandbox: Sandbox) -> Verdict:
    """A visitor's id is worth nothing after the login, which made another."""
    for visit in reversed(list(sandbox.part(Site).visits)):
        # In memory the old session may be with the other instance, which does not learn of a login
        # here.
        if (
            not visit.is_login
            or not visit.sid_sent
            or visit.ttl_before_s is None
            or visit.store in IN_MEMORY
        ):
            continue
        evidence: dict[str, Value] = {
            "id_before": visit.sid_sent[:8],
            "id_after": visit.sid_after[:8],
            "changed": visit.sid_sent != visit.sid_after,
            "old_id_still_stored": visit.sent_ttl_after_s is not None,
        }
        if visit.sid_sent == visit.sid_after:
            raise unmet(
                "The visitor is signed in under the id that they came with.",
                evidence,
                hint="Somebody may have planted that id, or seen it. What should a login do to it?",
            )
        if visit.sent_ttl_after_s is not None:
            raise unmet(
                "There is a new id, and the old session can still be used.",
                evidence,
                hint="What should become of the old session?",
            )
        return met(
            f"The login changed the id from {visit.sid_sent[:6]}… to {visit.sid_after[:6]}…, "
            "and the store has forgotten the old one.",
            evidence,
        )
    raise unmet(
        "Nobody has logged in who already had a session.",
        hint="Put something into the cart before you log in: that gives a visitor an id.",
    )


@check("The cookie holds a long random id, out of reach for scripts, and nothing else")
def cookie(sandbox: Sandbox) -> Verdict:
    """The cookie is a long random id with the attributes that OWASP requires, and nothing else."""
    logged_in = [visit for visit in sandbox.part(Site).visits if visit.is_login]
    given = [(v, line) for v in logged_in for line in v.cookies if line.startswith("sid=")]
    if not given:
        raise unmet(
            "No cookie has been given out at a login yet.",
            hint="Log in, and read the response.",
        )
    visit, line = given[-1]
    value, *attributes = [part.strip() for part in line.removeprefix("sid=").split(";")]
    names = {part.partition("=")[0].lower() for part in attributes}
    missing = [
        name for name in ("HttpOnly", "Secure", "SameSite", "Path") if name.lower() not in names
    ]
    ids = [v.sid_after for v, _ in given]
    evidence: dict[str, Value] = {
        "attributes": ", ".join(attributes),
        "characters": len(value),
        "bits_at_most": len(value) * 6,
        "logins": len(ids),
        "different_ids": len(set(ids)),
    }
    if missing:
        raise unmet(
            f"The cookie lacks {', '.join(missing)}.",
            evidence,
            hint="Who may read this cookie, and over what?",
        )
    if len(value) < LEAST_CHARACTERS or visit.user in value:
        raise unmet(
            f"The id {value[:12]}… could be guessed: {len(value)} characters.",
            evidence,
            hint="What can somebody who knows the user’s name say about the id?",
        )
    if len(ids) > len(set(ids)):
        raise unmet("Two logins were given the same id.", evidence, hint="How is the id made?")
    return met(
        f"{len(value)} random characters, {', '.join(attributes)}: nothing of the user is in "
        "the cookie.",
        evidence,
    )
