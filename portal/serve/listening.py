"""What only one supervisor may have: the lock of its places, and the port that the web serves."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from portal.serve.places import CannotServe


@contextlib.contextmanager
def claim(path: Path, url: str) -> Iterator[bool]:
    """Be the only supervisor of these places; yields True if the one before was killed."""
    with path.open("a+") as lock:
        lock.seek(0)
        said = lock.read().strip()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotServe(
                f"Cacheground runs already from {path.parent} ({said}). Stop it first, or set "
                "CACHEGROUND_STATE to another directory."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {url}")
        lock.flush()
        yield bool(said)
        lock.truncate(0)


@contextlib.contextmanager
def listen(host: str, port: int, patience_s: float) -> Iterator[socket.socket]:
    """The socket that the web will serve, held from before the start and while it restarts."""
    end = time.monotonic() + patience_s
    while True:
        try:
            listener = _bound(host, port)
            break
        except OSError as exc:
            # What a killed supervisor leaves takes a few seconds to die.
            if time.monotonic() > end:
                raise CannotServe(_why_not(exc, host, port)) from exc
            time.sleep(0.1)
    with listener:
        yield listener


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _why_not(exc: OSError, host: str, port: int) -> str:
    if isinstance(exc, socket.gaierror) or exc.errno == 99:
        return (
            f"{host} is not an address of this machine. 127.0.0.1 serves this machine alone, "
            "0.0.0.0 everybody who can reach it."
        )
    if isinstance(exc, PermissionError):
        return f"Port {port} may be taken by root only. Choose another: --port 8000."
    return (
        f"Port {port} of {host} is taken by another program. Choose another: --port "
        f"{port + 1 if port < 65_535 else 8_000}."
    )


def is_loopback(host: str) -> bool:
    """True if only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url(host: str, port: int) -> str:
    """The address of the site as a browser takes it."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
