"""A TCP connection to one server, encrypted where the server wants TLS.

It is opened when it is first needed and dropped when it fails. Knows no protocol.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Iterator

from labs.clients.address import Address, Way
from labs.clients.tls import Tls

CHUNK = 65_536


class ServerClosed(ConnectionResetError):
    """The server closed the connection in place of an answer."""


class CertificateRefused(ConnectionError):
    """We refuse the server's certificate; the text says why."""


class TlsFailed(ConnectionError):
    """There was no TLS with the server; the text says why."""


class Stream:
    """One connection for one thread at a time, but any thread may close it; the base of the clients
    that speak a protocol.

    Each wait ends after `timeout_s`; connecting and logging in after `connect_timeout_s`, if that
    is given. `within` bounds an exchange as a whole. Every method raises OSError when the server
    can't be reached or does not answer in time; the connection is closed then, and the next use
    opens another.
    """

    def __init__(
        self,
        way: Way,
        *,
        tls: Tls | None = None,
        timeout_s: float = 1.0,
        connect_timeout_s: float | None = None,
    ) -> None:
        self.timeout_s = timeout_s
        self.connected_at = 0.0
        """When the connection was opened, in monotonic seconds."""
        self._connect_timeout_s = connect_timeout_s
        self._way = way
        self._address = way()
        self._tls = tls.context() if tls is not None else None
        self._socket: socket.socket | None = None
        self._deadline: float | None = None
        self._answered = False

    @property
    def address(self) -> Address:
        """Where it is connected, or was last."""
        return self._address

    @property
    def connected(self) -> bool:
        """True while there is a connection."""
        return self._socket is not None

    def connect(self) -> None:
        """Connect and log in, unless there is a connection to where the way leads now."""
        self._usable()

    def fileno(self) -> int:
        """The socket's descriptor, for select. Raises OSError if there is no connection."""
        if self._socket is None:
            raise OSError("there is no connection")
        return self._socket.fileno()

    def readable(self, timeout_s: float = 0.0) -> bool:
        """True as soon as there is something to read, False after `timeout_s`."""
        return self._socket is not None and (
            self._decrypted() or bool(select.select([self._socket], [], [], timeout_s)[0])
        )

    def ended(self) -> bool:
        """True if the server has closed an idle connection.

        What can be read from an idle connection is its end, or an answer that came too late: in
        both cases the connection is of no use.
        """
        return self.readable()

    def set_timeout(self, timeout_s: float) -> None:
        """Let each wait from now on end after this time."""
        self.timeout_s = timeout_s
        if self._socket is not None:
            self._socket.settimeout(timeout_s)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All that is done inside ends after this time, connecting included."""
        self._deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline = None
            if (connected := self._socket) is not None:
                with contextlib.suppress(OSError):
                    connected.settimeout(self.timeout_s)

    def write(self, data: bytes) -> None:
        """Send it all."""
        connected = self._usable()
        try:
            if self._deadline is not None:
                connected.settimeout(self._left_s())
            connected.sendall(data)
        except OSError as exc:
            self._failed(exc)
            raise

    def read(self) -> bytes:
        """What has arrived, at least one byte. Raises ServerClosed at the end of the stream."""
        # Another thread may close it at any moment: that is an OSError, too.
        if (connected := self._socket) is None:
            raise OSError("there is no connection")
        try:
            if self._deadline is not None:
                connected.settimeout(self._left_s())
            data = connected.recv(CHUNK)
            if not data:
                raise ServerClosed("the server closed the connection")
        except OSError as exc:
            self._failed(exc)
            raise
        self._answered = True
        return data

    def close(self) -> None:
        """Give the connection back; the next use opens another."""
        connected, self._socket = self._socket, None
        if connected is not None:
            connected.close()

    def _usable(self) -> socket.socket:
        """The connection to where the way leads now, which is opened if there is none."""
        now = self._way()
        if now is not self._address:
            self.close()
            self._address = now
        return self._socket if self._socket is not None else self._logged_in()

    def _logged_in(self) -> socket.socket:
        """A new connection, on which the protocol's greeting is over."""
        self._open()
        try:
            self._greet()
        except BaseException:
            self.close()
            raise
        assert self._socket is not None
        self._socket.settimeout(self.timeout_s)
        return self._socket

    def _open(self) -> None:
        """A new connection, on which nothing was sent yet."""
        self._answered = False
        made = socket.create_connection(
            (self._address.host, self._address.port), timeout=self._opening_s()
        )
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._encrypted(made) if self._tls is not None else made
        except BaseException:
            made.close()
            raise
        self.connected_at = time.monotonic()

    def _encrypted(self, made: socket.socket) -> socket.socket:
        assert self._tls is not None
        try:
            made.settimeout(self._opening_s())
            return self._tls.wrap_socket(made, server_hostname=self._address.host)
        except ssl.SSLCertVerificationError as exc:
            raise CertificateRefused(
                f"the certificate of {self._address} is refused: {exc.verify_message}"
            ) from exc
        except ssl.SSLError as exc:
            raise TlsFailed(
                f"no TLS with {self._address}: {(exc.reason or str(exc)).replace('_', ' ').lower()}"
            ) from exc

    def _failed(self, exc: OSError) -> None:
        """Close the connection. Raises what is clearer than `exc` if it has never answered."""
        self.close()
        if self._answered or not isinstance(exc, ConnectionError | ssl.SSLError):
            return
        if self._tls is not None:
            raise TlsFailed(
                f"{self._address} ended TLS before an answer: it may require a certificate"
            ) from exc
        raise ServerClosed(
            f"{self._address} closed the new connection before an answer: it is not there, or it "
            "expects TLS"
        ) from exc

    def _greet(self) -> None:
        """What a protocol sends first. A hook: nothing here."""

    def _decrypted(self) -> bool:
        """True if TLS holds more of what was received; the socket itself may be empty then."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _opening_s(self) -> float:
        if self._deadline is not None:
            return self._left_s()
        return self._connect_timeout_s if self._connect_timeout_s is not None else self.timeout_s

    def _left_s(self) -> float:
        assert self._deadline is not None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left
