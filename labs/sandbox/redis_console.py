"""The console of Redis, Valkey and Sentinel: what redis-cli prints, as the ACL user `learner`."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.resp import ReplyError, RespClient
from labs.errors import BadInput, CommandRefused
from labs.sandbox.console import (
    COMMAND_LIMIT,
    CONNECT_DEADLINE_S,
    REPLY_DEADLINE_S,
    Answer,
    ms_since,
    not_answered,
    shortened,
)


class RedisConsole:
    """Any thread may call."""

    _refused = {
        **dict.fromkeys(
            ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"),
            "it would listen for ever, and this console takes one answer at a time",
        ),
        "MONITOR": "it would print for ever; the bench shows every command under “What was sent”",
        **dict.fromkeys(
            "BLPOP BRPOP BLMOVE BRPOPLPUSH BZPOPMIN BZPOPMAX BLMPOP BZMPOP WAIT WAITAOF".split(),
            "it would wait and hold this console up",
        ),
        **dict.fromkeys(
            "HELLO RESET AUTH QUIT SELECT MULTI EXEC DISCARD WATCH".split(),
            "it would change this console's own connection",
        ),
        **dict.fromkeys(
            "SHUTDOWN DEBUG MODULE CONFIG SAVE BGSAVE BGREWRITEAOF REPLICAOF SLAVEOF SYNC PSYNC "
            "MIGRATE".split(),
            "ElastiCache refuses this too: the service does it for you, or a parameter group",
        ),
    }

    def __init__(self, address: Address, access: Access) -> None:
        timeouts = {"timeout_s": REPLY_DEADLINE_S, "connect_timeout_s": CONNECT_DEADLINE_S}
        self._client = RespClient(straight(address), access, **timeouts)
        self._lock = threading.Lock()
        self._names: list[str] = []

    def run(self, command: str) -> Answer:
        words = _words(command)
        verb = words[0].upper()
        if verb in self._refused:
            raise CommandRefused(f"{verb} is not run in this console: {self._refused[verb]}.")
        if verb == "XREAD" and any(word.upper() == "BLOCK" for word in words):
            raise CommandRefused(
                "XREAD BLOCK is not run in this console: it would wait and hold it up.",
                hint="Leave BLOCK out.",
            )
        second = words[1].upper() if len(words) > 1 else ""
        if verb == "CLIENT" and second in ("REPLY", "PAUSE", "KILL", "TRACKING"):
            raise CommandRefused(
                f"CLIENT {second} is not run in this console: it would change how connections "
                "answer."
            )
        with self._lock:
            began = time.perf_counter()
            try:
                if self._client.ended():
                    self._client.close()
                reply = self._client.command(*words)
            except OSError as exc:
                raise not_answered("server", exc) from exc
            took_ms = ms_since(began)
        if isinstance(reply, ReplyError):
            return Answer(f"(error) {reply}", True, took_ms)
        return shortened("\n".join(_redis_lines(reply)), failed=False, took_ms=took_ms)

    def complete(self, text: str) -> list[str]:
        if not self._names:
            with contextlib.suppress(OSError), self._lock:
                names = self._client.command("COMMAND", "LIST")
                if isinstance(names, list):
                    self._names = sorted(_text(name).upper().replace("|", " ") for name in names)
        wanted = text.upper()
        return [name for name in self._names if name.startswith(wanted)][:20]

    def close(self) -> None:
        self._client.close()


def _words(command: str) -> list[str]:
    if len(command.encode()) > COMMAND_LIMIT:
        raise BadInput("A command here is text of 64 KiB at most.")
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise BadInput("The quotes in this command do not close.") from exc
    if not words:
        raise BadInput("Write a command.", hint="For example: INFO stats")
    return words


def _redis_lines(reply: object, depth: int = 0) -> list[str]:
    match reply:
        case None:
            return ["(nil)"]
        case bool() | int():
            return [f"(integer) {int(reply)}"]
        case bytes() | str():
            text = _text(reply)
            return (
                text.rstrip("\r\n").splitlines()
                if "\n" in text
                else [text if text in ("OK", "PONG", "QUEUED") else f'"{text}"']
            )
        case list() | tuple() | set():
            items = list(reply)
            if not items:
                return ["(empty array)"]
            lines = []
            for number, item in enumerate(items[:1_000], start=1):
                first, *rest = _redis_lines(item, depth + 1) if depth < 6 else ["…"]
                prefix = f"{number}) "
                lines += [prefix + first, *(" " * len(prefix) + line for line in rest)]
            return lines
        case ReplyError():
            return [f"(error) {reply}"]
    return [str(reply)]


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
