"""The console of Memcached: the text protocol, one command at a time, with its value on the same
line.

Memcached has no access rules, so every command is parsed, and built again from its parts.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.memcached import MemcachedClient
from labs.clients.stream import ServerClosed
from labs.errors import BadInput, CommandRefused
from labs.sandbox.console import (
    CONNECT_DEADLINE_S,
    OUTPUT_LIMIT,
    REPLY_DEADLINE_S,
    Answer,
    ms_since,
    not_answered,
    shortened,
)


class MemcachedConsole:
    """Any thread may call."""

    _STORE = ("set", "add", "replace", "append", "prepend", "cas")
    _VERBS = (
        *_STORE,
        *"get gets gat gats delete incr decr touch stats version flush_all cache_memlimit".split(),
        *"slabs lru lru_crawler mg md ma me mn".split(),
    )
    _KEY = re.compile(r"[\x21-\x7e]{1,250}")

    def __init__(self, address: Address, access: Access) -> None:
        timeouts = {"timeout_s": REPLY_DEADLINE_S, "connect_timeout_s": CONNECT_DEADLINE_S}
        self._client = MemcachedClient(straight(address), tls=access.tls, **timeouts)
        self._lock = threading.Lock()

    def run(self, command: str) -> Answer:
        data = self._rebuilt(command)
        with self._lock:
            began = time.perf_counter()
            try:
                with contextlib.closing(self._client):
                    self._client.write(data)
                    reply = self._read(data.split(b" ", 1)[0].strip().decode())
            except OSError as exc:
                raise not_answered("server", exc) from exc
            took_ms = ms_since(began)
        text = reply.decode(errors="replace").rstrip("\r\n").replace("\r\n", "\n")
        return shortened(
            text, failed=text.startswith(("ERROR", "CLIENT_ERROR", "SERVER_ERROR")), took_ms=took_ms
        )

    def complete(self, text: str) -> list[str]:
        return [verb for verb in self._VERBS if verb.startswith(text.lower())]

    def close(self) -> None:
        """Nothing is held between commands."""

    def _rebuilt(self, command: str) -> bytes:
        if not re.fullmatch(r"[\x20-\x7e]{1,2048}", command.strip()):
            raise BadInput(
                "A memcached command here is one line of plain ASCII, 2,048 characters at most."
            )
        words = command.strip().split(" ")
        verb = words[0].lower()
        if verb not in self._VERBS:
            if verb == "config":
                return b"config get cluster\r\n"
            raise CommandRefused(
                f"{words[0][:40]} is not run in this console.",
                hint="There are " + ", ".join(self._VERBS) + ".",
            )
        words = [word for word in words if word != ""]
        if "noreply" in words or "q" in words[2:]:
            raise CommandRefused(
                "noreply is not run in this console: there would be nothing to show."
            )
        if verb in self._STORE:
            return self._storage(verb, words)
        if verb == "cache_memlimit" and not (
            len(words) > 1 and words[1].isdigit() and 8 <= int(words[1]) <= 64
        ):
            raise BadInput("cache_memlimit takes a number of megabytes from 8 to 64.")
        return " ".join([verb, *words[1:]]).encode() + b"\r\n"

    def _storage(self, verb: str, words: list[str]) -> bytes:
        wanted = 6 if verb == "cas" else 5
        if len(words) < wanted:
            shape = f"{verb} KEY FLAGS SECONDS {'CAS ' if verb == 'cas' else ''}VALUE"
            raise BadInput(
                f"Write it on one line: {shape}.",
                hint=f"For example: {verb} greeting 0 60 {'1 ' if verb == 'cas' else ''}hello. "
                "The byte count is filled in for you.",
            )
        key, flags, seconds = words[1:4]
        # A first line that memcached refuses makes the second one, the value, a command.
        if not self._KEY.fullmatch(key):
            raise BadInput("A key has 250 characters at most.")
        if not re.fullmatch(r"\d{1,9}", flags) or not re.fullmatch(r"-?\d{1,9}", seconds):
            raise BadInput(
                "FLAGS and SECONDS are whole numbers of nine digits at most.",
                hint=f"For example: {verb} greeting 0 60 hello.",
            )
        if verb == "cas" and not re.fullmatch(r"\d{1,18}", words[4]):
            raise BadInput(
                "CAS is the number that gets shows last.",
                hint="For example: cas greeting 0 60 1 hello.",
            )
        value = " ".join(words[wanted - 1 :]).strip('"').encode()
        extra = f" {words[4]}" if verb == "cas" else ""
        return f"{verb} {key} {flags} {seconds} {len(value)}{extra}\r\n".encode() + value + b"\r\n"

    def _read(self, verb: str) -> bytes:
        many = verb in ("get", "gets", "gat", "gats", "stats", "config", "slabs", "lru_crawler")
        reply = b""
        while len(reply) <= OUTPUT_LIMIT:
            try:
                reply += self._client.read()
            except ServerClosed:
                break
            if reply.endswith(b"\r\n") and (
                not many
                or reply.endswith((b"END\r\n", b"OK\r\n", b"RESET\r\n"))
                or b"ERROR" in reply.split(b"\r\n", 1)[0]
            ):
                if verb == "mg" and reply.startswith(b"VA ") and reply.count(b"\r\n") < 2:
                    continue
                break
        return reply
