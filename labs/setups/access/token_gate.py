"""What stands in front of a server for IAM authentication: it speaks TLS, judges the token of each
client that logs in, and passes everything else on to the real server.
"""

from __future__ import annotations

import contextlib
import datetime
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

from hiredis import HiredisError, Reader, pack_command

from labs.clients.address import Address
from labs.engines.identity import Identity
from labs.setups.access.iam import CONNECTED_S

CHUNK = 16_384
LOGIN_S = 5.0
"""How long a client may take to log in."""
LOOKS_EVERY_S = 0.1
REFUSED = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
NOT_YET = b"-NOAUTH Authentication required.\r\n"


class GateClock:
    """The clock of the gate: the machine's, and what it was advanced by."""

    def __init__(self) -> None:
        self._ahead = datetime.timedelta()

    def now(self) -> datetime.datetime:
        """The moment that the gate takes for now."""
        return datetime.datetime.now(datetime.UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Go forward."""
        self._ahead += datetime.timedelta(seconds=seconds)

    def reset(self) -> None:
        """Show the machine's time again."""
        self._ahead = datetime.timedelta()

    @contextlib.contextmanager
    def ahead(self, seconds: float) -> Iterator[None]:
        """Be ahead of the machine's time by this while the block runs, then show it again."""
        self.reset()
        self.advance(seconds)
        try:
            yield
        finally:
            self.reset()


class TokenGate:
    """Listens until `close`. `judge` says why a user's token is refused, `password_of` is what the
    server itself wants of that user. A thread for each client, which ends with its connection.
    """

    def __init__(
        self,
        host: str,
        identity: Identity,
        server: Address,
        *,
        judge: Callable[[str, str], str],
        password_of: Callable[[str], str],
        clock: GateClock,
    ) -> None:
        self._server, self._judge, self._password_of = server, judge, password_of
        self._clock = clock
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.load_cert_chain(identity.certificate, identity.key)
        self._closed = threading.Event()
        self._listening = socket.create_server((host, 0))
        self._listening.settimeout(LOOKS_EVERY_S)
        self.address = Address(host, self._listening.getsockname()[1])
        self._serving: set[threading.Thread] = set()
        self._accepting = threading.Thread(target=self._accept, name="cg-gate", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """End every connection through it."""
        self._closed.set()
        self._accepting.join(LOGIN_S)
        end = time.monotonic() + LOGIN_S
        for thread in list(self._serving):
            thread.join(max(0.0, end - time.monotonic()))
        self._listening.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(OSError):
                client, _ = self._listening.accept()
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._serving.add(thread)
                thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        try:
            # What is no TLS or no RESP ends the connection, as it does at the server itself.
            with contextlib.suppress(OSError, HiredisError), accepted:
                accepted.settimeout(LOGIN_S)
                with self._context.wrap_socket(accepted, server_side=True) as client:
                    self._let_in(client)
        finally:
            self._serving.discard(threading.current_thread())

    def _let_in(self, client: ssl.SSLSocket) -> None:
        user, early = self._logged_in(client)
        if not user:
            return
        with socket.create_connection((self._server.host, self._server.port), LOGIN_S) as server:
            server.sendall(pack_command(("AUTH", user, self._password_of(user))))
            client.sendall(server.recv(CHUNK))
            if early:
                server.sendall(early)
            self._pass_on(client, server)

    def _logged_in(self, client: ssl.SSLSocket) -> tuple[str, bytes]:
        """The user that has logged in, and what the client has sent after that. No user at the end
        of the connection, or of LOGIN_S.
        """
        reader, end = Reader(), time.monotonic() + LOGIN_S
        while time.monotonic() < end and not self._closed.is_set():
            if not client.pending() and not select.select([client], [], [], LOOKS_EVERY_S)[0]:
                continue
            data = client.recv(CHUNK)
            if not data:
                break
            for at in range(len(data)):
                # Byte by byte, for the reader does not give back what follows a command.
                reader.feed(data[at : at + 1])
                command = reader.gets()
                if command is not False and (user := self._user_of(command, client)):
                    return user, data[at + 1 :]
        return "", b""

    def _user_of(self, command: object, client: ssl.SSLSocket) -> str:
        """The user whom a command logs in; empty if it does not, and then the client is refused."""
        parts = command if isinstance(command, list) else []
        words = [part.decode(errors="replace") for part in parts if isinstance(part, bytes)]
        if len(words) != 3 or words[0].upper() != "AUTH":
            client.sendall(NOT_YET)
        elif self._judge(words[1], words[2]):
            client.sendall(REFUSED)
        else:
            return words[1]
        return ""

    def _pass_on(self, client: ssl.SSLSocket, server: socket.socket) -> None:
        """Pass bytes on until either end closes, or the connection has lasted long enough."""
        since = self._clock.now()
        while not self._closed.is_set():
            ready, _, _ = select.select([client, server], [], [], LOOKS_EVERY_S)
            # After the wait, so that nothing passes that was sent when it had lasted long enough.
            if (self._clock.now() - since).total_seconds() > CONNECTED_S:
                return
            for end in ready:
                other = server if end is client else client
                data = end.recv(CHUNK)
                while isinstance(end, ssl.SSLSocket) and end.pending():
                    data += end.recv(CHUNK)
                if not data:
                    return
                other.sendall(data)
