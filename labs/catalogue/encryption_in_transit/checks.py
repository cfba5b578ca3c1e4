"""What must be seen in the lab encryption-in-transit, judged by the bytes that crossed the wire and
by what clients met.
"""

from __future__ import annotations

from labs.catalogue.encryption_in_transit.wire import ENGINES
from labs.events import Value
from labs.lab import Verdict, check, evidence_of, judged, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.costs import Cost, figures_of
from labs.setups.access.mistakes import Kind, Mistake
from labs.setups.access.wire import Overheard, times

MISTAKES: dict[Kind, str] = {
    "plain": "a client without TLS, a server with TLS",
    "tls": "a client with TLS, a server without",
    "authority": "an authority that did not sign",
    "name": "a name that is not in the certificate",
}


@check("Without TLS the wire shows the password and the value")
def plain_is_read(sandbox: Sandbox) -> Verdict:
    seen = _overheard(sandbox, "redis", "Redis")
    passwords, values = seen.times_seen["passwords"], seen.times_seen["values"]
    return judged(
        passwords and values,
        _evidence(seen),
        f"The password crossed the wire {times(passwords)}, the card number {times(values)}, in "
        f"{seen.bytes_seen:,} bytes that anybody could read.",
        "The password and the card number were not found on the wire.",
        hint=_to_send("Redis"),
    )


@check("With TLS it shows neither")
def tls_is_not(sandbox: Sandbox) -> Verdict:
    return _hidden(sandbox, "redis-tls", "Redis with TLS")


@check("Memcached has no password to lose, and shows every value without TLS")
def memcached_too(sandbox: Sandbox) -> Verdict:
    seen = _overheard(sandbox, "memcached", "Memcached")
    if not seen.times_seen["values"]:
        raise unmet(
            "The card number was not found on the wire.",
            _evidence(seen),
            hint=_to_send("Memcached"),
        )
    return _hidden(sandbox, "memcached-tls", "Memcached with TLS")


@check("A client without TLS is cut off by a server with TLS")
def plain_client(sandbox: Sandbox) -> Verdict:
    return _met(sandbox, "plain", "closed by the server")


@check("A client with TLS gets no answer from a Redis without it")
def hangs(sandbox: Sandbox) -> Verdict:
    return _met(sandbox, "tls", "timed out")


@check("A client refuses a certificate that its authority did not sign")
def unknown_authority(sandbox: Sandbox) -> Verdict:
    return _met(sandbox, "authority", "refused by the client")


@check("A client refuses a certificate for another name")
def other_name(sandbox: Sandbox) -> Verdict:
    return _met(sandbox, "name", "refused by the client")


@check("The handshake costs time, on both engines")
def cost(sandbox: Sandbox) -> Verdict:
    costs = {one.server: one for one in sandbox.ledger.seen(Cost)}
    require_seen(
        len(costs) == 2 * len(ENGINES),
        "The servers have not been timed yet.",
        hint="In the tab Step press “Time the handshakes”.",
    )
    slower = [costs[f"{engine}-tls"].connect_ms > costs[engine].connect_ms for engine in ENGINES]
    return judged(
        all(slower),
        figures_of(costs),
        f"To connect took Redis {costs['redis'].connect_ms:.2f} ms without TLS and "
        f"{costs['redis-tls'].connect_ms:.2f} ms with it, Memcached "
        f"{costs['memcached'].connect_ms:.2f} and {costs['memcached-tls'].connect_ms:.2f} ms.",
        "A handshake took no time.",
        hint="In the tab Step press “Time the handshakes” again, when the machine is quiet.",
    )


def _overheard(sandbox: Sandbox, server: str, label: str) -> Overheard:
    return sandbox.ledger.require_newest(
        Overheard,
        f"Nothing has been sent to {label} yet.",
        lambda one: one.server == server,
        hint=_to_send(label),
    )


def _evidence(seen: Overheard) -> dict[str, Value]:
    return {"server": seen.server, **seen.evidence}


def _hidden(sandbox: Sandbox, server: str, label: str) -> Verdict:
    seen = _overheard(sandbox, server, label)
    return judged(
        seen.bytes_seen and not any(seen.times_seen.values()),
        _evidence(seen),
        f"{seen.bytes_seen:,} bytes crossed the wire to {label}, and neither the password nor the "
        "card number is among them.",
        f"The card number crossed the wire to {label} {times(seen.times_seen['values'])}."
        if seen.bytes_seen
        else f"Nothing crossed the wire to {label}.",
        hint=_to_send(label),
    )


def _met(sandbox: Sandbox, kind: Kind, ended: str) -> Verdict:
    """Met if such a mistake with Redis ended this way."""
    hint = (
        f"In the tab Break choose “{MISTAKES[kind]}” under “Mistake” and “Redis” under “Engine”, "
        "and press “Connect wrongly”."
    )
    seen = sandbox.ledger.require_newest(
        Mistake,
        f"This has not been tried yet: {MISTAKES[kind]}.",
        lambda one: one.kind == kind and one.server.startswith("redis"),
        hint=hint,
    )
    symptom = seen.symptom
    evidence = {"server": seen.server, **evidence_of(symptom, "ended", "words", "took_ms")}
    return judged(symptom.ended == ended, evidence, symptom.sentence, symptom.sentence, hint=hint)


def _to_send(server: str) -> str:
    return f"In the tab Step choose “{server}” under “Server” and press “Send a card number”."
