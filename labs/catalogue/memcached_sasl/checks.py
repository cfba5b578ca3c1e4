"""What must be seen in the lab memcached-sasl, judged by clients and by the server's counters."""

from __future__ import annotations

from labs.catalogue.memcached_sasl.logins import PLAIN, SASL, Asked
from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox


@check("A client of the text protocol gets no answer")
def text_waits(sandbox: Sandbox) -> Verdict:
    asked = _newest(
        sandbox,
        "text",
        "none",
        "No client of the text protocol has asked yet.",
        hint="In the tab Step press “Ask with the text protocol”.",
    )
    if asked.ended == "not answered" and asked.took_ms > 1_500:
        return met(
            f"The client got no answer, not even an error, and gave up after "
            f"{asked.took_ms / 1000:.1f} s.",
            _evidence(asked),
        )
    raise unmet(
        f"The client was {asked.ended}: {asked.answer}.",
        _evidence(asked),
        hint="A server with SASL waits for a request of the binary protocol. In the tab Step press "
        "“Ask with the text protocol”.",
    )


@check("Without a login the server refuses")
def refused_without(sandbox: Sandbox) -> Verdict:
    asked = _newest(
        sandbox,
        "binary",
        "none",
        "No client has asked without a login yet.",
        hint="In the tab Step choose “no login” under “With”, and press “Log in and ask”.",
    )
    return _refused(asked, "no login")


@check("A wrong password is refused, and counted")
def refused_wrong(sandbox: Sandbox) -> Verdict:
    asked = _newest(
        sandbox,
        "binary",
        "wrong",
        "No client has come with a wrong password yet.",
        hint="In the tab Step choose “a wrong password” under “With”, and press “Log in and ask”.",
    )
    if asked.ended == "refused" and not asked.auth_errors:
        raise unmet(
            "The client was refused, and the server counted no failed login.",
            _evidence(asked),
            hint="In the tab Step choose “a wrong password” under “With”, and press “Log in and "
            "ask” again.",
        )
    return _refused(asked, "a wrong password")


@check("The right password lets the client in")
def let_in(sandbox: Sandbox) -> Verdict:
    asked = _newest(
        sandbox,
        "binary",
        "right",
        "No client has come with the right password yet.",
        hint="In the tab Step choose “the right password” under “With”, and press “Log in and "
        "ask”.",
    )
    if asked.ended == "answered":
        return met(f"Memcached answered: {asked.answer}.", _evidence(asked))
    raise unmet(
        f"The client was {asked.ended}: {asked.answer}",
        _evidence(asked),
        hint="In the tab Step press “Log in and ask” again.",
    )


@check("Memcached as ElastiCache offers it asks for no password")
def as_offered(sandbox: Sandbox) -> Verdict:
    asked = require_seen(
        sandbox.ledger.newest(Asked, lambda one: one.server == PLAIN),
        "The Memcached without SASL has not been asked yet.",
        hint="In the tab Step press “Ask the one without SASL”.",
    )
    if asked.ended == "answered":
        return met(
            f"It answered a client that never logged in: {asked.answer}. Each client "
            "that reaches it may do everything.",
            _evidence(asked),
        )
    raise unmet(
        f"The client was {asked.ended}: {asked.answer}",
        _evidence(asked),
        hint="In the tab Step press “Ask the one without SASL” again.",
    )


def _newest(sandbox: Sandbox, client: str, login: str, message: str, *, hint: str) -> Asked:
    return require_seen(
        sandbox.ledger.newest(
            Asked, lambda one: (one.server, one.client, one.login) == (SASL, client, login)
        ),
        message,
        hint=hint,
    )


def _refused(asked: Asked, login: str) -> Verdict:
    if asked.ended == "refused":
        return met(f"Memcached refused: {asked.answer}", _evidence(asked))
    raise unmet(
        f"With {login} the client was {asked.ended}: {asked.answer}.",
        _evidence(asked),
        hint="In the tab Step press “Log in and ask” again.",
    )


def _evidence(asked: Asked) -> dict[str, Value]:
    return evidence_of(asked, "server", "client", "ended", "answer", "took_ms", "auth_errors")
