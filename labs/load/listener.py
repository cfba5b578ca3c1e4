"""A subscription to a channel of a Redis: a thread that receives messages while it is connected.

Messages that are published while there is no connection are lost.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from labs.clients.access import Access
from labs.clients.address import Way
from labs.clients.resp import RespClient

CONNECT_TIMEOUT_S = 1.0
LOOK_S = 0.1
FIRST_S = 1.0


class Listener:
    """Subscribes at once, and again when the connection ends or the way changes, until it is
    closed.
    """

    def __init__(
        self, way: Way, access: Access, *, channel: str, on_message: Callable[[str], None]
    ) -> None:
        self._way = way
        self._client = RespClient(way, access, timeout_s=CONNECT_TIMEOUT_S)
        self._channel = channel
        self._on_message = on_message
        self._stopped = threading.Event()
        self._subscribed = threading.Event()
        threading.Thread(target=self._run, name="listener", daemon=True).start()
        self._subscribed.wait(FIRST_S)

    def close(self) -> None:
        """Receive no more; the thread ends soon."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError), contextlib.closing(self._client):
                self._listen()
            self._subscribed.clear()
            self._stopped.wait(LOOK_S / 2)

    def _listen(self) -> None:
        self._client.subscribe(self._channel)
        while not self._stopped.is_set() and self._way() is self._client.address:
            if not self._client.readable(LOOK_S):
                continue
            for reply in self._client.arrived():
                match reply:
                    case [b"message", _, bytes(message)]:
                        self._on_message(message.decode())
                    case [b"subscribe", *_]:
                        self._subscribed.set()
