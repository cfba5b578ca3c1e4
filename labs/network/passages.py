"""What the process of the links keeps in its hands: gates, lines, the connections through them and
the bytes that are under way. Knows no epoll and no orders.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from dataclasses import dataclass, field

OUT, BACK = 1, 2
BOTH = OUT | BACK
"""Directions as bits: towards the server, and back from it."""


class Direction:
    """One direction of a connection: bytes, each with the moment at which it arrives."""

    def __init__(self, source: socket.socket, sink: socket.socket, bit: int) -> None:
        self.source = source
        self.sink = sink
        self.bit = bit
        self.under_way: deque[tuple[float, bytes]] = deque()
        self.size = 0
        self.last_due = 0.0
        self.read_all = False
        self.over = False

    def send_off(self, data: bytes, due: float) -> None:
        """Put bytes under way; nothing overtakes. No bytes at all are the end."""
        self.last_due = max(self.last_due, due)
        self.under_way.append((self.last_due, data))
        self.size += len(data)

    def hurry(self) -> None:
        """What is under way is due now."""
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
class Passage:
    """A connection through a line: the client's socket, the server's, and both directions."""

    line: Line
    client: socket.socket
    server: socket.socket
    directions: dict[int, Direction] = field(default_factory=dict)
    connecting: bool = True
    wants: dict[int, int] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Line:
    """What lies between one caller and one server: where it leads, under which address it arrives
    there, and what is the matter with it.

    `cut` has the bit of each direction that is cut, `delay_s` a delay for each bit. `held` are
    callers whom the kernel let in although the line is cut: they wait.
    """

    name: str
    target: tuple[str, int]
    source: str = ""
    delay_s: dict[int, float] = field(default_factory=lambda: {OUT: 0.0, BACK: 0.0})
    cut: int = 0
    passages: set[Passage] = field(default_factory=set)
    held: set[socket.socket] = field(default_factory=set)

    @property
    def connections(self) -> int:
        """How many there are, those that wait included."""
        return len(self.passages) + len(self.held)


@dataclass(eq=False, slots=True)
class Gate:
    """Where lines are entered.

    Who comes from an address that has a line of its own takes that one; others take the lines of
    `turns`, one after the other.
    """

    name: str
    listener: socket.socket
    lines: dict[str, Line] = field(default_factory=dict)
    turns: list[Line] = field(default_factory=list)
    taken: int = 0
    plug: socket.socket | None = None

    def choose(self, caller: str) -> Line | None:
        """The line that this caller takes now; None if there is none."""
        line = self.lines.get(caller)
        if line is None and self.turns:
            line = self.turns[self.taken % len(self.turns)]
            self.taken += 1
        return line

    @property
    def all_cut(self) -> bool:
        """True if nobody can come through: then the kernel turns callers away by itself."""
        lines = [*self.lines.values(), *self.turns]
        return bool(lines) and all(line.cut for line in lines)
