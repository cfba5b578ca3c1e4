"""What only one supervisor may have: the lock of its places, and the port that the web serves."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

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
        except (OSError, UnicodeError) as exc:
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


def _why_not(exc: OSError | UnicodeError, host: str, port: int) -> str:
    number = exc.errno if isinstance(exc, OSError) else None
    if number in (errno.EACCES, errno.EPERM):
        return f"Port {port} may be taken by root only. Choose another: --port 8000."
    if number == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is taken by {_taker(port)}. Choose another: --port "
            f"{port + 1 if port < 65_535 else 8_000}."
        )
    if number == errno.EAFNOSUPPORT:
        return f"{host} is an address of a kind that this machine does not have switched on."
    return (
        f"{host!r} is not an address of this machine. 127.0.0.1 or ::1 serves this machine alone, "
        "0.0.0.0 or :: everybody who can reach it."
    )


def _taker(port: int) -> str:
    """The program that listens at a port, if this user may see it."""
    with contextlib.suppress(psutil.Error, OSError):
        for seen in psutil.net_connections("tcp"):
            if seen.laddr and seen.laddr.port == port and seen.status == psutil.CONN_LISTEN:
                if seen.pid:
                    return f"{psutil.Process(seen.pid).name()} (process {seen.pid})"
                break
    return "another program"


def is_loopback(host: str) -> bool:
    """True if only this machine can reach the address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def without_brackets(host: str) -> str:
    """The address itself, also of one that is written as in a URL: `[::1]`."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def in_url(host: str) -> str:
    """The address as it stands in a URL and in a Host header: an IPv6 one in brackets."""
    return f"[{host.replace('%', '%25')}]" if ":" in host else host


def url(host: str, port: int) -> str:
    """The address of the site as a browser takes it."""
    return f"http://{in_url(host)}:{port}"
