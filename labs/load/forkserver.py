"""Where the load's clients are forked: in a process that was made before the agent had threads, so
that a fork copies no held lock.

It has no process of its own, for most sandboxes never run a load: it is the side channel of the
proxy process (labs.network.links).
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
from multiprocessing.connection import Connection
from typing import Protocol

from labs import linux
from labs.errors import DidNotStart
from labs.load import loop
from labs.load.commits import Commits
from labs.load.program import WorkloadSpec

_REPLY_S = 5.0


class ForkServer(Protocol):
    """What the load's controller needs: real clients here, made-up ones in labs.fake."""

    commits: Commits

    def start(self, spec: WorkloadSpec) -> tuple[int, Connection]:
        """A client that has begun: its pid, and the pipe to it."""

    def close(self) -> None:
        """Start no more clients."""


class ProcessForkServer:
    """Starts clients. Also holds the memory that all clients share: what was committed when."""

    def __init__(self) -> None:
        self.commits = Commits()
        self._control, self.asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_REPLY_S)

    def start(self, spec: WorkloadSpec) -> tuple[int, Connection]:
        """A client that has begun: its pid, and the pipe for new specifications (or None, to stop
        it) and its batches. Raises DidNotStart.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                socket.send_fds(self._control, [pickle.dumps(spec)], [theirs.fileno()])
            (pid,) = struct.unpack("=i", self._control.recv(4))
        except (OSError, struct.error) as exc:
            ours.close()
            hint = "Close the sandbox and open it again."
            raise DidNotStart("The load could not be started.", hint=hint, detail=str(exc)) from exc
        if not pid:
            ours.close()
            raise DidNotStart(
                "The load could not be started: your sandbox has as many processes as it may.",
                hint="End other commands that run, or reset the sandbox.",
            )
        return pid, Connection(ours.detach())

    def on_readable(self) -> bool:
        """In the proxy process: fork the client that was asked for.

        False when no request can come any more.
        """
        message, descriptors, _, _ = socket.recv_fds(self.asked, 1024 * 1024, 1)
        if not message:
            return False
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        pipe = Connection(descriptors[0])

        def be_client() -> None:
            # The host's own connections are not the client's: one that was kept here would never
            # end.
            os.closerange(3, pipe.fileno())
            os.closerange(pipe.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
            loop.serve(pickle.loads(message), pipe, self.commits)

        try:
            pid = linux.fork("cg-load", be_client)
        except OSError:
            # No process is left: no client, but the links of this process go on.
            pid = 0
        pipe.close()
        self.asked.send(struct.pack("=i", pid))
        return True

    def close(self) -> None:
        """Start no more clients; those that run end with the process where they were forked."""
        self._control.close()
