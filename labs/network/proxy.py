"""The process that links run through: it forwards bytes between sockets, late or not at all.

Knows nothing of what they say.

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
from collections.abc import Callable
from functools import partial
from typing import Any

from labs.network.passages import BACK, BOTH, OUT, Direction, Gate, Line, Passage

# Two descriptors each, and 1,024 is what a process usually may have.
MOST_CONNECTIONS = 400
# What may be under way in one direction of a connection; beyond it the sender has to wait, as with
# any full pipe.
MOST_UNDER_WAY = 256 * 1024
_CHUNK = 64 * 1024
_BACKLOG = 128


class Proxy:
    """One thread, one epoll, all links of a sandbox."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._gates: dict[str, Gate] = {}
        self._lines: dict[str, Line] = {}
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._late: set[Passage] = set()
        self._orders: dict[str, Callable[..., None]] = {
            "lay": self._lay,
            "gate": self._open_gate,
            "line": self._draw_line,
            "lead": self._lead,
            "change": self._change,
            "drop": self._drop,
        }
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
        """What happened. epoll counts whole milliseconds, select microseconds: so the latter waits
        when something is under way.
        """
        due = min(
            (
                direction.under_way[0][0]
                for passage in self._late
                for direction in passage.directions.values()
                if _can_arrive(passage, direction)
            ),
            default=None,
        )
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
            order: dict[str, Any] = json.loads(message)
            self._orders[order.pop("verb")](**order)
            reply: dict[str, str] = {}
        except (OSError, KeyError, TypeError) as exc:
            reply = {"error": f"{type(exc).__name__}: {exc}"}
        self._control.send(json.dumps(reply).encode())

    def _lay(self, name: str, near: tuple[str, int], target: tuple[str, int]) -> None:
        """A line with a gate of its own, which everybody takes."""
        self._open_gate(name, near)
        self._draw_line(name, target)
        self._lead(name, [name])

    def _open_gate(self, name: str, near: tuple[str, int]) -> None:
        if name in self._gates:
            self._close_gate(self._gates.pop(name))
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((near[0], near[1]))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        gate = self._gates[name] = Gate(name, listener)
        self._watch(listener.fileno(), select.EPOLLIN, lambda _: self._let_in(gate))

    def _draw_line(
        self, name: str, target: tuple[str, int], gate: str = "", caller: str = "", source: str = ""
    ) -> None:
        if name in self._lines:
            self._take_up(self._lines.pop(name))
        line = self._lines[name] = Line(name, (target[0], target[1]), source)
        if gate:
            self._gates[gate].lines[caller] = line

    def _lead(self, gate: str, lines: list[str]) -> None:
        """Who comes from now on takes these lines in turn; who is through stays."""
        self._gates[gate].turns = [self._lines[name] for name in lines]
        self._mind_plugs()

    def _change(
        self,
        names: list[str],
        cut: int | None = None,
        delay_ms: float | None = None,
        directions: int = BOTH,
    ) -> None:
        """Set what is the matter with these lines: which directions are cut, and the delay of these
        `directions`.
        """
        lines = [self._lines[name] for name in names]
        for line in lines:
            if delay_ms is not None:
                for bit in (OUT, BACK):
                    if directions & bit:
                        self._slow(line, bit, delay_ms / 1000)
            if cut is not None and cut != line.cut:
                line.cut = cut
                for passage in list(line.passages):
                    self._look_after(passage)
        self._mind_plugs()
        for line in lines:
            if not line.cut:
                self._take_in_held(line)

    def _drop(self, names: list[str]) -> None:
        for name in names:
            for passage in list(self._lines[name].passages):
                self._end(passage)

    def _slow(self, line: Line, bit: int, delay_s: float) -> None:
        line.delay_s[bit] = delay_s
        if not delay_s:
            for passage in list(line.passages):
                for direction in passage.directions.values():
                    if direction.bit == bit:
                        direction.hurry()
                self._move(passage)

    def _mind_plugs(self) -> None:
        for gate in self._gates.values():
            if gate.all_cut and gate.plug is None:
                self._plug(gate)
            elif gate.plug is not None and not gate.all_cut:
                self._unplug(gate)

    def _plug(self, gate: Gate) -> None:
        """Fill the queue of the listening socket, so that the kernel drops who else knocks:
        connecting times out, and needs no privilege to do so.
        """
        self._poll.modify(gate.listener.fileno(), 0)
        gate.listener.listen(0)
        gate.plug = socket.socket()
        gate.plug.setblocking(False)
        gate.plug.connect_ex(gate.listener.getsockname())

    def _unplug(self, gate: Gate) -> None:
        """Let in who waited in the queue, but not our own plug."""
        assert gate.plug is not None
        gate.listener.listen(_BACKLOG)
        own = gate.plug.getsockname()
        with contextlib.suppress(BlockingIOError):
            while True:
                client, peer = gate.listener.accept()
                if peer == own:
                    client.close()
                else:
                    self._admit(gate, client, peer[0])
        gate.plug.close()
        gate.plug = None
        self._poll.modify(gate.listener.fileno(), select.EPOLLIN)

    def _close_gate(self, gate: Gate) -> None:
        self._forget(gate.listener)
        if gate.plug is not None:
            gate.plug.close()

    def _take_up(self, line: Line) -> None:
        for passage in list(line.passages):
            self._end(passage)
        for client in line.held:
            self._forget(client)
        for gate in self._gates.values():
            gate.turns = [other for other in gate.turns if other is not line]

    # Connections

    def _let_in(self, gate: Gate) -> None:
        with contextlib.suppress(OSError):
            client, peer = gate.listener.accept()
            self._admit(gate, client, peer[0])

    def _admit(self, gate: Gate, client: socket.socket, caller: str) -> None:
        line = gate.choose(caller)
        if (
            line is None
            or sum(other.connections for other in self._lines.values()) >= MOST_CONNECTIONS
        ):
            _reset(client)
            client.close()
        elif line.cut:
            self._hold(line, client)
        else:
            self._take_in(line, client)

    def _hold(self, line: Line, client: socket.socket) -> None:
        """Others come through this gate, so the kernel has let the caller in: it waits for nothing
        until the line is whole, or it gives up.
        """
        line.held.add(client)

        def given_up(_: int) -> None:
            line.held.discard(client)
            self._forget(client)

        self._watch(client.fileno(), select.EPOLLRDHUP, given_up)

    def _take_in_held(self, line: Line) -> None:
        for client in list(line.held):
            self._handlers.pop(client.fileno())
            self._poll.unregister(client.fileno())
            self._take_in(line, client)
        line.held.clear()

    def _take_in(self, line: Line, client: socket.socket) -> None:
        server = socket.socket()
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        passage = Passage(line, client, server)
        passage.directions = {
            client.fileno(): Direction(client, server, OUT),
            server.fileno(): Direction(server, client, BACK),
        }
        line.passages.add(passage)
        for number in passage.directions:
            passage.wants[number] = 0
            self._watch(number, 0, partial(self._happened, passage, number))
        with contextlib.suppress(BlockingIOError):
            try:
                if line.source:
                    server.bind((line.source, 0))
                server.connect(line.target)
            except BlockingIOError:
                raise
            except OSError:
                self._end(passage)
                return
        self._want(passage, server.fileno(), select.EPOLLOUT)

    def _happened(self, passage: Passage, number: int, happened: int) -> None:
        direction = passage.directions[number]
        if passage.line.cut and (passage.connecting or passage.line.cut & direction.bit):
            # An error or an end is reported unasked; behind a cut nobody hears of it before the
            # link is whole again.
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
            if direction.read_all and happened & select.EPOLLERR:
                self._end(passage)
                return
            if direction.read_all and happened & select.EPOLLHUP:
                # Shut both ways, and epoll would say so for ever; what came from there may still be
                # under way.
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
        delay_s = passage.line.delay_s[direction.bit]
        if data and not delay_s and not direction.under_way:
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
        direction.send_off(data, time.monotonic() + delay_s if delay_s else 0.0)
        direction.read_all = not data
        return False

    def _move(self, passage: Passage) -> None:
        """Hand on what is due, then wait for what can happen next."""
        if passage.connecting or passage.line.cut == BOTH:
            return
        now = time.monotonic()
        whole = [
            direction
            for direction in passage.directions.values()
            if not passage.line.cut & direction.bit
        ]
        try:
            full = {direction.sink.fileno() for direction in whole if not direction.arrive(now)}
        except OSError:
            self._end(passage)
            return
        if all(direction.over for direction in passage.directions.values()):
            self._end(passage, politely=True)
            return
        for number, direction in passage.directions.items():
            reads = (
                select.EPOLLIN
                if direction in whole and not direction.read_all and direction.size < MOST_UNDER_WAY
                else 0
            )
            self._want(passage, number, reads | (select.EPOLLOUT if number in full else 0))
        waits = any(
            direction.under_way and direction.sink.fileno() not in full for direction in whole
        )
        (self._late.add if waits else self._late.discard)(passage)

    def _deliver_late(self) -> None:
        now = time.monotonic()
        for passage in [
            p
            for p in self._late
            if any(
                _can_arrive(p, direction) and direction.under_way[0][0] <= now
                for direction in p.directions.values()
            )
        ]:
            self._move(passage)

    def _look_after(self, passage: Passage) -> None:
        """Take up a passage again after its line was cut or healed, one way or both."""
        self._late.discard(passage)
        for number, wanted in passage.wants.items():
            blind = passage.line.cut & passage.directions[number].bit or (
                passage.connecting and passage.line.cut
            )
            if blind:
                self._want(passage, number, 0)
            elif wanted == -1:
                self._poll.register(number, 0)
                passage.wants[number] = 0
        if passage.connecting:
            if not passage.line.cut:
                self._want(passage, passage.server.fileno(), select.EPOLLOUT)
        else:
            self._move(passage)

    def _end(self, passage: Passage, *, politely: bool = False) -> None:
        passage.line.passages.discard(passage)
        self._late.discard(passage)
        for end in (passage.client, passage.server):
            if not politely:
                _reset(end)
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


def _can_arrive(passage: Passage, direction: Direction) -> bool:
    return bool(direction.under_way) and not passage.line.cut & direction.bit


def _reset(end: socket.socket) -> None:
    """Have it reset when it is closed, as the kernel of a machine without that server would."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
