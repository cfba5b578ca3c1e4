"""Forwards bytes through paths, late or not at all. Does not interpret them."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from functools import partial

from labs.network.connections import (
    BACK,
    BOTH,
    OUT,
    UNREGISTERED,
    Direction,
    NetworkPath,
    ProxiedConnection,
)
from labs.network.poll import Poll

# What may be under way in one direction of a connection; beyond it the sender has to wait, as with
# any full pipe.
MOST_UNDER_WAY = 256 * 1024
CHUNK = 64 * 1024


class Forwarder:
    """The connections of all paths."""

    def __init__(self, poll: Poll) -> None:
        self._poll = poll
        self._late: set[ProxiedConnection] = set()

    @property
    def next_due(self) -> float | None:
        """When the next bytes arrive (monotonic); None if none are under way."""
        return min(
            (
                direction.under_way[0][0]
                for connection in self._late
                for direction in connection.directions.values()
                if connection.can_arrive(direction)
            ),
            default=None,
        )

    def connect(self, path: NetworkPath, client: socket.socket) -> None:
        """Connect an accepted client to the target of a path."""
        server = socket.socket()
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = ProxiedConnection(path, client, server)
        connection.directions = {
            client.fileno(): Direction(client, server, OUT),
            server.fileno(): Direction(server, client, BACK),
        }
        path.connections.add(connection)
        for fd in connection.directions:
            connection.wanted[fd] = 0
            self._poll.watch(fd, 0, partial(self._on_events, connection, fd))
        with contextlib.suppress(BlockingIOError):
            try:
                if path.source:
                    server.bind((path.source, 0))
                server.connect(path.target)
            except BlockingIOError:
                raise
            except OSError:
                self.end(connection)
                return
        self._want(connection, server.fileno(), select.EPOLLOUT)

    def end(self, connection: ProxiedConnection) -> None:
        """Reset a connection on both sides; what is under way is lost."""
        for end in (connection.client, connection.server):
            reset_on_close(end)
        self._close(connection)

    def set_delay(self, path: NetworkPath, delay_s: float) -> None:
        """Delay both directions of a path; without a delay, what is under way arrives now."""
        path.delay_s = delay_s
        if not delay_s:
            for connection in list(path.connections):
                for direction in connection.directions.values():
                    direction.expedite()
                self._move(connection)

    def set_cut(self, path: NetworkPath, cut: int) -> None:
        """Cut these directions of a path and restore the others."""
        path.cut = cut
        for connection in list(path.connections):
            self._refresh(connection)

    def deliver_late(self) -> None:
        """Hand on the bytes whose moment has come."""
        if not self._late:
            return
        now = time.monotonic()
        for connection in [
            late
            for late in self._late
            if any(
                late.can_arrive(direction) and direction.under_way[0][0] <= now
                for direction in late.directions.values()
            )
        ]:
            self._move(connection)

    def _on_events(self, connection: ProxiedConnection, fd: int, events: int) -> None:
        direction = connection.directions[fd]
        if connection.path.cut and (connection.connecting or not connection.is_open(direction)):
            # epoll reports an error or an end without being asked; behind a cut neither end may
            # learn of it before the path is restored.
            self._suspend(connection, fd)
            return
        if connection.connecting:
            if fd == connection.server.fileno():
                if connection.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self.end(connection)
                    return
                connection.connecting = False
            elif events & (select.EPOLLERR | select.EPOLLHUP):
                self.end(connection)
                return
        elif events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            if direction.read_all and events & select.EPOLLERR:
                self.end(connection)
                return
            if direction.read_all and events & select.EPOLLHUP:
                # Shut both ways: epoll would report it again and again. Bytes from there may still
                # be under way.
                self._suspend(connection, fd)
            if not direction.read_all and direction.size < MOST_UNDER_WAY:
                try:
                    data = direction.source.recv(CHUNK)
                except BlockingIOError:
                    pass
                except OSError:
                    self.end(connection)
                    return
                else:
                    if self._passed_on(connection, direction, data):
                        return
        self._move(connection)

    def _passed_on(self, connection: ProxiedConnection, direction: Direction, data: bytes) -> bool:
        """The short way, for a path without faults and with nothing under way."""
        delay_s = connection.path.delay_s
        if data and not delay_s and not direction.under_way:
            try:
                sent = direction.sink.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.end(connection)
                return True
            if sent == len(data):
                return True
            data = data[sent:]
        direction.send_off(data, time.monotonic() + delay_s if delay_s else 0.0)
        direction.read_all = not data
        return False

    def _move(self, connection: ProxiedConnection) -> None:
        """Hand on what is due, then wait for what can happen next."""
        if connection.connecting or connection.path.cut == BOTH:
            return
        now = time.monotonic()
        whole = [
            direction
            for direction in connection.directions.values()
            if connection.is_open(direction)
        ]
        try:
            full = {direction.sink.fileno() for direction in whole if not direction.arrive(now)}
        except OSError:
            self.end(connection)
            return
        if all(direction.over for direction in connection.directions.values()):
            self._close(connection)
            return
        for fd, direction in connection.directions.items():
            reads = (
                select.EPOLLIN
                if direction in whole and not direction.read_all and direction.size < MOST_UNDER_WAY
                else 0
            )
            self._want(connection, fd, reads | (select.EPOLLOUT if fd in full else 0))
        waits = any(
            direction.under_way and direction.sink.fileno() not in full for direction in whole
        )
        (self._late.add if waits else self._late.discard)(connection)

    def _refresh(self, connection: ProxiedConnection) -> None:
        """Watch a connection again after directions of its path were cut or restored."""
        self._late.discard(connection)
        for fd, wanted in connection.wanted.items():
            blind = not connection.is_open(connection.directions[fd]) or (
                connection.connecting and connection.path.cut
            )
            if blind:
                self._want(connection, fd, 0)
            elif wanted == UNREGISTERED:
                self._poll.resume(fd)
                connection.wanted[fd] = 0
        if connection.connecting:
            if not connection.path.cut:
                self._want(connection, connection.server.fileno(), select.EPOLLOUT)
        else:
            self._move(connection)

    def _want(self, connection: ProxiedConnection, fd: int, events: int) -> None:
        if connection.wanted[fd] not in (events, UNREGISTERED):
            connection.wanted[fd] = events
            self._poll.modify(fd, events)

    def _suspend(self, connection: ProxiedConnection, fd: int) -> None:
        self._poll.suspend(fd)
        connection.wanted[fd] = UNREGISTERED

    def _close(self, connection: ProxiedConnection) -> None:
        connection.path.connections.discard(connection)
        self._late.discard(connection)
        for end in (connection.client, connection.server):
            self._poll.close(end)


def reset_on_close(end: socket.socket) -> None:
    """Have a socket send a reset when it is closed, as a machine without that server would."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
