"""What a client needs for TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """Which servers a client trusts, and its own identity.

    `authority` is a file with the certificates of the authorities that may have signed the
    server's. `certificate` and `key` are the client's own, for a server that requires one. Data
    only, so that it can be sent to another process.
    """

    authority: Path
    certificate: Path | None = None
    key: Path | None = None
    verify_host: bool = True

    def context(self) -> ssl.SSLContext:
        """A context for connections. Raises OSError if a file can't be read or holds none."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.verify_host
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context
