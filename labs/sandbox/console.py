"""What every console onto a server shares: the protocol, the answer, and the limits.

A console runs real commands and returns real replies and errors; commands that would hang,
desynchronise or escape are refused in words. Access rules of the servers themselves are the wall
(labs.engines); what is refused here is refused to be helpful, except for Memcached, which has no
access rules.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from labs.errors import ServerDown

OUTPUT_LIMIT = 64 * 1024
COMMAND_LIMIT = 64 * 1024
ROW_LIMIT = 500
MOST_TOGETHER = 20
"""Commands that are run when several are pasted together."""
CONNECT_DEADLINE_S = 0.5
REPLY_DEADLINE_S = 2.0
SQL_DEADLINE_S = 7.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a console prints: the server's text, whether it is an error, the time in milliseconds,
    whether the text was cut short.

    `prompt` is what the prompt shows after the console's name from now on, such as “(TX)”: the
    state of the console's connection. `notice` is a sentence of ours, shown apart from the server's
    words. An error that is raised leaves the prompt as it was. Where several commands were pasted,
    `parts` are these with their answers, and there is no other output.
    """

    output: str
    failed: bool
    took_ms: float
    cut: bool = False
    prompt: str = ""
    notice: str = ""
    parts: tuple[tuple[str, Answer], ...] = ()


class Standing(NamedTuple):
    """How a console is between two commands: what its prompt shows; if the server has ended what
    was open in it, that in a sentence.
    """

    prompt: str
    why: str = ""


class Console(Protocol):
    """One connection to one server, one command at a time."""

    def run(self, command: str) -> Answer:
        """The server's answer.

        Raises CommandRefused for what is not run here, ServerDown without an answer in time.
        """

    def complete(self, text: str) -> list[str]:
        """How the text could go on."""

    def close(self) -> None:
        """Give the connection back."""


@runtime_checkable
class Watched(Console, Protocol):
    """A console whose connection can end, with something open in it, while no command runs."""

    def look(self) -> Standing | None:
        """How it is now, without waiting for the server; None while a command runs."""


def not_answered(who: str, exc: Exception) -> ServerDown:
    """The error for a server that gave no answer in time; raise it from `exc`."""
    return ServerDown(
        f"The {who} does not answer.",
        hint="It may be down, paused or cut off: look at the drawing.",
        detail=str(exc),
    )


def ms_since(began: float) -> float:
    """Milliseconds since a moment of `time.perf_counter`."""
    return round((time.perf_counter() - began) * 1000, 3)
