"""A proxy between browser and portal that does what networks do to event streams: holds them back,
cuts them, lets them fall silent; or does it to everything.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Fault = Literal["", "buffer", "cut", "freeze", "refuse"]
STREAM = re.compile(rb"^GET /sandboxes/[^/ ]+/events[? ]", re.MULTILINE)
HEAD = 4_096


class Proxy:
    """A TCP proxy on a port of its own; the faults may be changed while it runs.

    - `buffer`: nothing of a response is passed on before the server has closed it
    - `cut`: the connection is closed after `after` bytes of it
    - `freeze`: after `after` bytes nothing passes any more, and neither side closes
    - `refuse`: the connection is closed at once
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.streams: Fault = ""
        self.everything: Fault = ""
        self.only = re.compile(rb"")
        self.after = 0
        self.delay_s = 0.0
        self.without_cookies = False
        """Nothing that the portal sets arrives, as in a browser that refuses cookies."""
        self.opened: list[bytes] = []
        """The first line of each stream that was asked for."""
        self._sockets: list[socket.socket] = []
        self._flowing: set[socket.socket] = set()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://localhost:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, name="proxy")]
        self._threads[0].start()

    @property
    def open_streams(self) -> int:
        """How many streams the browser holds now, heard or not."""
        return len(self._flowing)

    def stop(self) -> None:
        """Close everything; returns when no thread is left."""
        self._stopped.set()
        for each in (self._listener, *self._sockets):
            _shut(each)
        for thread in list(self._threads):
            thread.join(10)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                browser, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                server.settimeout(None)
            except OSError:
                if self._stopped.is_set():
                    return
                _shut(browser)
                continue
            self._sockets += [browser, server]
            connection = _Connection(self, browser, server)
            for work in (connection.up, connection.down):
                thread = threading.Thread(target=work, name="proxy")
                self._threads.append(thread)
                thread.start()


class _Connection:
    """One connection of the browser and the one to the portal that stands for it."""

    def __init__(self, proxy: Proxy, browser: socket.socket, server: socket.socket) -> None:
        self.proxy, self.browser, self.server = proxy, browser, server
        self.request = b""
        self.passed = 0

    @property
    def fault(self) -> Fault:
        """What is done to the response that is under way."""
        proxy = self.proxy
        if proxy.everything and proxy.only.search(self.request):
            return proxy.everything
        return proxy.streams if STREAM.match(self.request) else ""

    def up(self) -> None:
        """Pass on what the browser sends, and note what it asks for."""
        with suppress(OSError):
            while data := self.browser.recv(65_536):
                if re.match(rb"(GET|POST|HEAD) ", data):
                    self.request, self.passed = data[:HEAD].split(b"\r\n")[0], 0
                    if STREAM.match(self.request):
                        self.proxy.opened.append(self.request)
                        self.proxy._flowing.add(self.browser)
                if self.fault == "refuse":
                    break
                self.server.sendall(data)
        self.proxy._flowing.discard(self.browser)
        self._end()

    def down(self) -> None:
        """Pass on what the portal answers, as far as the fault lets it."""
        held = b""
        with suppress(OSError):
            while data := self.server.recv(65_536):
                time.sleep(self.proxy.delay_s)
                if self.proxy.without_cookies:
                    data = data.replace(b"\r\nSet-Cookie:", b"\r\nNot-Cookie:")
                fault = self.fault
                if fault == "buffer":
                    held += data
                    continue
                data, held = held + data, b""
                if fault in ("cut", "freeze"):
                    data = data[: max(0, self.proxy.after - self.passed)]
                self.browser.sendall(data)
                self.passed += len(data)
                if fault == "freeze":
                    self._hang()
                    return
                if fault in ("cut", "refuse") and self.passed >= self.proxy.after:
                    break
            self.browser.sendall(held)
        self._end()

    def _hang(self) -> None:
        """A connection that went silent never speaks again."""
        with suppress(OSError):
            while self.server.recv(65_536):
                continue

    def _end(self) -> None:
        _shut(self.browser)
        _shut(self.server)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy without faults."""
    proxy = Proxy(port)
    yield proxy
    proxy.stop()
