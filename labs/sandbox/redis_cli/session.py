"""What a connection of the console remembers: its database, its protocol, a transaction.

The server forgets all of it with the connection. What can be set again is set again; a transaction
can't be, and its end is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from labs.sandbox.redis_cli.refusals import name_of
from labs.sandbox.redis_cli.replies import Many, Reply, Text, is_error

Words = Sequence[bytes]


class Session:
    """Follows the commands of one connection by their replies."""

    def __init__(self) -> None:
        self.database = 0
        self.queued: list[Words] | None = None
        """The commands of a transaction that was begun; None outside of one."""
        self.loss = ""
        """What was lost with a connection, until it is said."""
        self._watches = False
        self._kept: dict[str, Words] = {}

    @property
    def prompt(self) -> str:
        """What redis-cli shows after the address."""
        database = f"[{self.database}]" if self.database else ""
        return database + ("(TX)" if self.queued is not None else "")

    @property
    def to_repeat(self) -> list[Words]:
        """Commands that give a new connection what the old one had."""
        return list(self._kept.values())

    def note(self, words: Words, reply: Reply) -> None:
        """A command had this reply."""
        name = name_of(words)
        if self.queued is not None:
            self._note_queued(name, words, reply)
        elif name == "MULTI" and not is_error(reply):
            self.queued = []
        elif not is_error(reply):
            self._note_run(name, words)

    def lose(self) -> None:
        """The connection is gone, and with it what a new one can't have: `loss` says it."""
        if self.queued is not None:
            count = len(self.queued)
            held = f"its {count} queued commands were" if count > 1 else "its queued command was"
            self.loss = "The connection to the server was lost, and the transaction with it: " + (
                f"{held} not run." if count else "it held no command yet."
            )
        elif self._watches:
            self.loss = "The connection to the server was lost, and what WATCH watched with it."
        self.forget()

    def forget(self) -> None:
        """No transaction and no watch is open any more."""
        self.queued, self._watches = None, False

    def take_loss(self) -> str:
        """What was lost, once; empty if nothing was."""
        loss, self.loss = self.loss, ""
        return loss

    def _note_queued(self, name: str, words: Words, reply: Reply) -> None:
        assert self.queued is not None
        if name == "EXEC" and len(words) == 1:
            ran = self.queued
            self.forget()
            if isinstance(reply, Many):
                # Without those whose reply was too far behind to be kept.
                for queued, answer in zip(ran, reply.items, strict=False):
                    if not is_error(answer):
                        self._note_run(name_of(queued), queued)
        elif name == "DISCARD" and not is_error(reply):
            self.forget()
        elif isinstance(reply, Text) and reply.data == b"QUEUED":
            self.queued.append(words)

    def _note_run(self, name: str, words: Words) -> None:
        second = words[1].upper() if len(words) > 1 else b""
        if name == "WATCH":
            self._watches = True
        elif name == "UNWATCH":
            self._watches = False
        elif name == "SELECT":
            self.database = int(words[1])
            self._keep(name, words)
        elif name == "HELLO" and len(words) > 1:
            self._keep(name, words)
        elif name == "CLIENT" and second in (b"SETNAME", b"SETINFO", b"NO-TOUCH"):
            which = words[2].upper() if second == b"SETINFO" else b""
            self._keep(f"CLIENT {second!r} {which!r}", words)

    def _keep(self, what: str, words: Words) -> None:
        self._kept.pop(what, None)  # the last one is repeated last
        self._kept[what] = words
