"""A visitor that times pages: connections that are kept, raw sockets, nothing parsed but the
length. As a helper it obeys one line of JSON after another.
"""

from __future__ import annotations

import gc
import json
import re
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from scripts.benchmarks.figures import CannotMeasure
from scripts.benchmarks.running import together

TIMEOUT_S = 20.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Visitor:
    """One connection that asks for one page again and again, compressed as a browser does, or
    `whole`.
    """

    def __init__(self, port: int, path: str, cookie: str = "", *, whole: bool = False) -> None:
        self._port = port
        encoding = "identity" if whole else "gzip"
        with_cookie = f"Cookie: {cookie}\r\n" if cookie else ""
        self._path = path.encode()
        self._rest = (
            f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: "
            f"text/html\r\nAccept-Encoding: {encoding}\r\n{with_cookie}\r\n"
        ).encode()
        self._socket: socket.socket | None = None

    def visit(self) -> int:
        """Bytes of the page.

        Raises OSError or ValueError for anything but a whole page with status 200.
        """
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(b"GET " + self._path + self._rest)
        heard = b""
        while (end := heard.find(b"\r\n\r\n")) < 0:
            heard += self._more()
        head, left = heard[: end + 2], len(heard) - end - 4
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            raise ValueError(head[:100].decode(errors="replace"))
        size = int(length[1])
        while left < size:
            left += len(self._more())
        if b"\r\nConnection: close" in head:
            self.close()
        return size

    def close(self) -> None:
        """Close the connection; the next visit makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionResetError("the site closed the connection within a page")
        return data


def answers(port: int, path: str) -> bool:
    """True if the whole page comes."""
    visitor = Visitor(port, path)
    try:
        return visitor.visit() > 0
    except (OSError, ValueError):
        return False
    finally:
        visitor.close()


def in_turn(
    targets: list[dict[str, Any]], *, rounds: int, visits: int, warm_up: int
) -> list[list[list[float]]]:
    """Milliseconds by target, round and visit: one visitor, one target after the other, round after
    round. The first visits of a round don't count.
    """
    visitors = [Visitor(**target) for target in targets]
    times: list[list[list[float]]] = [[] for _ in targets]
    for _ in range(rounds):
        for visitor, rounds_of_it in zip(visitors, times, strict=True):
            for _ in range(warm_up):
                visitor.visit()
            taken = []
            for _ in range(visits):
                began = time.perf_counter()
                visitor.visit()
                taken.append(round((time.perf_counter() - began) * 1e3, 4))
            rounds_of_it.append(taken)
            visitor.close()
    return times


def at_full_speed(target: dict[str, Any], *, connections: int, seconds: float) -> float:
    """Pages a second over `connections`, each asking again as soon as it is answered."""
    counts = [0] * connections

    def visit(number: int) -> None:
        visitor = Visitor(**target)
        while time.monotonic() < end:
            visitor.visit()
            counts[number] += 1
        visitor.close()

    began = time.monotonic()
    end = began + seconds
    together(connections, visit)
    return sum(counts) / (time.monotonic() - began)


def at_a_pace(
    target: dict[str, Any], *, connections: int, each_per_s: float, seconds: float
) -> list[float]:
    """Milliseconds of each visit from when it was due: connections that each ask
    `each_per_s` times a second.
    """
    times: list[list[float]] = [[] for _ in range(connections)]
    began = time.monotonic()

    def visit(number: int) -> None:
        visitor = Visitor(**target)
        visitor.visit()
        due = max(time.monotonic(), began) + number / connections / each_per_s
        while due < began + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            visitor.visit()
            times[number].append(round((time.monotonic() - due) * 1e3, 4))
            due += 1 / each_per_s
        visitor.close()

    together(connections, visit)
    return [taken for of_one in times for taken in of_one]


WORK: dict[str, Callable[..., object]] = {
    "in_turn": in_turn,
    "at_full_speed": at_full_speed,
    "at_a_pace": at_a_pace,
}


def main() -> None:
    """Obey lines like {"do": "in_turn", ...} until there are no more."""
    gc.disable()
    for line in sys.stdin:
        orders = json.loads(line)
        try:
            answer = {"found": WORK[orders.pop("do")](**orders)}
        except (CannotMeasure, OSError, ValueError) as exc:
            answer = {"problem": f"{type(exc).__name__}: {exc}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
