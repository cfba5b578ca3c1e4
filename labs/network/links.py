"""What lies between the application and its servers: links that can be slowed, cut and restored. The bytes run through a process of their own (proxy.py).

A whole link may be gone around: a client of the load asks its `Route` before every request where to connect now, straight to the server
or to the near end of the link. So a link costs nothing while nothing is the matter with it.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from labs import linux
from labs.engines.address import Address
from labs.errors import BadInput, DidNotStart
from labs.network.proxy import Proxy

MOST_LINKS = 64
_REPLY_S = 5.0
_WHOLE, _FAULTY = 0, 1


@dataclass(frozen=True, slots=True)
class Route:
    """Both ways to a server, for a process of the load. `file` and `index` say where the state of the link stands."""

    near: Address
    target: Address
    file: str
    index: int

    def open(self) -> Callable[[], Address]:
        """A function that says where to connect now: always the same object for the same way, so that `is not` finds a change."""
        near, target, index = self.near, self.target, self.index
        if not self.file:
            return lambda: near
        with open(self.file, "rb") as file:
            states = mmap.mmap(file.fileno(), MOST_LINKS, access=mmap.ACCESS_READ)
        return lambda: near if states[index] else target


class Lodger(Protocol):
    """Something else that the process of the links does, between two events of its own."""

    asked: socket.socket

    def heed(self) -> bool:
        """Called in that process when `asked` can be read; False to be called no more."""


class Links:
    """All links of a sandbox. Make it before there are threads, for it forks; after that any thread may call.

    `directory` holds a file by which processes of the load learn how the links are; without one, all goes through the links always.
    """

    def __init__(self, directory: Path | None = None, *, lodger: Lodger | None = None) -> None:
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
            if lodger is not None:
                proxy.also(lodger.asked.fileno(), lodger.heed)
            proxy.serve()

        self._pid = linux.fork("cg-links", serve)
        theirs.close()
        if lodger is not None:
            lodger.asked.close()
        ours.settimeout(_REPLY_S)
        self._control = ours

    def lay(self, name: str, near: Address, target: Address) -> Address:
        """A link from `near`, where it listens from now on, to a server. A link of this name is taken up first, with its connections. Returns `near`."""
        with self._lock:
            index = self._routes[name].index if name in self._routes else len(self._routes)
            self._order("lay", name, near=(near.host, near.port), target=(target.host, target.port))
            self._routes[name] = Route(near, target, self._file, index)
            self._states[index] = _WHOLE
        return near

    def route(self, name: str) -> Route:
        """Both ways to the server behind this link, for the load."""
        return self._route(name)

    def slow(self, name: str, delay_ms: float) -> None:
        """Every byte takes so much longer, each way."""
        self._change(name, _FAULTY, "slow", delay_ms=delay_ms)

    def cut(self, name: str) -> None:
        """Nothing comes through and nobody is refused: whoever waits, waits. What is under way arrives when the link is restored."""
        self._change(name, _FAULTY, "cut")

    def restore(self, name: str) -> None:
        """Whole again, neither cut nor slow."""
        self._change(name, _WHOLE, "restore")

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

    def _change(self, name: str, state: int, verb: str, *, delay_ms: float = 0.0) -> None:
        with self._lock:
            index = self._route(name).index
            # First the link, then the news: nobody is sent to a link that is still as it was.
            self._order(verb, name, delay_ms=delay_ms)
            self._states[index] = state

    def _route(self, name: str) -> Route:
        if name not in self._routes:
            raise BadInput(f"No link here is called {name[:40]!r}.")
        return self._routes[name]

    def _order(self, verb: str, name: str, **details: object) -> None:
        try:
            self._control.send(json.dumps({"verb": verb, "name": name, **details}).encode())
            reply = json.loads(self._control.recv(4096) or b'{"error": "the process of the links has ended"}')
        except OSError as exc:
            raise DidNotStart("The links of this sandbox do not answer.", hint="Close the sandbox and open it again.", detail=str(exc)) from exc
        if "error" in reply:
            raise DidNotStart(f"The link {name} could not be changed.", hint="Close the sandbox and open it again.", detail=str(reply["error"]))
