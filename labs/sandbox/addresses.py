"""The listen addresses of one sandbox. An address belongs to a name and stays while servers behind
it come and go.
"""

from __future__ import annotations

from labs.clients.address import Address
from labs.lab import Link, Topology
from labs.runtime.protocol import Runtime

APP = "app"


class Addresses:
    """Gives every name a host of its own, in the order in which names are first asked for.

    The application has the first host; then the servers of the topology follow in drawing order.
    """

    def __init__(self, runtime: Runtime, topology: Topology) -> None:
        self._runtime = runtime
        self._hosts: dict[str, str] = {}
        self._links: dict[str, Address] = {}
        self.host(APP)
        for node in topology.servers:
            self.host(node.name)
        self._servers = {node.name for node in topology.servers}

    def host(self, name: str) -> str:
        """The loopback host of a name, always the same."""
        if name not in self._hosts:
            self._hosts[name] = self._runtime.host(len(self._hosts))
        return self._hosts[name]

    def new(self, name: str, usual_port: int) -> Address:
        """An address at a name's host: at the usual port where the sandbox has a loopback of its
        own, else at a free one.
        """
        return Address(self.host(name), self._runtime.port(usual_port))

    def of_link(self, name: str) -> Address:
        """Where the source of a link connects to. KeyError before it was placed."""
        return self._links[name]

    def place_link(self, link: Link, usual_port: int) -> Address:
        """Decide where a link is entered: at its source's own host, at the port that such a target
        usually has. A second target of the same kind is entered one port further.
        """
        source = link.source if link.source in self._servers else APP
        address = self.new(source, usual_port)
        taken = {other for name, other in self._links.items() if name != link.name}
        while address in taken and self._runtime.name != "fake":
            address = Address(address.host, address.port + 1)
        self._links[link.name] = address
        return address
