"""A learner as the site sees one: a browser's headers, a cookie, a sandbox, its stream.

Raw sockets where time is taken.
"""

from __future__ import annotations

import html
import http.client
import json
import re
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from scripts.benchmarks.figures import CannotMeasure

TIMEOUT_S = 20.0
_SANDBOX = re.compile(rb'data-sandbox="([0-9a-f]{32})"')
_SEQ = re.compile(rb'<cg-bench[^>]*\sdata-seq="(\d+)"')
_PLACE = re.compile(rb"You are number <strong>(\d+)</strong> in the queue")
_AGAIN = re.compile(rb'<cg-bench[^>]*\sdata-redraw="([^"]+)"[^>]*\sdata-ask="(\d+)"')
_AT = re.compile(rb'<cg-bench[^>]*\sdata-place="(\d+)"')


@dataclass(frozen=True, slots=True)
class Opened:
    """Seconds from the post: until the sandbox said that it is open, and until its bench was on the
    page. Meanwhile: the places in the queue that the page showed, and how often it asked.
    """

    open_s: float
    shown_s: float
    places: tuple[int, ...] = ()
    asked: int = 0


class Learner:
    """A visitor who becomes a learner at the first post, which goes to the site twice: the second
    time it brings the cookie back.
    """

    def __init__(self, port: int, *, patience_s: float = TIMEOUT_S) -> None:
        self.port = port
        self.patience_s = patience_s
        self.cookie = ""
        self.sandbox = ""

    def post(self, path: str, **form: str) -> bytes:
        """What the site answers to a form sent by its own page through htmx."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
            "HX-Request": "true",
        }
        return self._ask("POST", path, urlencode(form), headers)

    def get(self, path: str, *, fragment: bool = False) -> bytes:
        """A page, or a part of one as htmx asks for it."""
        return self._ask("GET", path, None, {"HX-Request": "true"} if fragment else {})

    def open(self, lab: str) -> Opened:
        """Open a sandbox, and ask for the bench again as its page does until it is there."""
        began, clock = time.time(), time.perf_counter()
        page = self.post(f"/labs/{lab}/sandbox")
        places: list[int] = []
        asked = 0
        while (found := _SANDBOX.search(page)) is None:
            again = _AGAIN.search(page)
            if again is None:
                raise CannotMeasure(
                    f"Opening {lab} was answered by a page without a sandbox: {_words(page)}"
                )
            if time.perf_counter() - clock > self.patience_s:
                raise CannotMeasure(
                    f"{lab} did not open within {self.patience_s:g} s: {_words(page)}"
                )
            places += [int(place[1]) for place in [_PLACE.search(page)] if place]
            asked += 1
            time.sleep(int(again[2]) / 1e3)
            # An empty answer: the place in the queue is the same.
            at = _AT.search(page)
            path = html.unescape(again[1].decode()) + (f"&place={at[1].decode()}" if at else "")
            page = self.get(path, fragment=True) or page
        shown_s = time.perf_counter() - clock
        self.sandbox = found[1].decode()
        for event in json.loads(self.get(f"/sandboxes/{self.sandbox}/feed")):
            if event["type"] == "sandbox-opened":
                return Opened(event["at"] - began, shown_s, tuple(places), asked)
        raise CannotMeasure(f"{lab} is open, but nothing in its feed says so")

    def close(self) -> None:
        """End the sandbox, if there is one."""
        if self.sandbox:
            self.post(f"/sandboxes/{self.sandbox}/close")
            self.sandbox = ""

    def last_event(self, lab: str) -> int:
        """The number of the last event that the bench's page knows: its stream begins after it."""
        found = _SEQ.search(self.get(f"/labs/{lab}"))
        if found is None:
            raise CannotMeasure(f"The page of {lab} has no bench that is open")
        return int(found[1])

    def stream(self, after: int, *, receive_buffer: int = 0) -> socket.socket:
        """A socket that has asked for the sandbox's events and has read none of the answer."""
        made = socket.socket()
        made.settimeout(TIMEOUT_S)
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.connect(("127.0.0.1", self.port))
        made.sendall(
            f"GET /sandboxes/{self.sandbox}/events?after={after} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self.port}\r\nAccept: text/event-stream\r\n"
            f"Cookie: {self.cookie}\r\n\r\n".encode()
        )
        return made

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            cookie = {"Cookie": self.cookie} if self.cookie else {}
            connection.request(method, path, body, {**headers, **cookie})
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
        if response.status == 307:
            return self._ask(method, response.headers["Location"], body, headers)
        return answer


def _words(page: bytes) -> str:
    """What a page says, without its markup, as far as a line goes."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.decode(errors="replace")).split())[:200]
