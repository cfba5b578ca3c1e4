"""What must be seen of the cookie and of the id in it, in the lab sessions."""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.sessions import IN_MEMORY
from labs.setups.website.site import Site

LEAST_CHARACTERS = 22
"""Of an id: 22 characters of 6 bits are 128 bits and more, what OWASP requires."""
REQUIRED = ("HttpOnly", "Secure", "SameSite", "Path")


@check("The login makes a new id, and the store deletes the old one")
def new_id_at_login(sandbox: Sandbox) -> Verdict:
    for visit in reversed(list(sandbox.part(Site).visits)):
        if not visit.is_login or not visit.sid_sent or visit.ttl_before_s is None:
            continue
        if visit.store in IN_MEMORY:
            # The other instance may still have the old session: only this one deletes it.
            continue
        evidence: dict[str, Value] = {
            "id_before": visit.sid_sent[:8],
            "id_after": visit.sid_after[:8],
            "changed": visit.sid_sent != visit.sid_after,
            "old_id_still_stored": visit.sent_ttl_after_s is not None,
        }
        if visit.sid_sent == visit.sid_after:
            raise unmet(
                "The visitor is logged in under the id that they had before the login.",
                evidence,
                hint="An attacker may have planted that id. The app must make a new id at the "
                "login.",
            )
        if visit.sent_ttl_after_s is not None:
            raise unmet(
                "The login made a new id, but the store still has the old session.",
                evidence,
                hint="The app must delete the old session from the store at the login.",
            )
        return met(
            f"The login changed the id from {visit.sid_sent[:6]}… to {visit.sid_after[:6]}…. The "
            "store has deleted the old one.",
            evidence,
        )
    raise unmet(
        "No visitor who already had a session has logged in yet.",
        hint="Set “Sessions are kept in” to “Redis”. In “Mia’s browser” press “Log out” if she is "
        "logged in. Press “Add to the cart”, which gives her an id; then press “Log in”.",
    )


@check("The cookie holds a long random id, out of reach for scripts, and nothing else")
def cookie(sandbox: Sandbox) -> Verdict:
    logged_in = [visit for visit in sandbox.part(Site).visits if visit.is_login]
    given = require_seen(
        [(v, line) for v in logged_in for line in v.cookies if line.startswith("sid=")],
        "The app has set no cookie at a login yet.",
        hint="Press “Log in” in “Mia’s browser”. “The response, as it came” shows the cookie.",
    )
    visit, line = given[-1]
    value, *attributes = [part.strip() for part in line.removeprefix("sid=").split(";")]
    names = {part.partition("=")[0].lower() for part in attributes}
    missing = [name for name in REQUIRED if name.lower() not in names]
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
            hint="Look at the cookie under “The response, as it came”: HttpOnly keeps scripts out, "
            "Secure requires HTTPS.",
        )
    if len(value) < LEAST_CHARACTERS or visit.user in value:
        raise unmet(
            f"An attacker could guess the id {value[:12]}…, which has {len(value)} characters.",
            evidence,
            hint=f"The app must make an id of at least {LEAST_CHARACTERS} random characters, "
            "without the user’s name.",
        )
    if len(ids) > len(set(ids)):
        raise unmet(
            "Two logins got the same id.", evidence, hint="The app must make each id at random."
        )
    return met(
        f"The cookie holds {len(value)} random characters with {', '.join(attributes)}. It holds "
        "nothing of the user.",
        evidence,
    )
