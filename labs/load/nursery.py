"""Where the load's workers are forked: in a process that was made before the agent had threads, so
that a fork copies no held lock.

It has none of its own, for most sandboxes never run a load: it lodges with the process of the links
(labs.network.links).
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
from multiprocessing.connection import Connection

from labs import linux
from labs.errors import DidNotStart
from labs.load.browsers import BrowserOrders, browse
from labs.load.commits import Commits
from labs.load.flight import FlightOrders, fly
from labs.load.numbers import NumberOrders, write_numbers
from labs.load.orders import AnyOrders
from labs.load.worker import work
from labs.load.writers import WriterOrders, write

_REPLY_S = 5.0


class Nursery:
    """Starts workers. Also holds the memory that all workers share: what was committed when."""

    def __init__(self) -> None:
        self.commits = Commits()
        self._control, self.asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_REPLY_S)

    def start(self, orders: AnyOrders) -> tuple[int, Connection]:
        """A worker that has begun: its pid, and the pipe for new orders (or None, to stop it) and
        its batches.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                socket.send_fds(self._control, [pickle.dumps(orders)], [theirs.fileno()])
            (pid,) = struct.unpack("=i", self._control.recv(4))
        except (OSError, struct.error) as exc:
            ours.close()
            raise DidNotStart(
                "The load could not be started.",
                hint="Close the sandbox and open it again.",
                detail=str(exc),
            ) from exc
        return pid, Connection(ours.detach())

    def heed(self) -> bool:
        """In the process where it lodges: fork the worker that was asked for.

        False when nobody will ask any more.
        """
        message, descriptors, _, _ = socket.recv_fds(self.asked, 1024 * 1024, 1)
        if not message:
            return False
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        pipe = Connection(descriptors[0])

        def be_worker() -> None:
            # The host's own connections are not the worker's: one that was kept here would never
            # end.
            os.closerange(3, pipe.fileno())
            os.closerange(pipe.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
            orders: AnyOrders = pickle.loads(message)
            if isinstance(orders, BrowserOrders):
                browse(orders, pipe)
            elif isinstance(orders, WriterOrders):
                write(orders, pipe)
            elif isinstance(orders, FlightOrders):
                fly(orders, pipe)
            elif isinstance(orders, NumberOrders):
                write_numbers(orders, pipe)
            else:
                work(orders, pipe, self.commits)

        pid = linux.fork("cg-load", be_worker)
        pipe.close()
        self.asked.send(struct.pack("=i", pid))
        return True

    def close(self) -> None:
        """Start no more workers; those that run end with the process where they were forked."""
        self._control.close()
