"""A subscription to a channel of a Redis: a thread that hears messages while its connection stands.

What is said in between, nobody says again.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

import hiredis

from labs.clients.address import Way

CONNECT_TIMEOUT_S = 1.0
LOOK_S = 0.1
FIRST_S = 1.0


class Listener:
    """Listens from now on, connects anew when the connection ends or the way changes, until it is
    closed.
    """

    def __init__(
        self, way: Way, *, user: str, password: str, channel: str, heard: Callable[[str], None]
    ) -> None:
        self._way = way
        self._login = (user, password)
        self._channel = channel
        self._heard = heard
        self._stopped = threading.Event()
        self._listens = threading.Event()
        threading.Thread(target=self._run, name="listener", daemon=True).start()
        self._listens.wait(FIRST_S)

    def close(self) -> None:
        """Hear no more; the thread ends soon."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError, hiredis.HiredisError):
                self._listen()
            self._listens.clear()
            self._stopped.wait(LOOK_S / 2)

    def _listen(self) -> None:
        address, reader = self._way(), hiredis.Reader()
        with socket.create_connection(
            (address.host, address.port), timeout=CONNECT_TIMEOUT_S
        ) as connected:
            commands = ("AUTH", *self._login), ("SUBSCRIBE", self._channel)
            for command in commands:
                # its stub knows only one word
                connected.sendall(hiredis.pack_command(command))  # type: ignore[arg-type]
            connected.settimeout(LOOK_S)
            while not self._stopped.is_set() and self._way() is address:
                try:
                    data = connected.recv(65_536)
                except TimeoutError:
                    continue
                if not data:
                    return
                reader.feed(data)
                while (reply := reader.gets()) is not False:
                    match reply:
                        case [b"message", _, bytes(message)]:
                            self._heard(message.decode())
                        case [b"subscribe", *_]:
                            self._listens.set()
