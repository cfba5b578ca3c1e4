"""A learner as the site sees one: a browser's headers, a cookie, a sandbox, its stream. Raw sockets where time is taken."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import time
from urllib.parse import urlencode

from scripts.benchmarks.figures import CannotMeasure

TIMEOUT_S = 20.0
_SANDBOX = re.compile(rb"/sandboxes/([0-9a-f]{32})/")
_OPENED = re.compile(rb'"type": ?"sandbox-opened"')
_ENDED = re.compile(rb'"type": ?"sandbox-closed"|^event: bye', re.MULTILINE)


class Learner:
    """Nobody until the first post; from then on somebody with a cookie."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""
        self.sandbox = ""

    def post(self, path: str, **form: str) -> bytes:
        """What the site answers to a form sent by its own page through htmx."""
        return self._ask("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin", "HX-Request": "true"})

    def get(self, path: str) -> bytes:
        """A page."""
        return self._ask("GET", path, None, {})

    def open(self, lab: str) -> float:
        """Open a sandbox; returns the seconds until the stream said that it is open."""
        began = time.perf_counter()
        found = _SANDBOX.search(self.post(f"/labs/{lab}/sandbox"))
        if found is None:
            raise CannotMeasure(f"Opening {lab} was answered by a page without a sandbox")
        self.sandbox = found[1].decode()
        self._hear(_OPENED)
        return time.perf_counter() - began

    def close(self) -> None:
        """End the sandbox, if there is one."""
        if self.sandbox:
            self.post(f"/sandboxes/{self.sandbox}/close")
            self.sandbox = ""

    def stream(self, *, receive_buffer: int = 0) -> socket.socket:
        """A socket that has asked for the sandbox's events and has read none of the answer."""
        made = socket.socket()
        made.settimeout(TIMEOUT_S)
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.connect(("127.0.0.1", self.port))
        made.sendall(stream_request(self.port, self.sandbox, self.cookie))
        return made

    def _hear(self, wanted: re.Pattern[bytes]) -> None:
        heard, end = b"", time.monotonic() + TIMEOUT_S
        with contextlib.closing(self.stream()) as stream:
            while not wanted.search(heard):
                try:
                    data = stream.recv(65_536)
                except OSError as exc:
                    raise CannotMeasure(f"A stream was silent: {exc}") from exc
                heard += data
                if not wanted.search(heard) and (not data or _ENDED.search(heard) or time.monotonic() > end):
                    raise CannotMeasure(f"A sandbox did not open within {TIMEOUT_S:g} s: {heard[-300:].decode(errors='replace')}")

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, {**headers, **({"Cookie": self.cookie} if self.cookie else {})})
            response = connection.getresponse()
            answer = response.read()
        except OSError as exc:
            raise CannotMeasure(f"{method} {path} was not answered: {exc}") from exc
        finally:
            connection.close()
        if response.status >= 400:
            raise CannotMeasure(f"{method} {path} was answered with {response.status}")
        for said in response.headers.get_all("Set-Cookie") or []:
            self.cookie = said.partition(";")[0]
        return answer


def stream_request(port: int, sandbox: str, cookie: str) -> bytes:
    """The request for a sandbox's events, from its first on."""
    return f"GET /sandboxes/{sandbox}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n\r\n".encode()
