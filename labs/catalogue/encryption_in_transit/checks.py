"""What must be seen in the lab encryption-in-transit, judged by the bytes that crossed the wire and
by what clients met.
"""

from __future__ import annotations

from labs.catalogue.encryption_in_transit.wire import ENGINES, SECURED, Cost, Mistake, Overheard
from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.wire import times

MISTAKES = {
    "plain": "a client without TLS, a server with TLS",
    "tls": "a client with TLS, a server without",
    "authority": "an authority that did not sign",
    "name": "a name that is not in the certificate",
}


@check("Without TLS the wire shows the password and the value")
def plain_is_read(sandbox: Sandbox) -> Verdict:
    seen = _overheard(sandbox, "redis", "Redis")
    if seen.passwords and seen.values:
        return met(
            f"The password crossed the wire {times(seen.passwords)}, the card number "
            f"{times(seen.values)}, in {seen.bytes_seen:,} bytes that anybody could read.",
            evidence_of(seen),
        )
    raise unmet(
        "The password and the card number were not found on the wire.",
        evidence_of(seen),
        hint=_to_send("Redis"),
    )


@check("With TLS it shows neither")
def tls_is_not(sandbox: Sandbox) -> Verdict:
    return _hidden(sandbox, "redis-tls", "Redis with TLS")


@check("Memcached has no password to lose, and shows every value without TLS")
def memcached_too(sandbox: Sandbox) -> Verdict:
    seen = _overheard(sandbox, "memcached", "Memcached")
    if not seen.values:
        raise unmet(
            "The card number was not found on the wire.",
            evidence_of(seen),
            hint=_to_send("Memcached"),
        )
    return _hidden(sandbox, "memcached-tls", "Memcached with TLS")


@check("A client without TLS is cut off by a server with TLS")
def plain_client(sandbox: Sandbox) -> Verdict:
    return _met(sandbox, "plain", "redis", "closed by the server")


@check("A client with TLS waits in vain for a Redis without")
def hangs(sandbox: Sandbox) -> Verdict:
    return _met(sandbox, "tls", "redis", "timed out")


@check("A client refuses a certificate that its authority did not sign")
def unknown_authority(sandbox: Sandbox) -> Verdict:
    return _met(sandbox, "authority", "redis", "refused by the client")


@check("A client refuses a certificate for another name")
def other_name(sandbox: Sandbox) -> Verdict:
    return _met(sandbox, "name", "redis", "refused by the client")


@check("The handshake costs time, on both engines")
def cost(sandbox: Sandbox) -> Verdict:
    costs = {one.server: one for one in sandbox.ledger.seen(Cost)}
    require_seen(
        len(costs) == 2 * len(ENGINES),
        "The servers have not been timed yet.",
        hint="In the tab Step press “Time the handshakes”.",
    )
    evidence: dict[str, Value] = {}
    for name, one in costs.items():
        key = name.replace("-", "_")
        evidence |= {f"{key}_connect_ms": one.connect_ms, f"{key}_request_us": one.request_us}
    slower = [costs[f"{engine}-tls"].connect_ms > costs[engine].connect_ms for engine in ENGINES]
    if all(slower):
        return met(
            f"To connect took Redis {costs['redis'].connect_ms:.2f} ms without TLS and "
            f"{costs['redis-tls'].connect_ms:.2f} ms with it, Memcached "
            f"{costs['memcached'].connect_ms:.2f} and {costs['memcached-tls'].connect_ms:.2f} ms.",
            evidence,
        )
    raise unmet(
        "A handshake took no time.",
        evidence,
        hint="In the tab Step press “Time the handshakes” again, when the machine is quiet.",
    )


def _overheard(sandbox: Sandbox, server: str, label: str) -> Overheard:
    return require_seen(
        sandbox.ledger.newest(Overheard, lambda one: one.server == server),
        f"Nothing has been sent to {label} yet.",
        hint=_to_send(label),
    )


def _hidden(sandbox: Sandbox, server: str, label: str) -> Verdict:
    assert server in SECURED
    seen = _overheard(sandbox, server, label)
    if seen.passwords or seen.values or not seen.bytes_seen:
        raise unmet(
            f"The card number crossed the wire to {label} {times(seen.values)}."
            if seen.bytes_seen
            else f"Nothing crossed the wire to {label}.",
            evidence_of(seen),
            hint=_to_send(label),
        )
    return met(
        f"{seen.bytes_seen:,} bytes crossed the wire to {label}, and neither the password nor the "
        "card number is among them.",
        evidence_of(seen),
    )


def _met(sandbox: Sandbox, kind: str, engine: str, ended: str) -> Verdict:
    """Met if such a mistake ended this way."""
    hint = _to_connect(MISTAKES[kind], ENGINES[engine])
    seen = require_seen(
        sandbox.ledger.newest(
            Mistake, lambda one: one.kind == kind and one.server.startswith(engine)
        ),
        f"This has not been tried yet: {MISTAKES[kind]}.",
        hint=hint,
    )
    evidence: dict[str, Value] = {
        "server": seen.server,
        **evidence_of(seen.symptom, "ended", "words", "took_ms"),
    }
    if seen.symptom.ended == ended:
        return met(seen.symptom.sentence, evidence)
    raise unmet(seen.symptom.sentence, evidence, hint=hint)


def _to_send(server: str) -> str:
    return f"In the tab Step choose “{server}” under “Server” and press “Send a card number”."


def _to_connect(mistake: str, engine: str) -> str:
    return (
        f"In the tab Break choose “{mistake}” under “Mistake” and “{engine}” under “Engine”, and "
        "press “Connect wrongly”."
    )
