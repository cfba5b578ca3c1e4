"""Frames between a labs host and an agent: four bytes of length and JSON, over one stream socket.

Knows sizes, not meanings.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

from labs.errors import BadInput

FRAME_LIMIT = 1024 * 1024
_HEADER = struct.Struct(">I")


def pack(message: dict[str, Any]) -> bytes:
    """One frame; BadInput if it is over the limit."""
    body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    if len(body) > FRAME_LIMIT:
        raise BadInput("That is more than one message may hold.")
    return _HEADER.pack(len(body)) + body


class Unpacker:
    """Bytes in, messages out; `fed` counts the bytes.

    Anything that is not a frame of an object raises BadInput: the peer can't be trusted any more.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.fed = 0

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that are complete now."""
        self._buffer += data
        self.fed += len(data)
        messages = []
        while len(self._buffer) >= _HEADER.size:
            (length,) = _HEADER.unpack_from(self._buffer)
            if length > FRAME_LIMIT:
                raise BadInput(f"A frame of {length} bytes is over the limit.")
            if len(self._buffer) < _HEADER.size + length:
                break
            body = bytes(self._buffer[_HEADER.size : _HEADER.size + length])
            del self._buffer[: _HEADER.size + length]
            try:
                message = json.loads(body)
            except (ValueError, RecursionError) as exc:
                raise BadInput("A frame does not hold JSON.", detail=str(exc)) from exc
            if not isinstance(message, dict):
                raise BadInput("A frame does not hold an object.")
            messages.append(message)
        return messages


def receive(sock: socket.socket, unpacker: Unpacker) -> list[dict[str, Any]] | None:
    """The messages that the next bytes complete; None at the end of the stream."""
    try:
        data = sock.recv(256 * 1024)
    except (ConnectionResetError, BrokenPipeError):
        return None
    return unpacker.feed(data) if data else None
