"""What lies between the application and its servers: links that can be slowed, cut and restored.

The bytes run through a process of their own (proxy.py).

A whole link may be gone around: a client of the load asks its `Route` before every request where to
connect now, straight to the server or to the near end of the link. So a link costs nothing while
nothing is the matter with it.
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
from labs.network.passages import BOTH
from labs.network.proxy import Proxy

MOST_LINKS = 256
_REPLY_S = 5.0
_WHOLE, _FAULTY = 0, 1


@dataclass(frozen=True, slots=True)
class Route:
    """Both ways to a server, for a process of the load.

    `file` and `index` say where the state of the link stands.
    """

    near: Address
    target: Address
    file: str
    index: int

    def open(self) -> Callable[[], Address]:
        """A function that says where to connect now: always the same object for the same way, so
        that `is not` finds a change.
        """
        near, target, index = self.near, self.target, self.index
        if not self.file:
            return lambda: near
        with open(self.file, "rb") as file:
            states = mmap.mmap(file.fileno(), MOST_LINKS, access=mmap.ACCESS_READ)
        return lambda: near if states[index] else target


class SideChannel(Protocol):
    """Something else that the process of the links does, between two events of its own."""

    asked: socket.socket

    def on_readable(self) -> bool:
        """Called in that process when `asked` can be read; False to be called no more."""


class Links:
    """All links of a sandbox.

    Make it before there are threads, for it forks; after that any thread may call.

    `directory` holds a file by which processes of the load learn how the links are; without one,
    all goes through the links always.
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
                proxy.also(side_channel.asked.fileno(), side_channel.on_readable)
            proxy.serve()

        self._pid = linux.fork("cg-links", serve)
        theirs.close()
        if side_channel is not None:
            side_channel.asked.close()
        ours.settimeout(_REPLY_S)
        self._control = ours

    def lay(self, name: str, near: Address, target: Address) -> Address:
        """A link from `near`, where it listens from now on, to a server.

        A link of this name is taken up first, with its connections. Returns `near`.
        """
        with self._lock:
            self._order("lay", name=name, near=_pair(near), target=_pair(target))
            self._note(name, near, target)
        return near

    def gate(self, name: str, near: Address) -> None:
        """A place where several lines are entered (`line`), or that leads to one of them at a time
        (`lead`).
        """
        with self._lock:
            self._order("gate", name=name, near=_pair(near))

    def line(
        self, name: str, target: Address, *, gate: str = "", caller: str = "", source: str = ""
    ) -> None:
        """What lies between one caller and one server.

        Who enters `gate` from the address `caller` takes it; it arrives at the server under the
        address `source`.
        """
        with self._lock:
            self._order(
                "line", name=name, target=_pair(target), gate=gate, caller=caller, source=source
            )
            self._note(name, target, target)

    def lead(self, gate: str, lines: Sequence[str]) -> None:
        """New connections to a gate take these lines in turn; none: they are refused.

        Those that are open stay, as after a change in DNS.
        """
        with self._lock:
            self._order("lead", gate=gate, lines=list(lines))

    def route(self, name: str) -> Route:
        """Both ways to the server behind this link, for the load."""
        return self._route(name)

    def slow(self, *names: str, delay_ms: float, directions: int = BOTH) -> None:
        """Every byte takes so much longer, each way that is asked for; what was cut is whole."""
        self._change(names, _FAULTY, cut=0, delay_ms=delay_ms, directions=directions)

    def cut(self, *names: str, directions: int = BOTH) -> None:
        """Nothing comes through and nobody is refused: whoever waits, waits.

        What is under way arrives when the link is restored.
        """
        self._change(names, _FAULTY, cut=directions)

    def set_fault(self, *names: str, cut: int, delay_ms: float) -> None:
        """Both at once: which directions are cut (labs.network.passages), and how much longer every
        byte takes.
        """
        self._change(names, _FAULTY if cut or delay_ms else _WHOLE, cut=cut, delay_ms=delay_ms)

    def drop(self, *names: str) -> None:
        """Every connection through these links ends at once, and what is under way in them is lost
        with it.
        """
        with self._lock:
            self._order("drop", names=list(names))

    def restore(self, *names: str) -> None:
        """Whole again, neither cut nor slow."""
        self._change(names, _WHOLE, cut=0, delay_ms=0.0)

    def close(self) -> None:
        """End the process and every connection through it; harmless a second time."""
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

    def _note(self, name: str, near: Address, target: Address) -> None:
        index = self._routes[name].index if name in self._routes else len(self._routes)
        self._routes[name] = Route(near, target, self._file, index)
        self._states[index] = _WHOLE

    def _change(self, names: Sequence[str], state: int, **details: float) -> None:
        with self._lock:
            routes = [self._route(name) for name in names]
            # First the links, then the news: nobody is sent to a link that is still as it was.
            self._order("change", names=list(names), **details)
            for route in routes:
                self._states[route.index] = state

    def _route(self, name: str) -> Route:
        if name not in self._routes:
            raise BadInput(f"No link here is called {name[:40]!r}.")
        return self._routes[name]

    def _order(self, verb: str, **details: object) -> None:
        try:
            self._control.send(json.dumps({"verb": verb, **details}).encode())
            reply = json.loads(
                self._control.recv(4096) or b'{"error": "the process of the links has ended"}'
            )
        except OSError as exc:
            raise DidNotStart(
                "The links of this sandbox do not answer.",
                hint="Close the sandbox and open it again.",
                detail=str(exc),
            ) from exc
        if "error" in reply:
            raise DidNotStart(
                "A link could not be changed.",
                hint="Close the sandbox and open it again.",
                detail=f"{verb} {details}: {reply['error']}",
            )


def _pair(address: Address) -> tuple[str, int]:
    return address.host, address.port
