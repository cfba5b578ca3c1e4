"""The connection that watches a server: one question at a time, each with a deadline of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from labs.clients.resp import ReplyError, RespClient, Word
from labs.clients.stream import Stream
from labs.errors import ServerDown

TIMEOUT_S = 0.3

_Client = TypeVar("_Client", bound=Stream)
_RespClient = TypeVar("_RespClient", bound=RespClient)
_Answer = TypeVar("_Answer")


class Control(Generic[_Client]):
    """A client for the questions of a sandbox to one server; any thread may call."""

    def __init__(self, name: str, client: _Client) -> None:
        self._name = name
        self._client = client
        self._lock = threading.RLock()

    def ask(self, exchange: Callable[[_Client], _Answer], timeout_s: float = TIMEOUT_S) -> _Answer:
        """What `exchange` makes of the server's answer.

        Raises ServerDown if there is none in time.
        """
        with self._lock:
            try:
                if self._client.ended():
                    self._client.close()
                with self._client.within(timeout_s):
                    return exchange(self._client)
            except (OSError, ValueError) as exc:
                # A late answer must not be taken for the next one.
                self._client.close()
                raise down(self._name, exc) from exc

    def close(self) -> None:
        """Give the connection back; the next question opens another."""
        with self._lock:
            self._client.close()


class RespControl(Control[_RespClient]):
    """A control of a server that speaks RESP."""

    def run(self, *words: Word, timeout_s: float = TIMEOUT_S) -> object:
        """The reply to a command. Raises ServerDown, also for an error reply."""
        reply = self.ask(lambda client: client.command(*words), timeout_s)
        if isinstance(reply, ReplyError):
            raise ServerDown(f"The {self._name} refused: {reply}")
        return reply


def down(name: str, exc: Exception) -> ServerDown:
    """The error for a server that did not answer."""
    return ServerDown(
        f"The {name} does not answer.",
        hint="It may be killed, paused or cut off: look at the drawing.",
        detail=f"{type(exc).__name__}: {exc}",
    )
