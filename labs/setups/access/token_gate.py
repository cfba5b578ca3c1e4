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
from collections.abc import Callable
from dataclasses import dataclass

from hiredis import Reader, pack_command

from labs.clients.address import Address
from labs.engines.identity import Identity
from labs.setups.access.iam import CONNECTED_S

CHUNK = 16_384
LOGIN_S = 5.0
LOOKS_EVERY_S = 0.1
REFUSED = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
NOT_YET = b"-NOAUTH Authentication required.\r\n"


class GateClock:
    """The clock of the gate: the machine's, and what the learner has advanced it by."""

    def __init__(self) -> None:
        self._ahead = datetime.timedelta()
        self.step_s = 1.0
        """How far one second of `advance` moves it; a mutant's stands still."""

    def now(self) -> datetime.datetime:
        """The moment that the gate takes for now."""
        return datetime.datetime.now(datetime.UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Go forward."""
        self._ahead += datetime.timedelta(seconds=seconds * self.step_s)

    def reset(self) -> None:
        """Show the machine's time again."""
        self._ahead = datetime.timedelta()


@dataclass(frozen=True, slots=True)
class Judged:
    """A token that a client brought, and why it was refused; `reason` is empty if it was not."""

    user: str
    reason: str


class TokenGate:
    """Listens until `close`. `judge` says why a user's token is refused, `password_of` is what the
    server itself wants of that user.
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
        self.judged: list[Judged] = []
        self._threads = [threading.Thread(target=self._accept, name="cg-gate", daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End every connection through it."""
        self._closed.set()
        for thread in list(self._threads):
            thread.join(LOGIN_S)
        self._listening.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                client, _ = self._listening.accept()
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), accepted:
            accepted.settimeout(LOGIN_S)
            with self._context.wrap_socket(accepted, server_side=True) as client:
                user = self._logged_in(client)
                if not user:
                    return
                with socket.create_connection(
                    (self._server.host, self._server.port), LOGIN_S
                ) as server:
                    server.sendall(pack_command(("AUTH", user, self._password_of(user))))
                    client.sendall(server.recv(CHUNK))
                    self._pass_on(client, server)

    def _logged_in(self, client: ssl.SSLSocket) -> str:
        """The user that has logged in; empty at the end of the connection."""
        reader = Reader()
        while data := client.recv(CHUNK):
            reader.feed(data)
            while (command := reader.gets()) is not False:
                parts = command if isinstance(command, list) else []
                words = [str(part, errors="replace") for part in parts]
                if len(words) != 3 or words[0].upper() != "AUTH":
                    client.sendall(NOT_YET)
                    continue
                reason = self._judge(words[1], words[2])
                self.judged.append(Judged(words[1], reason))
                if not reason:
                    return words[1]
                client.sendall(REFUSED)
        return ""

    def _pass_on(self, client: ssl.SSLSocket, server: socket.socket) -> None:
        """Pass bytes on until either end closes, or the connection has lasted long enough."""
        since = self._clock.now()
        while not self._closed.is_set():
            if (self._clock.now() - since).total_seconds() > CONNECTED_S:
                return
            ready, _, _ = select.select([client, server], [], [], LOOKS_EVERY_S)
            for end in ready:
                other = server if end is client else client
                data = end.recv(CHUNK)
                while isinstance(end, ssl.SSLSocket) and end.pending():
                    data += end.recv(CHUNK)
                if not data:
                    return
                other.sendall(data)


def settle() -> None:
    """Wait until the gate has looked at its clock."""
    time.sleep(3 * LOOKS_EVERY_S)
