"""Servers that speak TLS, each with a certificate of the sandbox's own authority."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

from labs.engines.base import Engine
from labs.engines.identity import Identity
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.lab import Node
from labs.sandbox.context import Context
from labs.sandbox.part import Part
from labs.setups.access.bench import APP, SERVER
from labs.setups.access.certificates import Authority


class TlsServers(Part):
    """Gives the servers `names` TLS. Clients reach one at its own address and at the near end of
    the application's link, so its certificate names both.
    """

    def __init__(self, context: Context, names: Collection[str] = (SERVER,)) -> None:
        super().__init__(context)
        self.names = names

    @classmethod
    def warm_up(cls) -> None:
        """Sign a certificate and throw it away: a process's first one takes 13 ms longer."""
        with tempfile.TemporaryDirectory() as folder:
            Authority(Path(folder)).sign("warm-up", ["localhost"]).trusted.context()

    def engine(self, node: Node, directory: Path) -> Engine | None:
        """The server, with its certificate; None for one without TLS."""
        if node.name not in self.names:
            return None
        addresses = self.context.addresses
        address = addresses.new(node.name, node.kind.port)
        identity = self.identity(node.name, directory, {address.host, addresses.host(APP)})
        if node.engine == "memcached":
            return Memcached(node.name, address, directory, identity=identity)
        password = self.context.password(node.name)
        return Redis(node.name, address, directory, password, identity=identity)

    def identity(self, name: str, directory: Path, hosts: set[str]) -> Identity:
        """A certificate for a server at these addresses."""
        return Authority(directory).sign(name, sorted(hosts))
