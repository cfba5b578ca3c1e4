"""What the proxy process holds: listeners, paths, the connections through them and the bytes under
way. Knows neither epoll nor the control socket.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from dataclasses import dataclass, field

OUT, BACK = 1, 2
BOTH = OUT | BACK
"""Directions as bits: towards the server, and back from it."""
UNREGISTERED = -1
"""Stands for the events of a socket that epoll doesn't watch."""


@dataclass(eq=False, slots=True)
class Direction:
    """One direction of a connection: bytes, each with the moment at which it arrives."""

    source: socket.socket
    sink: socket.socket
    bit: int
    under_way: deque[tuple[float, bytes]] = field(default_factory=deque)
    size: int = 0
    last_due: float = 0.0
    read_all: bool = False
    over: bool = False

    def send_off(self, data: bytes, due: float) -> None:
        """Put bytes under way; they keep their order. Empty bytes stand for the end."""
        self.last_due = max(self.last_due, due)
        self.under_way.append((self.last_due, data))
        self.size += len(data)

    def expedite(self) -> None:
        """Make everything that is under way due now."""
        self.under_way = deque((0.0, data) for _, data in self.under_way)
        self.last_due = 0.0

    def arrive(self, now: float) -> bool:
        """Hand on what is due; False if the sink is full.

        Raises OSError when the connection broke.
        """
        while self.under_way and self.under_way[0][0] <= now:
            due, data = self.under_way[0]
            if not data:
                self.under_way.popleft()
                self.over = True
                with contextlib.suppress(OSError):
                    self.sink.shutdown(socket.SHUT_WR)
                continue
            try:
                sent = self.sink.send(data)
            except BlockingIOError:
                return False
            self.size -= sent
            if sent < len(data):
                self.under_way[0] = (due, data[sent:])
                return False
            self.under_way.popleft()
        return True


@dataclass(eq=False, slots=True)
class ProxiedConnection:
    """A connection through a path: the client's socket, the server's, and both directions.

    `wanted` has the epoll events of each socket; UNREGISTERED while epoll doesn't watch it.
    """

    path: NetworkPath
    client: socket.socket
    server: socket.socket
    directions: dict[int, Direction] = field(default_factory=dict)
    connecting: bool = True
    wanted: dict[int, int] = field(default_factory=dict)

    def is_open(self, direction: Direction) -> bool:
        """True if this direction is not cut."""
        return not self.path.cut & direction.bit

    def can_arrive(self, direction: Direction) -> bool:
        """True if something is under way in a direction that is not cut."""
        return bool(direction.under_way) and self.is_open(direction)


@dataclass(eq=False, slots=True)
class NetworkPath:
    """What lies between one caller and one server: the target, the address that the server sees,
    and the faults: the delay of each direction, and in `cut` the bit of each that is cut.

    `held` are clients that the kernel accepted although the path is cut: they wait.
    """

    name: str
    target: tuple[str, int]
    source: str = ""
    delay_s: float = 0.0
    cut: int = 0
    connections: set[ProxiedConnection] = field(default_factory=set)
    held: set[socket.socket] = field(default_factory=set)

    @property
    def count(self) -> int:
        """The number of connections, those that wait included."""
        return len(self.connections) + len(self.held)


@dataclass(eq=False, slots=True)
class Listener:
    """A listening socket, and the paths that start there.

    A caller whose address has a path of its own takes that one; others take the paths of `turns`,
    one after the other. `plug` fills the queue of the socket while every path is cut.
    """

    name: str
    listening: socket.socket
    paths: dict[str, NetworkPath] = field(default_factory=dict)
    turns: list[NetworkPath] = field(default_factory=list)
    taken: int = 0
    plug: socket.socket | None = None

    def choose(self, caller: str) -> NetworkPath | None:
        """The path that this caller takes now; None if there is none."""
        path = self.paths.get(caller)
        if path is None and self.turns:
            path = self.turns[self.taken % len(self.turns)]
            self.taken += 1
        return path

    @property
    def all_cut(self) -> bool:
        """True if every path is cut: then the kernel itself should turn callers away."""
        paths = [*self.paths.values(), *self.turns]
        return bool(paths) and all(path.cut for path in paths)
