"""A tap on a link: what a reader of the wire to a server sees."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from labs.clients.address import Address
from labs.lab import Link
from labs.sandbox.context import Context
from labs.sandbox.part import Part

CHUNK = 16_384
MOST_BYTES = 65_536
"""What a tap keeps of one exchange."""
CLOSES_S = 5.0


@dataclass(frozen=True, slots=True)
class Packet:
    """Bytes as they crossed the wire at once: to the server, or from it."""

    to_server: bool
    data: bytes


class Tap:
    """Stands between the near end of a link and its server: passes every byte on, and keeps a copy
    while it is asked to. One thread, which ends with `close`.
    """

    def __init__(self, host: str, server: Address) -> None:
        self._server = server
        self._lock, self._exchange = threading.Lock(), threading.Lock()
        self._packets: deque[Packet] | None = None
        self._kept = 0
        self._listening = socket.create_server((host, 0))
        # A client may be gone before it is accepted, and this thread must not wait for the next.
        self._listening.setblocking(False)
        self.address = Address(host, self._listening.getsockname()[1])
        self._selector = selectors.DefaultSelector()
        self._stopping, self._stop = socket.socketpair()
        self._peers: dict[socket.socket, tuple[socket.socket, bool]] = {}
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(self._stopping, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="cg-tap", daemon=True)
        self._thread.start()

    def listen(self) -> None:
        """Keep a copy of what crosses from now on."""
        with self._lock:
            self._packets, self._kept = deque(), 0

    def heard(self) -> list[Packet]:
        """What has crossed since `listen`, in order; nothing is kept any more."""
        with self._lock:
            packets, self._packets = self._packets or deque(), None
        return list(packets)

    @contextlib.contextmanager
    def exchange(self) -> Iterator[list[Packet]]:
        """The list of what crosses while the block runs, which is filled when it has ended. One
        exchange at a time: the next one waits.
        """
        packets: list[Packet] = []
        with self._exchange:
            self.listen()
            try:
                yield packets
            finally:
                packets += self.heard()

    def close(self) -> None:
        """End every connection through it."""
        self._stop.close()
        self._thread.join(CLOSES_S)

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if end is self._stopping:
                    self._close_all()
                    return
                if end is self._listening:
                    self._accept()
                elif end in self._peers:
                    self._pass_on(end)

    def _accept(self) -> None:
        try:
            client, _ = self._listening.accept()
        except OSError:
            return
        try:
            server = socket.create_connection((self._server.host, self._server.port), CLOSES_S)
        except OSError:
            client.close()
            return
        self._peers[client], self._peers[server] = (server, True), (client, False)
        for end in (client, server):
            end.settimeout(CLOSES_S)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket) -> None:
        peer, to_server = self._peers[end]
        try:
            data = end.recv(CHUNK)
            if data:
                self._keep(Packet(to_server, data))
                peer.sendall(data)
                return
        except OSError:
            pass  # either end is gone: both connections end
        for one in (end, peer):
            self._selector.unregister(one)
            self._peers.pop(one)
            one.close()

    def _keep(self, packet: Packet) -> None:
        with self._lock:
            if self._packets is not None and self._kept < MOST_BYTES:
                self._packets.append(packet)
                self._kept += len(packet.data)

    def _close_all(self) -> None:
        for end in (*self._peers, self._listening, self._stopping):
            with contextlib.suppress(OSError):
                end.close()
        self._selector.close()


class Taps(Part):
    """A tap on the link to each of the servers `names`, or to every server."""

    make: Callable[[str, Address], Tap] = Tap

    def __init__(self, context: Context, names: Collection[str] = ()) -> None:
        super().__init__(context)
        self._names = names
        self._taps: dict[str, Tap] = {}

    def opened(self) -> None:
        """Put a tap into each link."""
        for link in self.context.topology.links:
            self._lay(link)

    def server_changed(self, server: str, verb: str) -> None:
        """A link that was laid again leads past the tap."""
        if verb == "exchange":
            for link in self.context.topology.links_to(server):
                self._lay(link)

    def of(self, server: str) -> Tap:
        """The tap in front of a server."""
        return self._taps[server]

    def close(self) -> None:
        """End all taps."""
        for tap in self._taps.values():
            tap.close()
        self._taps.clear()

    def _lay(self, link: Link) -> None:
        if not self.context.is_real or (self._names and link.target not in self._names):
            return
        if before := self._taps.pop(link.target, None):
            before.close()
        server = self.context.servers[link.target].engine.address
        tap = self._taps[link.target] = self.make(server.host, server)
        self.context.network.add_link(
            link.name, self.context.addresses.of_link(link.name), tap.address
        )


class DeafTap(Tap):
    """Hears nothing of what goes to the server: for mutants."""

    def _keep(self, packet: Packet) -> None:
        if not packet.to_server:
            super()._keep(packet)


class DeafTaps(Taps):
    """Taps that hear half: for mutants."""

    make = DeafTap
