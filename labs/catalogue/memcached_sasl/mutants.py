"""What the checks of the lab memcached-sasl must catch."""

from __future__ import annotations

from functools import partial

from labs.catalogue.memcached_sasl import checks
from labs.lab import Mutant, mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.sasl import USER, SaslServers, sasl_memcached
from labs.setups.access.sasl_logins import SASL


@mutant(checks.let_in)
def loses_passwords(sandbox: Sandbox) -> None:
    """The server has another password of the user than the client."""
    engine = sasl_memcached(sandbox.servers[SASL])
    engine.write({**engine.passwords, USER: "another"})


MUTANTS = (
    Mutant(
        "any-protocol",
        "the server answers the text protocol",
        checks.text_waits,
        parts=(partial(SaslServers, flags=("-B", "auto")),),
    ),
    Mutant(
        "without-sasl",
        "the server asks for no login",
        checks.refused_without,
        parts=(partial(SaslServers, flags=("-B", "binary")),),
    ),
    loses_passwords,
)
