"""The process that the load's workers are forked from: made before the agent has threads, so that a fork copies no held lock."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import struct
from multiprocessing.connection import Connection

from labs import linux
from labs.load.browsers import AnyOrders, BrowserOrders, browse
from labs.load.commits import Commits
from labs.load.worker import work


class Nursery:
    """Starts workers. Also holds the memory that all workers share: what was committed when."""

    def __init__(self) -> None:
        self.commits = Commits()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def serve() -> None:
            ours.close()
            _serve(theirs, self.commits)

        self._pid = linux.fork("cg-nursery", serve)
        theirs.close()
        self._control = ours

    def start(self, orders: AnyOrders) -> tuple[int, Connection]:
        """A worker that has begun: its pid, and the pipe for new orders (or None, to stop it) and its batches."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            socket.send_fds(self._control, [pickle.dumps(orders)], [theirs.fileno()])
        (pid,) = struct.unpack("=i", self._control.recv(4))
        return pid, Connection(ours.detach())

    def close(self) -> None:
        """End the nursery and every worker."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _serve(control: socket.socket, commits: Commits) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1024 * 1024, 1)
        if not message:
            return
        pipe = Connection(descriptors[0])

        def be_worker(orders: AnyOrders = pickle.loads(message), pipe: Connection = pipe) -> None:
            control.close()
            if isinstance(orders, BrowserOrders):
                browse(orders, pipe)
            else:
                work(orders, pipe, commits)

        pid = linux.fork("cg-load", be_worker)
        pipe.close()
        control.send(struct.pack("=i", pid))
