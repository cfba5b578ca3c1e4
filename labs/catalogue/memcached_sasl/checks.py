"""What must be seen in the lab memcached-sasl, judged by clients and by the server's counters."""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, judged, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.sasl_logins import LOGINS, PLAIN, SASL, Asked


@check("A client of the text protocol gets no answer")
def text_waits(sandbox: Sandbox) -> Verdict:
    asked = sandbox.ledger.require_newest(
        Asked,
        "No client of the text protocol has asked yet.",
        lambda one: one.server == SASL and one.client == "text",
        hint="In the tab Step press “Ask with the text protocol”.",
    )
    return judged(
        asked.ended == "not answered" and asked.took_ms > 1_500,
        _evidence(asked),
        "The client got no answer, not even an error, and gave up after "
        f"{asked.took_ms / 1000:.1f} s.",
        f"The client was {asked.ended}: {asked.answer}.",
        hint="A server with SASL waits for a request of the binary protocol. In the tab Step press "
        "“Ask with the text protocol”.",
    )


@check("Without a login the server refuses")
def refused_without(sandbox: Sandbox) -> Verdict:
    return _refused(_with_login(sandbox, "none", "No client has asked without a login yet."))


@check("A wrong password is refused, and counted")
def refused_wrong(sandbox: Sandbox) -> Verdict:
    asked = _with_login(sandbox, "wrong", "No client has come with a wrong password yet.")
    if asked.ended == "refused" and not asked.auth_errors:
        raise unmet(
            "The client was refused, and the server counted no failed login.",
            _evidence(asked),
            hint="In the tab Step choose “a wrong password” under “With”, and press “Log in and "
            "ask” again.",
        )
    return _refused(asked)


@check("The right password lets the client in")
def let_in(sandbox: Sandbox) -> Verdict:
    asked = _with_login(sandbox, "right", "No client has come with the right password yet.")
    return judged(
        asked.is_answered,
        _evidence(asked),
        f"Memcached answered: {asked.answer}.",
        f"The client was {asked.ended}: {asked.answer}",
        hint="In the tab Step press “Log in and ask” again.",
    )


@check("Memcached as ElastiCache offers it asks for no password")
def as_offered(sandbox: Sandbox) -> Verdict:
    asked = sandbox.ledger.require_newest(
        Asked,
        "The Memcached without SASL has not been asked yet.",
        lambda one: one.server == PLAIN,
        hint="In the tab Step press “Ask the one without SASL”.",
    )
    return judged(
        asked.is_answered,
        _evidence(asked),
        f"It answered a client that never logged in: {asked.answer}. Each client that reaches it "
        "may do everything.",
        f"The client was {asked.ended}: {asked.answer}",
        hint="In the tab Step press “Ask the one without SASL” again.",
    )


def _with_login(sandbox: Sandbox, login: str, unseen: str) -> Asked:
    """The newest client of the binary protocol with this login. Unmet if there is none."""
    return sandbox.ledger.require_newest(
        Asked,
        unseen,
        lambda one: (one.server, one.client, one.login) == (SASL, "binary", login),
        hint=f"In the tab Step choose “{LOGINS[login]}” under “With”, and press “Log in and ask”.",
    )


def _refused(asked: Asked) -> Verdict:
    return judged(
        asked.ended == "refused",
        _evidence(asked),
        f"Memcached refused: {asked.answer}",
        f"With {LOGINS[asked.login]} the client was {asked.ended}: {asked.answer}.",
        hint="In the tab Step press “Log in and ask” again.",
    )


def _evidence(asked: Asked) -> dict[str, Value]:
    return evidence_of(asked, "server", "client", "ended", "answer", "took_ms", "auth_errors")
