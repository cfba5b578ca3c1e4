"""How a client is let in to a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.clients.tls import Tls


@dataclass(frozen=True, slots=True)
class Access:
    """A user with a password, and TLS; what is empty is not needed. `socket` is the path of a Unix
    socket, where the server lets this user in without a password and nowhere else.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    tls: Tls | None = None
    socket: str = ""


OPEN = Access()
"""A server that requires neither a password nor TLS."""
