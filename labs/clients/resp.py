"""A client of Redis, Valkey and Sentinel: RESP2 over one connection, replies read by hiredis.

Refuses to interpret: an error reply is an exception among the replies, for the caller to judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hiredis import ProtocolError, Reader, ReplyError as ReplyError, pack_command

from labs.clients.access import OPEN, Access
from labs.clients.address import Way
from labs.clients.stream import Stream

Word = str | int | float | bytes
Command = Sequence[Word]


class LoginRefused(ConnectionError):
    """The server refused the user or the password; the text is the server's own."""


class NotResp(ConnectionError):
    """What the server sent is not RESP."""


class RespClient(Stream):
    """Commands to one server.

    Replies are bytes, whole numbers, None and lists of them; an error reply is a ReplyError whose
    text is the server's own, returned and not raised. If `access` has a password it logs in first,
    as the user or, without one, as the default user.
    """

    def __init__(
        self,
        way: Way,
        access: Access = OPEN,
        *,
        timeout_s: float = 1.0,
        connect_timeout_s: float | None = None,
    ) -> None:
        super().__init__(
            way, tls=access.tls, timeout_s=timeout_s, connect_timeout_s=connect_timeout_s
        )
        user = (access.user,) if access.user else ()
        self._login = (("AUTH", *user, access.password),) if access.password else ()
        self._read_by(Reader())
        self._unread = 0
        """How many replies to posted commands have not arrived yet."""

    def command(self, *words: Word) -> object:
        """The reply to one command."""
        self.write(pack_command(words))
        if self._unread:
            self._discard()
        return self._reply()

    def pipeline(self, commands: Sequence[Command]) -> list[object]:
        """The replies to several commands, which are sent at once."""
        if not commands:
            return []
        self.write(_packed(commands))
        self._discard()
        return [self._reply() for _ in commands]

    def post(self, *words: Word) -> None:
        """Send a command and wait for nothing; its reply is discarded when it has arrived."""
        self.write(pack_command(words))
        self._unread += 1
        if self.readable():
            self._unread -= len(self.arrived())

    def subscribe(self, *channels: str, patterns: bool = False) -> None:
        """Connect, log in and subscribe in one write, without waiting for an answer.

        So a server that is paused holds up nothing. All that it answers comes out of `arrived`.
        """
        self.close()
        self._address = self._way()
        self._open()
        self.set_timeout(self.timeout_s)
        self.write(_packed((*self._login, ("PSUBSCRIBE" if patterns else "SUBSCRIBE", *channels))))

    def arrived(self) -> list[object]:
        """Read once; then every reply and message that is complete. Waits if there is nothing."""
        replies: list[object] = []
        try:
            self._feed(self.read())
            while self._decrypted():
                self._feed(self.read())
            while (reply := self._gets()) is not False:
                replies.append(reply)
        except ProtocolError as exc:
            raise self._not_resp(exc) from exc
        return replies

    def _open(self) -> None:
        super()._open()
        self._read_by(Reader())
        self._unread = 0

    def _greet(self) -> None:
        # Not by `command`, for a subclass may do more there than log in.
        for words in self._login:
            self.write(pack_command(words))
            reply = self._reply()
            if isinstance(reply, ReplyError):
                raise LoginRefused(str(reply))

    def _reply(self) -> object:
        try:
            while (reply := self._gets()) is False:
                self._feed(self.read())
        except ProtocolError as exc:
            raise self._not_resp(exc) from exc
        return reply

    def _discard(self) -> None:
        while self._unread:
            self._reply()
            self._unread -= 1

    def _read_by(self, reader: Reader) -> None:
        self._gets, self._feed = reader.gets, reader.feed

    def _not_resp(self, exc: ProtocolError) -> NotResp:
        self.close()
        return NotResp(f"{self.address} does not speak RESP: {exc}")


def _packed(commands: Iterable[Command]) -> bytes:
    return b"".join(pack_command(tuple(words)) for words in commands)
