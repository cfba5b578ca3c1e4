"""The process that links run through: it forwards bytes between sockets, late or not at all. Knows nothing of what they say.

Cut means that nothing is read and nobody is let in: a partition times out, it does not refuse.
"""

from __future__ import annotations

import contextlib
import gc
import json
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

# Two descriptors each, and 1,024 is what a process usually may have.
MOST_CONNECTIONS = 400
# What may be under way in one direction of a connection; beyond it the sender has to wait, as with any full pipe.
MOST_UNDER_WAY = 256 * 1024
_CHUNK = 64 * 1024
_BACKLOG = 128


class Direction:
    """One direction of a connection: bytes, each with the moment at which it arrives."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
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

    def arrive(self, now: float) -> bool:
        """Hand on what is due; False if the sink is full. Raises OSError when the connection broke."""
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
    """A connection through a link: the client's socket, the server's, and both directions."""

    line: Line
    client: socket.socket
    server: socket.socket
    directions: dict[int, Direction] = field(default_factory=dict)
    connecting: bool = True
    wants: dict[int, int] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Line:
    """A link: where it is entered, where it leads, and what is the matter with it."""

    name: str
    listener: socket.socket
    target: tuple[str, int]
    delay_s: float = 0.0
    is_cut: bool = False
    passages: set[Passage] = field(default_factory=set)
    plug: socket.socket | None = None


class Proxy:
    """One thread, one epoll, all links of a sandbox."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lines: dict[str, Line] = {}
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._late: set[Passage] = set()
        self._watch(control.fileno(), select.EPOLLIN, self._obey)
        self._running = True

    def also(self, number: int, heed: Callable[[], bool]) -> None:
        """Call this whenever the descriptor can be read, until it says False."""

        def handle(_: int) -> None:
            if not heed():
                del self._handlers[number]
                self._poll.unregister(number)

        self._watch(number, select.EPOLLIN, handle)

    def serve(self) -> None:
        """Forward until the control socket's other end is closed."""
        # Nothing here makes cycles, and a collection would be felt as latency.
        gc.disable()
        while self._running:
            for number, happened in self._wait():
                handler = self._handlers.get(number)
                if handler is not None:
                    handler(happened)
            if self._late:
                self._deliver_late()

    def _wait(self) -> list[tuple[int, int]]:
        """What happened. epoll counts whole milliseconds, select microseconds: so the latter waits when something is under way."""
        due = min((direction.under_way[0][0] for passage in self._late for direction in passage.directions.values() if direction.under_way), default=None)
        if due is None:
            return self._poll.poll()
        left = due - time.monotonic()
        if left > 0:
            select.select([self._poll], [], [], left)
        return self._poll.poll(0)

    # Orders

    def _obey(self, _: int) -> None:
        message = self._control.recv(_CHUNK)
        if not message:
            self._running = False
            return
        try:
            self._carry_out(**json.loads(message))
            reply: dict[str, str] = {}
        except (OSError, KeyError, TypeError) as exc:
            reply = {"error": f"{type(exc).__name__}: {exc}"}
        self._control.send(json.dumps(reply).encode())

    def _carry_out(self, verb: str, name: str, near: tuple[str, int] = ("", 0), target: tuple[str, int] = ("", 0), delay_ms: float = 0.0) -> None:
        if verb == "lay":
            if name in self._lines:
                self._take_up(self._lines.pop(name))
            listener = socket.socket()
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((near[0], near[1]))
                listener.listen(_BACKLOG)
                listener.setblocking(False)
            except OSError:
                listener.close()
                raise
            line = self._lines[name] = Line(name, listener, (target[0], target[1]))
            self._watch(listener.fileno(), select.EPOLLIN, lambda _: self._let_in(line))
            return
        line = self._lines[name]
        if verb == "cut":
            self._cut(line)
        elif verb == "slow":
            self._heal(line)
            line.delay_s = delay_ms / 1000
        else:
            self._heal(line)
            line.delay_s = 0.0
            self._hurry(line)

    def _cut(self, line: Line) -> None:
        if line.is_cut:
            return
        line.is_cut = True
        self._poll.modify(line.listener.fileno(), 0)
        self._plug(line)
        for passage in line.passages:
            self._late.discard(passage)
            for number in passage.wants:
                self._want(passage, number, 0)

    def _plug(self, line: Line) -> None:
        """Fill the queue of the listening socket, so that the kernel drops who else knocks: connecting times out, and needs no privilege to do so."""
        line.listener.listen(0)
        line.plug = socket.socket()
        line.plug.setblocking(False)
        line.plug.connect_ex(line.listener.getsockname())

    def _unplug(self, line: Line) -> None:
        """Let in who waited in the queue, but not our own plug."""
        line.listener.listen(_BACKLOG)
        if line.plug is None:
            return
        own = line.plug.getsockname()
        with contextlib.suppress(BlockingIOError):
            while True:
                client, peer = line.listener.accept()
                if peer == own:
                    client.close()
                else:
                    self._take_in(line, client)
        line.plug.close()
        line.plug = None

    def _heal(self, line: Line) -> None:
        if not line.is_cut:
            return
        line.is_cut = False
        self._unplug(line)
        self._poll.modify(line.listener.fileno(), select.EPOLLIN)
        for passage in list(line.passages):
            self._look_after(passage)

    def _hurry(self, line: Line) -> None:
        """What is still under way arrives now."""
        for passage in list(line.passages):
            for direction in passage.directions.values():
                direction.under_way = deque((0.0, data) for _, data in direction.under_way)
                direction.last_due = 0.0
            self._move(passage)

    def _take_up(self, line: Line) -> None:
        self._forget(line.listener)
        if line.plug is not None:
            line.plug.close()
        for passage in list(line.passages):
            self._end(passage)

    # Connections

    def _let_in(self, line: Line) -> None:
        with contextlib.suppress(OSError):
            self._take_in(line, line.listener.accept()[0])

    def _take_in(self, line: Line, client: socket.socket) -> None:
        if sum(len(other.passages) for other in self._lines.values()) >= MOST_CONNECTIONS:
            client.close()
            return
        server = socket.socket()
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        passage = Passage(line, client, server)
        passage.directions = {client.fileno(): Direction(client, server), server.fileno(): Direction(server, client)}
        line.passages.add(passage)
        for number in passage.directions:
            passage.wants[number] = 0
            self._watch(number, 0, lambda happened, number=number: self._happened(passage, number, happened))  # type: ignore[misc]  # binds the loop's value
        with contextlib.suppress(BlockingIOError):
            try:
                server.connect(line.target)
            except BlockingIOError:
                raise
            except OSError:
                self._end(passage)
                return
        self._want(passage, server.fileno(), select.EPOLLOUT)

    def _happened(self, passage: Passage, number: int, happened: int) -> None:
        if passage.line.is_cut:
            # An error or an end is reported unasked; behind a cut nobody hears of it before the link is whole again.
            self._poll.unregister(number)
            passage.wants[number] = -1
            return
        if passage.connecting:
            if number == passage.server.fileno():
                if passage.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self._end(passage)
                    return
                passage.connecting = False
            elif happened & (select.EPOLLERR | select.EPOLLHUP):
                self._end(passage)
                return
        elif happened & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            direction = passage.directions[number]
            if direction.read_all and happened & select.EPOLLERR:
                self._end(passage)
                return
            if direction.read_all and happened & select.EPOLLHUP:
                # Shut both ways, and epoll would say so for ever; what came from there may still be under way.
                self._poll.unregister(number)
                passage.wants[number] = -1
            if not direction.read_all and direction.size < MOST_UNDER_WAY:
                try:
                    data = direction.source.recv(_CHUNK)
                except BlockingIOError:
                    pass
                except OSError:
                    self._end(passage)
                    return
                else:
                    if self._passed_on(passage, direction, data):
                        return
        self._move(passage)

    def _passed_on(self, passage: Passage, direction: Direction, data: bytes) -> bool:
        """The short path, for a link that is whole and has nothing under way."""
        if data and not passage.line.delay_s and not direction.under_way:
            try:
                sent = direction.sink.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._end(passage)
                return True
            if sent == len(data):
                return True
            data = data[sent:]
        direction.send_off(data, time.monotonic() + passage.line.delay_s if passage.line.delay_s else 0.0)
        direction.read_all = not data
        return False

    def _move(self, passage: Passage) -> None:
        """Hand on what is due, then wait for what can happen next."""
        if passage.line.is_cut or passage.connecting:
            return
        now = time.monotonic()
        try:
            full = {direction.sink.fileno() for direction in passage.directions.values() if not direction.arrive(now)}
        except OSError:
            self._end(passage)
            return
        if all(direction.over for direction in passage.directions.values()):
            self._end(passage, politely=True)
            return
        for number, direction in passage.directions.items():
            reads = select.EPOLLIN if not direction.read_all and direction.size < MOST_UNDER_WAY else 0
            self._want(passage, number, reads | (select.EPOLLOUT if number in full else 0))
        waits = any(direction.under_way and direction.sink.fileno() not in full for direction in passage.directions.values())
        (self._late.add if waits else self._late.discard)(passage)

    def _deliver_late(self) -> None:
        now = time.monotonic()
        for passage in [p for p in self._late if any(direction.under_way and direction.under_way[0][0] <= now for direction in p.directions.values())]:
            self._move(passage)

    def _look_after(self, passage: Passage) -> None:
        """Take up a passage again after a cut."""
        for number, wanted in passage.wants.items():
            if wanted == -1:
                self._poll.register(number, 0)
                passage.wants[number] = 0
        if passage.connecting:
            self._want(passage, passage.server.fileno(), select.EPOLLOUT)
        else:
            self._move(passage)

    def _end(self, passage: Passage, *, politely: bool = False) -> None:
        passage.line.passages.discard(passage)
        self._late.discard(passage)
        for end in (passage.client, passage.server):
            if not politely:
                # Reset, as the kernel of a machine without that server would.
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
            self._forget(end)

    # epoll

    def _watch(self, number: int, wanted: int, handler: Callable[[int], None]) -> None:
        self._handlers[number] = handler
        self._poll.register(number, wanted)

    def _want(self, passage: Passage, number: int, wanted: int) -> None:
        if passage.wants[number] not in (wanted, -1):
            passage.wants[number] = wanted
            self._poll.modify(number, wanted)

    def _forget(self, closing: socket.socket) -> None:
        with contextlib.suppress(OSError, KeyError):
            self._handlers.pop(closing.fileno())
            self._poll.unregister(closing.fileno())
        closing.close()
