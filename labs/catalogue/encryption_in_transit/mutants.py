"""What the checks of the lab encryption-in-transit must catch."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from labs.catalogue.encryption_in_transit import checks
from labs.catalogue.encryption_in_transit.wire import SECURED
from labs.engines.identity import Identity
from labs.lab import Mutant
from labs.setups.access.server import TlsServers
from labs.setups.access.tap import DeafTaps, Taps


class ForEveryName(TlsServers):
    """Signs certificates that fit another name as well."""

    def identity(self, name: str, directory: Path, hosts: set[str]) -> Identity:
        return super().identity(name, directory, {*hosts, "other.internal"})


_TAPS, _SERVERS = Taps, partial(TlsServers, names=SECURED)

MUTANTS = (
    Mutant(
        "redis-without",
        "the server is called Redis with TLS and has none",
        checks.tls_is_not,
        parts=(partial(TlsServers, names=("memcached-tls",)), _TAPS),
    ),
    Mutant(
        "for-every-name",
        "the certificate fits the other name, too",
        checks.other_name,
        parts=(partial(ForEveryName, names=SECURED), _TAPS),
    ),
    Mutant(
        "deaf-tap",
        "the tap misses what goes to the server",
        checks.plain_is_read,
        parts=(_SERVERS, DeafTaps),
    ),
)
