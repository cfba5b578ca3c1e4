"""HTTP/1.1 as far as a shop and its balancer need it: a head, a body of known length, kept
connections. Refuses messages that are too long.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

MOST_HEAD, MOST_BODY = 16 * 1024, 64 * 1024
MOST_CONNECTIONS = 48
IDLE_S = 60.0
SECRET = "X-Sandbox-Secret"
"""The header with which the sandbox itself asks a program of the site."""


class Message:
    """A request or a response: its first line, its headers in order, its body."""

    __slots__ = ("body", "first", "headers")

    def __init__(
        self, first: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        self.first = first
        self.headers = list(headers)
        self.body = body

    @property
    def method(self) -> str:
        """Of a request: GET, POST, …"""
        return self.first.split(" ")[0]

    @property
    def path(self) -> str:
        """Of a request: its target."""
        return self.first.split(" ")[1]

    @property
    def status(self) -> int:
        """Of a response: 200, …"""
        return int(self.first.split(" ")[1])

    @property
    def cookies(self) -> dict[str, str]:
        """Of a request: the cookies that came with it."""
        pairs = (part.strip().partition("=") for part in self.header("cookie").split(";"))
        return {name: value for name, _, value in pairs}

    def header(self, name: str) -> str:
        """The first header of this name; empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def pack(self) -> bytes:
        """As it goes over the wire."""
        kept = [
            f"{key}: {value}\r\n"
            for key, value in self.headers
            if key.lower() not in ("content-length", "transfer-encoding")
        ]
        return (
            f"{self.first}\r\n{''.join(kept)}Content-Length: {len(self.body)}\r\n\r\n".encode(
                "latin-1", "replace"
            )
            + self.body
        )


def response(status: int, data: Any = None) -> Message:
    """A response that holds data as JSON; empty without data."""
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    if data is None:
        return Message(first)
    return Message(first, [("Content-Type", "application/json")], json.dumps(data).encode())


def page(status: int, message: str, user: str = "", cart: Iterable[str] = ()) -> Message:
    """A page of the shop: its message, and the user that it recognised."""
    return response(status, {"message": message, "user": user, "cart": [*cart]})


def unpack(data: bytes) -> tuple[Message | None, bytes]:
    """The first whole message in some bytes, if there is one, and what is left. Raises ValueError
    if there will never be one.
    """
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        if len(data) > MOST_HEAD:
            raise ValueError("the head is too long")
        return None, data
    first, *lines = head.decode("latin-1").split("\r\n")
    if len(first.split(" ")) < 3:
        raise ValueError("the first line has not three words")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ValueError("a header has no name")
        headers.append((name, value.strip()))
    message = Message(first, headers)
    length = message.header("content-length") or "0"
    if not length.isdecimal() or int(length) > MOST_BODY or message.header("transfer-encoding"):
        raise ValueError("the body has no length that is allowed")
    if len(rest) < int(length):
        return None, data
    message.body = rest[: int(length)]
    return message, rest[int(length) :]


class Connection:
    """Messages over a connected socket. Raises OSError when it breaks or takes too long."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._left = b""

    def receive(self) -> Message | None:
        """The next message, or None when the other side has nothing more to say."""
        while True:
            message, self._left = unpack(self._left)
            if message is not None:
                return message
            data = self._socket.recv(65_536)
            if not data:
                return None
            self._left += data

    def send(self, message: Message) -> None:
        """Send it all."""
        self._socket.sendall(message.pack())

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def ask(host: str, port: int, request: Message, *, connect_s: float, answer_s: float) -> Message:
    """The answer to one request on a connection of its own.

    Raises ConnectionRefusedError or Unreachable without a connection, another OSError after that.
    """
    try:
        connected = socket.create_connection((host, port), timeout=connect_s)
    except TimeoutError as exc:
        raise Unreachable("no answer") from exc
    with connected:
        connected.settimeout(answer_s)
        connection = Connection(connected)
        connection.send(request)
        answer = connection.receive()
    if answer is None:
        raise ConnectionResetError("the connection was closed without an answer")
    return answer


class Unreachable(OSError):
    """No connection could be made in time."""


def serve(name: str, host: str, port: int, handle: Callable[[Message], Message]) -> None:
    """Answer requests for ever, each connection in a thread of its own."""
    listener = socket.create_server((host, port), backlog=128)
    print(f"{name} listens on {host}:{port}", flush=True)  # noqa: T201 - this is its log
    room = threading.Semaphore(MOST_CONNECTIONS)
    while True:
        client, _ = listener.accept()
        room.acquire()
        threading.Thread(target=_converse, args=(client, handle, room), daemon=True).start()


def _converse(
    client: socket.socket, handle: Callable[[Message], Message], room: threading.Semaphore
) -> None:
    try:
        with client, contextlib.suppress(OSError):
            client.settimeout(IDLE_S)
            connection = Connection(client)
            while True:
                try:
                    request = connection.receive()
                except ValueError:
                    connection.send(response(400))
                    return
                if request is None:
                    return
                connection.send(handle(request))
                if request.header("connection").lower() == "close":
                    return
    finally:
        room.release()
