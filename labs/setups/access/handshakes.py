"""Connections that are made by mistake, and what each one meets: with sockets of the operating
system and TLS of the standard library, so that the symptom is what any client sees.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labs.clients.address import Address

TIMEOUT_S = 2.0

Ended = Literal["answered", "closed by the server", "timed out", "refused by the client", "failed"]

_HOW: dict[Ended, str] = {
    "answered": "The server answered",
    "closed by the server": "The server closed the connection",
    "timed out": "The client got no answer and gave up",
    "refused by the client": "The client refused",
    "failed": "The handshake failed",
}


@dataclass(frozen=True, slots=True)
class Symptom:
    """How an attempt ended, in whose words, and after how long."""

    ended: Ended
    words: str
    took_ms: float

    @property
    def sentence(self) -> str:
        """What happened, and after how long, in a sentence."""
        return f"{_HOW[self.ended]} after {self.took_ms:,.0f} ms: {self.words.rstrip('.')}."


def plain(address: Address, line: bytes) -> Symptom:
    """Send a line without TLS, and wait for the answer."""
    return _timed(lambda: _exchange(socket.create_connection(_pair(address), TIMEOUT_S), line))


def encrypted(address: Address, line: bytes, authority: Path | None, name: str) -> Symptom:
    """Send a line over TLS to a server of this name, trusting this authority; None: any server."""
    context = ssl.create_default_context(cafile=authority)
    if authority is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def attempt() -> tuple[Ended, str]:
        with socket.create_connection(_pair(address), TIMEOUT_S) as connected:
            return _exchange(context.wrap_socket(connected, server_hostname=name), line)

    return _timed(attempt)


def _exchange(connected: socket.socket, line: bytes) -> tuple[Ended, str]:
    with connected:
        connected.sendall(line)
        answer = connected.recv(4_096)
    if not answer:
        return "closed by the server", "end of the stream, without an answer"
    return "answered", answer.splitlines()[0].decode(errors="replace")


def _timed(attempt: Callable[[], tuple[Ended, str]]) -> Symptom:
    began = time.perf_counter()
    ended: Ended
    try:
        ended, words = attempt()
    except TimeoutError:
        ended, words = "timed out", "timed out"
    except ssl.SSLCertVerificationError as exc:
        ended, words = "refused by the client", exc.verify_message
    except ssl.SSLError as exc:
        ended, words = "failed", exc.reason or str(exc)
    except ConnectionResetError as exc:
        ended, words = "closed by the server", exc.strerror or str(exc)
    except OSError as exc:
        ended, words = "failed", exc.strerror or str(exc)
    return Symptom(ended, words, round((time.perf_counter() - began) * 1000, 1))


def _pair(address: Address) -> tuple[str, int]:
    return address.host, address.port
