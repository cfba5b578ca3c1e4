"""What lies between the application and its servers: links that can be slowed, cut and restored.

The bytes run through a process of their own (proxy.py).

A link without faults may be bypassed: a client of the load asks its `Route` before every request
where to connect now, straight to the server or to the listen address of the link. So a link costs
nothing while it has no fault.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from labs import linux
from labs.clients.address import Address
from labs.errors import BadInput, DidNotStart
from labs.network.connections import BOTH
from labs.network.proxy import Proxy

MOST_LINKS = 256
_REPLY_S = 5.0
_WHOLE, _FAULTY = 0, 1


@dataclass(frozen=True, slots=True)
class Route:
    """Both ways to a server, for a process of the load: through the link, or straight.

    The byte at `index` of `file` is not zero while the link has a fault.
    """

    listen_address: Address
    target: Address
    file: str
    index: int

    def open(self) -> Callable[[], Address]:
        """A function that returns where to connect now: always the same object for the same way,
        so that `is not` finds a change.
        """
        listen_address, target, index = self.listen_address, self.target, self.index
        if not self.file:
            return lambda: listen_address
        with open(self.file, "rb") as file:
            states = mmap.mmap(file.fileno(), MOST_LINKS, access=mmap.ACCESS_READ)
        return lambda: listen_address if states[index] else target


class SideChannel(Protocol):
    """Something else that the proxy process does, between two events of its own."""

    asked: socket.socket

    def on_readable(self) -> bool:
        """Called in that process when `asked` can be read; False ends the calls."""


class Network(Protocol):
    """Links, listeners and endpoints of one sandbox. Any thread may call."""

    def add_link(self, name: str, listen_address: Address, target: Address) -> Address:
        """A link to a server that listens at `listen_address` from now on, for every caller.

        Replaces a link of this name and ends its connections. Returns `listen_address`.
        """

    def listen(self, name: str, listen_address: Address) -> None:
        """A listener that several paths share: one for each caller (`add_path`), or those that
        `forward` names, in turn.
        """

    def add_path(
        self, name: str, target: Address, *, listener: str = "", caller: str = "", source: str = ""
    ) -> None:
        """What lies between one caller and one server.

        A connection to `listener` from the address `caller` takes it; the server sees the address
        `source`.
        """

    def forward(self, listener: str, paths: Sequence[str]) -> None:
        """New connections to a listener take these paths in turn; without any they are refused.

        Open connections stay, as after a change in DNS.
        """

    def route(self, name: str) -> Route:
        """Both ways to the server behind this link, for a client of the load."""

    def slow(self, *names: str, delay_ms: float) -> None:
        """Delay every byte by this much, both ways; removes a cut."""

    def cut(self, *names: str, directions: int = BOTH) -> None:
        """Drop all traffic without closing connections: clients block until `restore` or their own
        timeout. What is under way arrives when the link is restored.
        """

    def set_fault(self, *names: str, cut: int, delay_ms: float) -> None:
        """Both at once: which directions are cut (labs.network.connections), and by how much every
        byte is delayed.
        """

    def drop(self, *names: str) -> None:
        """End every connection through these links; the bytes in them are lost."""

    def restore(self, *names: str) -> None:
        """Make these links whole again, neither cut nor slow."""

    def close(self) -> None:
        """End the proxy process and every connection through it; harmless a second time."""


class Links(Network):
    """All links of a sandbox.

    Make it before there are threads, for it forks; after that any thread may call.

    `directory` holds a file from which processes of the load read which links have a fault; without
    one, everything always goes through the links.
    """

    def __init__(
        self, directory: Path | None = None, *, side_channel: SideChannel | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._routes: dict[str, Route] = {}
        self._file = ""
        self._states = mmap.mmap(-1, MOST_LINKS)
        if directory is not None:
            descriptor, self._file = tempfile.mkstemp(prefix="links-", dir=directory)
            os.ftruncate(descriptor, MOST_LINKS)
            self._states = mmap.mmap(descriptor, MOST_LINKS)
            os.close(descriptor)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def serve() -> None:
            ours.close()
            proxy = Proxy(theirs)
            if side_channel is not None:
                proxy.add_side_channel(side_channel.asked.fileno(), side_channel.on_readable)
            proxy.serve()

        self._pid = linux.fork("cg-links", serve)
        theirs.close()
        if side_channel is not None:
            side_channel.asked.close()
        ours.settimeout(_REPLY_S)
        self._control = ours

    def add_link(self, name: str, listen_address: Address, target: Address) -> Address:
        with self._lock:
            pairs = {"listen_address": _pair(listen_address), "target": _pair(target)}
            self._order("add_link", name=name, **pairs)
            self._add_route(name, listen_address, target)
        return listen_address

    def listen(self, name: str, listen_address: Address) -> None:
        with self._lock:
            self._order("listen", name=name, listen_address=_pair(listen_address))

    def add_path(
        self, name: str, target: Address, *, listener: str = "", caller: str = "", source: str = ""
    ) -> None:
        with self._lock:
            ends = {"listener": listener, "caller": caller, "source": source}
            self._order("add_path", name=name, target=_pair(target), **ends)
            self._add_route(name, target, target)

    def forward(self, listener: str, paths: Sequence[str]) -> None:
        with self._lock:
            self._order("forward", listener=listener, paths=list(paths))

    def route(self, name: str) -> Route:
        if name not in self._routes:
            raise BadInput(f"No link here is called {name[:40]!r}.")
        return self._routes[name]

    def slow(self, *names: str, delay_ms: float) -> None:
        self._change(names, _FAULTY, cut=0, delay_ms=delay_ms)

    def cut(self, *names: str, directions: int = BOTH) -> None:
        self._change(names, _FAULTY, cut=directions)

    def set_fault(self, *names: str, cut: int, delay_ms: float) -> None:
        self._change(names, _FAULTY if cut or delay_ms else _WHOLE, cut=cut, delay_ms=delay_ms)

    def drop(self, *names: str) -> None:
        with self._lock:
            self._order("drop", names=list(names))

    def restore(self, *names: str) -> None:
        self._change(names, _WHOLE, cut=0, delay_ms=0.0)

    @property
    def pid(self) -> int:
        """The process that the bytes run through."""
        return self._pid

    def close(self) -> None:
        with self._lock:
            self._control.close()
            if self._pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(self._pid, 0)
                self._pid = 0
            if self._file:
                Path(self._file).unlink(missing_ok=True)

    def _add_route(self, name: str, listen_address: Address, target: Address) -> None:
        index = self._routes[name].index if name in self._routes else len(self._routes)
        self._routes[name] = Route(listen_address, target, self._file, index)
        self._states[index] = _WHOLE

    def _change(self, names: Sequence[str], state: int, **details: float) -> None:
        with self._lock:
            routes = [self.route(name) for name in names]
            # The proxy first: a client that reads the new state must not find the link as it was.
            self._order("change", names=list(names), **details)
            for route in routes:
                self._states[route.index] = state

    def _order(self, verb: str, **details: object) -> None:
        hint = "Close the sandbox and open it again."
        try:
            self._control.send(json.dumps({"verb": verb, **details}).encode())
            reply = self._control.recv(4096) or b'{"error": "the proxy process has ended"}'
        except OSError as exc:
            problem = "The links of this sandbox do not answer."
            raise DidNotStart(problem, hint=hint, detail=str(exc)) from exc
        if error := json.loads(reply).get("error"):
            detail = f"{verb} {details}: {error}"
            raise DidNotStart("A link could not be changed.", hint=hint, detail=detail)


def _pair(address: Address) -> tuple[str, int]:
    return address.host, address.port
