"""The process that all links of a sandbox run through: it listens, chooses the path of each caller,
and carries out what the control socket orders. The bytes are moved in forwarder.py.

A cut path reads nothing and accepts no client: a partition times out, it does not refuse.
"""

from __future__ import annotations

import contextlib
import gc
import json
import select
import socket
from collections.abc import Callable
from typing import Any

from labs.network.connections import Listener, NetworkPath
from labs.network.forwarder import CHUNK, Forwarder, reset_on_close
from labs.network.poll import Poll

# Two descriptors each, and 1,024 is what a process usually may have.
MOST_CONNECTIONS = 400
_BACKLOG = 128


class Proxy:
    """One thread, one epoll, all links of a sandbox."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._listeners: dict[str, Listener] = {}
        self._paths: dict[str, NetworkPath] = {}
        self._poll = Poll()
        self._forwarder = Forwarder(self._poll)
        self._orders: dict[str, Callable[..., None]] = {
            "add_link": self._add_link,
            "listen": self._listen,
            "add_path": self._add_path,
            "forward": self._forward,
            "change": self._change,
            "drop": self._drop,
        }
        self._poll.watch(control.fileno(), select.EPOLLIN, self._obey)
        self._running = True

    def add_side_channel(self, fd: int, on_readable: Callable[[], bool]) -> None:
        """Call `on_readable` whenever the descriptor can be read, until it returns False."""

        def handle(_: int) -> None:
            if not on_readable():
                self._poll.unwatch(fd)

        self._poll.watch(fd, select.EPOLLIN, handle)

    def serve(self) -> None:
        """Forward until the control socket's other end is closed."""
        # Nothing here makes cycles, and a collection would be felt as latency.
        gc.disable()
        while self._running:
            self._poll.run_once(self._forwarder.next_due)
            self._forwarder.deliver_late()

    def _obey(self, _: int) -> None:
        message = self._control.recv(CHUNK)
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

    def _add_link(
        self, name: str, listen_address: tuple[str, int], target: tuple[str, int]
    ) -> None:
        """A path with a listener of its own, for every caller."""
        self._listen(name, listen_address)
        self._add_path(name, target)
        self._forward(name, [name])

    def _listen(self, name: str, listen_address: tuple[str, int]) -> None:
        if name in self._listeners:
            self._close_listener(self._listeners.pop(name))
        listening = socket.socket()
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((listen_address[0], listen_address[1]))
            listening.listen(_BACKLOG)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        listener = self._listeners[name] = Listener(name, listening)
        self._poll.watch(listening.fileno(), select.EPOLLIN, lambda _: self._accept(listener))

    def _add_path(
        self,
        name: str,
        target: tuple[str, int],
        listener: str = "",
        caller: str = "",
        source: str = "",
    ) -> None:
        if name in self._paths:
            self._remove_path(self._paths.pop(name))
        path = self._paths[name] = NetworkPath(name, (target[0], target[1]), source)
        if listener:
            self._listeners[listener].paths[caller] = path

    def _forward(self, listener: str, paths: list[str]) -> None:
        """New connections take these paths in turn; open ones stay."""
        self._listeners[listener].turns = [self._paths[name] for name in paths]
        self._update_plugs()

    def _change(
        self, names: list[str], cut: int | None = None, delay_ms: float | None = None
    ) -> None:
        """Set the faults of these paths: which directions are cut, and the delay of both."""
        paths = [self._paths[name] for name in names]
        for path in paths:
            if delay_ms is not None:
                self._forwarder.set_delay(path, delay_ms / 1000)
            if cut is not None and cut != path.cut:
                self._forwarder.set_cut(path, cut)
        self._update_plugs()
        for path in paths:
            if not path.cut:
                self._connect_held(path)

    def _drop(self, names: list[str]) -> None:
        for name in names:
            for connection in list(self._paths[name].connections):
                self._forwarder.end(connection)

    def _update_plugs(self) -> None:
        for listener in self._listeners.values():
            if listener.all_cut and listener.plug is None:
                self._plug(listener)
            elif listener.plug is not None and not listener.all_cut:
                self._unplug(listener)

    def _plug(self, listener: Listener) -> None:
        """Fill the queue of the listening socket, so that the kernel drops further clients:
        connecting times out, and this needs no privilege.
        """
        self._poll.modify(listener.listening.fileno(), 0)
        listener.listening.listen(0)
        listener.plug = socket.socket()
        listener.plug.setblocking(False)
        listener.plug.connect_ex(listener.listening.getsockname())

    def _unplug(self, listener: Listener) -> None:
        """Accept the clients that waited in the queue, but not our own plug."""
        assert listener.plug is not None
        listener.listening.listen(_BACKLOG)
        own = listener.plug.getsockname()
        with contextlib.suppress(BlockingIOError):
            while True:
                client, peer = listener.listening.accept()
                if peer == own:
                    client.close()
                else:
                    self._admit(listener, client, peer[0])
        listener.plug.close()
        listener.plug = None
        self._poll.modify(listener.listening.fileno(), select.EPOLLIN)

    def _close_listener(self, listener: Listener) -> None:
        self._poll.close(listener.listening)
        if listener.plug is not None:
            listener.plug.close()

    def _remove_path(self, path: NetworkPath) -> None:
        for connection in list(path.connections):
            self._forwarder.end(connection)
        for client in path.held:
            self._poll.close(client)
        for listener in self._listeners.values():
            listener.turns = [other for other in listener.turns if other is not path]

    def _accept(self, listener: Listener) -> None:
        with contextlib.suppress(OSError):
            client, peer = listener.listening.accept()
            self._admit(listener, client, peer[0])

    def _admit(self, listener: Listener, client: socket.socket, caller: str) -> None:
        path = listener.choose(caller)
        if path is None or sum(other.count for other in self._paths.values()) >= MOST_CONNECTIONS:
            reset_on_close(client)
            client.close()
        elif path.cut:
            self._hold(path, client)
        else:
            self._forwarder.connect(path, client)

    def _hold(self, path: NetworkPath, client: socket.socket) -> None:
        """The kernel accepted a client of a cut path, because other paths of this listener are
        whole: it waits until the path is restored, or until it gives up.
        """
        path.held.add(client)

        def give_up(_: int) -> None:
            path.held.discard(client)
            self._poll.close(client)

        self._poll.watch(client.fileno(), select.EPOLLRDHUP, give_up)

    def _connect_held(self, path: NetworkPath) -> None:
        for client in list(path.held):
            self._poll.unwatch(client.fileno())
            self._forwarder.connect(path, client)
        path.held.clear()
