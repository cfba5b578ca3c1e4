"""The console's connection to one server, as the ACL user `learner`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from functools import partial

from hiredis import pack_command

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.resp import NotResp, RespClient
from labs.errors import ServerDown
from labs.sandbox.console import (
    CONNECT_DEADLINE_S,
    OUTPUT_LIMIT,
    REPLY_DEADLINE_S,
    Answer,
    Standing,
    ms_since,
)
from labs.sandbox.redis_cli.causes import SCRIPTS, condition_of, meaning_of, why_no_answer
from labs.sandbox.redis_cli.printing import is_raw, printed, printed_raw
from labs.sandbox.redis_cli.refusals import LONGEST_WAIT_S, name_of, refuse, waits_s
from labs.sandbox.redis_cli.replies import (
    Many,
    Reply,
    ReplyReader,
    Text,
    errors_in,
    is_cut,
    is_error,
)
from labs.sandbox.redis_cli.session import Session
from labs.sandbox.redis_cli.words import split
from labs.sandbox.typed import quote_as_letter

SCRIPT_DEADLINE_S = 7.0
"""Longer than a script is let run (labs.sandbox.watchdog), so its end is the answer."""
_KEPT_BYTES = OUTPUT_LIMIT - 1024
"""Room is left for the lines that say what is not shown."""
_LONGEST_NAMES = 256 * 1024


class RedisConsole:
    """Any thread may call."""

    def __init__(self, address: Address, access: Access) -> None:
        self._address, self._access = address, access
        self._session = Session()
        self._client = _Client(address, access, self._session)
        self._lock = threading.Lock()
        self._names: list[str] = []

    def run(self, command: str) -> Answer:
        words = split(command)
        name = name_of(words)
        with self._lock:
            refuse(words, queued=self._session.queued is not None)
            self._settle()
            if lost := self._session.take_loss():
                notice = f"{lost} {name} was not run either."
                return Answer("", True, 0.0, prompt=self._session.prompt, notice=notice)
            began = time.perf_counter()
            deadline_s = _deadline_s(name, words)
            try:
                reply = self._client.ask(words, deadline_s, _KEPT_BYTES)
            except OSError as exc:
                raise self._no_answer(name, deadline_s, exc) from exc
            took_ms = ms_since(began)
            self._session.note(words, reply)
            prompt = self._session.prompt
        notices = [quote_as_letter(command)]
        notices += dict.fromkeys(meaning_of(error) for error in errors_in(reply))
        return Answer(
            (printed_raw if is_raw(words) else printed)(reply),
            is_error(reply),
            took_ms,
            cut=is_cut(reply),
            prompt=prompt,
            notice=" ".join(filter(None, notices)),
        )

    def complete(self, text: str) -> list[str]:
        if not self._names:
            with contextlib.suppress(OSError):
                self._names = self._commands()
        wanted = " ".join(text.upper().split())
        if text[-1:].isspace():
            wanted += " "
        return [name for name in self._names if name.startswith(wanted)][:20]

    def look(self) -> Standing | None:
        """How it is now, without waiting; None while a command runs."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            self._settle()
            return Standing(self._session.prompt, self._session.loss)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the connection; the next command says what was lost with it."""
        self._client.close()

    def _settle(self) -> None:
        """Notice that the connection has ended."""
        if self._client.ended():
            self._client.close()
        if not self._client.connected:
            self._session.lose()

    def _no_answer(self, name: str, waited_s: float, exc: OSError) -> ServerDown:
        connected_s = time.monotonic() - self._client.connected_at
        now = partial(condition_of, self._address, self._access, connected_s=connected_s)
        error = why_no_answer(name, waited_s, exc, now)
        if name == "EXEC" and self._session.queued is not None:
            self._session.forget()
            error.hint += " The transaction ran as a whole or not at all: look at its keys."
        return error

    def _commands(self) -> list[str]:
        """The names of all commands, with subcommands after a space.

        Asked on a connection of their own, for this console's may be in a transaction.
        """
        client = _Client(self._address, self._access, Session())
        with contextlib.closing(client):
            reply = client.ask([b"COMMAND", b"LIST"], REPLY_DEADLINE_S, _LONGEST_NAMES)
        if not isinstance(reply, Many):
            return []
        names = [
            item.data.decode(errors="replace") for item in reply.items if isinstance(item, Text)
        ]
        return sorted(name.upper().replace("|", " ") for name in names)


class _Client(RespClient):
    """A client that keeps of a reply only what is shown, and repeats the session's settings on
    every new connection.
    """

    def __init__(self, address: Address, access: Access, session: Session) -> None:
        super().__init__(
            straight(address),
            access,
            timeout_s=REPLY_DEADLINE_S,
            connect_timeout_s=CONNECT_DEADLINE_S,
        )
        self._session = session
        self._replies = ReplyReader(self.read)

    def ask(self, words: Sequence[bytes], deadline_s: float, most_bytes: int) -> Reply:
        """The reply to a command. Raises OSError, and the connection is closed then."""
        self.connect()
        with self.within(deadline_s):
            return self._asked(words, most_bytes)

    def _asked(self, words: Sequence[bytes], most_bytes: int) -> Reply:
        self.write(pack_command(tuple(words)))
        try:
            reply = self._replies.reply(most_bytes)
            while isinstance(reply, Many) and reply.mark == ">":
                reply = self._replies.reply(most_bytes)  # a push answers no command
        except NotResp:
            self.close()
            raise
        return reply

    def _greet(self) -> None:
        super()._greet()
        self._replies = ReplyReader(self.read)
        for words in self._session.to_repeat:
            self._asked(words, 64)


def _deadline_s(name: str, words: Sequence[bytes]) -> float:
    if name in SCRIPTS:
        return SCRIPT_DEADLINE_S
    return REPLY_DEADLINE_S + min(waits_s(words) or 0.0, LONGEST_WAIT_S)
