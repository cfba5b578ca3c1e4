"""What a server with TLS shows of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labs.clients.tls import Tls


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's certificate, its key, and the certificate of the authority that has signed it:
    files that the server's own user can read.
    """

    certificate: Path
    key: Path
    authority: Path

    @property
    def trusted(self) -> Tls:
        """What a client needs that trusts this authority."""
        return Tls(self.authority)
