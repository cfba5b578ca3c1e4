"""Consoles onto a sandbox's own servers: real commands, real replies, real errors; what would hang,
desynchronise or escape is refused in words.

The servers' own access rules are the wall (labs.engines); what is refused here is refused to be
helpful, except for memcached, which has no access rules: there every command is parsed, and built
again from its parts.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import threading
import time
from dataclasses import dataclass
from typing import Protocol

import psycopg
from psycopg import generators
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.memcached import MemcachedClient
from labs.clients.postgres import BoundedConnection, connect
from labs.clients.resp import ReplyError, RespClient
from labs.clients.stream import ServerClosed
from labs.errors import BadInput, CommandRefused, ServerDown

OUTPUT_LIMIT = 64 * 1024
COMMAND_LIMIT = 64 * 1024
ROW_LIMIT = 500
CONNECT_DEADLINE_S = 0.5
REPLY_DEADLINE_S = 2.0
SQL_DEADLINE_S = 7.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a console prints: the text, whether it is an error, the time in milliseconds, whether it
    was cut short.
    """

    output: str
    failed: bool
    took_ms: float
    cut: bool = False


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


class RedisConsole:
    """redis-cli's manners, as the ACL user `learner`."""

    _refused = {
        **dict.fromkeys(
            ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"),
            "it would listen for ever, and this console takes one answer at a time",
        ),
        **dict.fromkeys(
            ("MONITOR",),
            "it would print for ever; the bench shows every command under “What was sent”",
        ),
        **dict.fromkeys(
            (
                "BLPOP",
                "BRPOP",
                "BLMOVE",
                "BRPOPLPUSH",
                "BZPOPMIN",
                "BZPOPMAX",
                "BLMPOP",
                "BZMPOP",
                "WAIT",
                "WAITAOF",
            ),
            "it would wait and hold this console up",
        ),
        **dict.fromkeys(
            ("HELLO", "RESET", "AUTH", "QUIT", "SELECT", "MULTI", "EXEC", "DISCARD", "WATCH"),
            "it would change this console's own connection",
        ),
        **dict.fromkeys(
            (
                "SHUTDOWN",
                "DEBUG",
                "MODULE",
                "CONFIG",
                "SAVE",
                "BGSAVE",
                "BGREWRITEAOF",
                "REPLICAOF",
                "SLAVEOF",
                "SYNC",
                "PSYNC",
                "MIGRATE",
            ),
            "ElastiCache refuses this too: the service does it for you, or a parameter group",
        ),
    }

    def __init__(self, address: Address, access: Access) -> None:
        self._client = RespClient(
            straight(address),
            access,
            timeout_s=REPLY_DEADLINE_S,
            connect_timeout_s=CONNECT_DEADLINE_S,
        )
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
        if (
            verb == "CLIENT"
            and len(words) > 1
            and words[1].upper() in ("REPLY", "PAUSE", "KILL", "TRACKING")
        ):
            raise CommandRefused(
                f"CLIENT {words[1].upper()} is not run in this console: it would change how "
                "connections answer."
            )
        with self._lock:
            began = time.perf_counter()
            try:
                if self._client.ended():
                    self._client.close()
                reply = self._client.command(*words)
            except OSError as exc:
                raise ServerDown(
                    "The server does not answer.",
                    hint="It may be down, paused or cut off: look at the drawing.",
                    detail=str(exc),
                ) from exc
            took_ms = _since(began)
        if isinstance(reply, ReplyError):
            return Answer(f"(error) {reply}", True, took_ms)
        text = "\n".join(_redis_lines(reply))
        return Answer(text[:OUTPUT_LIMIT], False, took_ms, cut=len(text) > OUTPUT_LIMIT)

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


class MemcachedConsole:
    """The text protocol: one command at a time, its value after it on the same line; parsed, and
    built again from its parts.
    """

    _STORE = ("set", "add", "replace", "append", "prepend", "cas")
    _VERBS = (
        *_STORE,
        "get",
        "gets",
        "gat",
        "gats",
        "delete",
        "incr",
        "decr",
        "touch",
        "stats",
        "version",
        "flush_all",
        "cache_memlimit",
        "slabs",
        "lru",
        "lru_crawler",
        "mg",
        "md",
        "ma",
        "me",
        "mn",
    )
    _KEY = re.compile(r"[\x21-\x7e]{1,250}")

    def __init__(self, address: Address, access: Access) -> None:
        self._client = MemcachedClient(
            straight(address),
            tls=access.tls,
            timeout_s=REPLY_DEADLINE_S,
            connect_timeout_s=CONNECT_DEADLINE_S,
        )
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
                raise ServerDown(
                    "The server does not answer.",
                    hint="It may be down, paused or cut off: look at the drawing.",
                    detail=str(exc),
                ) from exc
            took_ms = _since(began)
        text = reply.decode(errors="replace").rstrip("\r\n").replace("\r\n", "\n")
        return Answer(
            text[:OUTPUT_LIMIT],
            text.startswith(("ERROR", "CLIENT_ERROR", "SERVER_ERROR")),
            took_ms,
            cut=len(text) > OUTPUT_LIMIT,
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
                if verb in ("mg",) and reply.startswith(b"VA ") and reply.count(b"\r\n") < 2:
                    continue
                break
        return reply


class SqlConsole:
    """One statement at a time as the role `learner`, rows as a table."""

    _WORDS = (
        "select",
        "update shop.products set price = ",
        "insert into ",
        "delete from ",
        "explain analyze select",
        "from shop.products",
        "from shop.reviews",
        "from shop.categories",
        "where product_id = ",
        "order by ",
        "limit 10",
    )

    def __init__(self, address: Address, access: Access) -> None:
        self._address, self._access = address, access
        self._connection: BoundedConnection | None = None
        self._lock = threading.Lock()

    def run(self, command: str) -> Answer:
        if len(command.encode()) > COMMAND_LIMIT or "\x00" in command:
            raise BadInput("A statement here is text of 64 KiB at most.")
        if not command.strip().strip(";"):
            raise BadInput(
                "Write a statement.", hint="For example: select count(*) from shop.reviews;"
            )
        if re.match(r"\s*copy\b", command, re.IGNORECASE):
            raise CommandRefused("COPY is not run in this console.", hint="Use SELECT or INSERT.")
        with self._lock:
            began = time.perf_counter()
            try:
                connection = self._connected()
            except psycopg.OperationalError as exc:
                raise ServerDown(
                    "The database does not answer.",
                    hint="It may be down, paused or cut off: look at the drawing.",
                    detail=str(exc),
                ) from exc
            try:
                return self._answer(connection, command, began)
            except psycopg.OperationalError as exc:
                if exc.sqlstate is None or connection.closed:
                    self.close()
                    raise ServerDown(
                        "The database does not answer.",
                        hint="It may be down, paused or cut off: look at the drawing.",
                        detail=str(exc),
                    ) from exc
                return Answer(_sql_error(exc), True, _since(began))
            except CommandRefused:
                self.close()
                raise
            except psycopg.Error as exc:
                return Answer(_sql_error(exc), True, _since(began))

    def complete(self, text: str) -> list[str]:
        last = text.lower().rsplit(" ", 1)[-1]
        return [word for word in self._WORDS if last and word.startswith(last)]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> BoundedConnection:
        if self._connection is not None and self._connection.ended():
            self.close()
        if self._connection is None:
            self._connection = connect(
                host=self._address.host,
                port=self._address.port,
                user=self._access.user,
                password=self._access.password,
                timeout_s=SQL_DEADLINE_S + 1.0,
                connect_timeout_s=1.0,
                application="console",
                options=f"-c statement_timeout={int(SQL_DEADLINE_S * 1000)}",
            )
        return self._connection

    @staticmethod
    def _answer(connection: BoundedConnection, command: str, began: float) -> Answer:
        """The first statement's answer, or the first error.

        Rows come in parts and go at once where there are enough: together they may be larger than
        the memory.
        """
        pgconn, end = connection.pgconn, time.monotonic() + SQL_DEADLINE_S + 1.0
        pgconn.send_query(command.encode())
        if psycopg.capabilities.has_stream_chunked():
            pgconn.set_chunked_rows_mode(ROW_LIMIT)
        else:
            pgconn.set_single_row_mode()
        connection.wait(generators.send(pgconn))
        table, status, error = _Table(), "", None
        while (
            result := connection.wait(
                generators.fetch(pgconn), timeout=max(0.001, end - time.monotonic())
            )
        ) is not None:
            if result.status in _COPYING:
                raise CommandRefused(
                    "COPY is not run in this console.", hint="Use SELECT or INSERT."
                )
            if result.status == ExecStatus.FATAL_ERROR:
                error = error or error_from_result(result)
            elif not status:
                table.add(result)
                status = (
                    "" if result.status in _MORE_ROWS else (result.command_status or b"OK").decode()
                )
        if error is not None:
            raise error
        return table.answer(status, _since(began))


_MORE_ROWS = (ExecStatus.TUPLES_CHUNK, ExecStatus.SINGLE_TUPLE)
_COPYING = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


class _Table:
    """The first rows of a result, and how many there were."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.cells: list[list[str]] = []
        self.count = 0

    def add(self, result: PGresult) -> None:
        """Take a part of the result."""
        columns = range(result.nfields)
        self.names = self.names or [
            (result.fname(n) or b"").decode(errors="replace") for n in columns
        ]
        self.count += result.ntuples
        for row in range(min(result.ntuples, ROW_LIMIT - len(self.cells))):
            self.cells.append([_cell(result.get_value(row, n)) for n in columns])

    def answer(self, status: str, took_ms: float) -> Answer:
        """The rows as a table; for a statement without rows what the server said of it."""
        if not self.names:
            return Answer(status, False, took_ms)
        widths = [
            max([len(name), *(len(row[n]) for row in self.cells)])
            for n, name in enumerate(self.names)
        ]
        lines = [
            " | ".join(name.ljust(width) for name, width in zip(self.names, widths, strict=True)),
            "-+-".join("-" * width for width in widths),
        ]
        lines += [
            " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in self.cells
        ]
        lines.append(f"({self.count} row{'' if self.count == 1 else 's'})")
        text = "\n".join(lines)
        return Answer(
            text[:OUTPUT_LIMIT],
            False,
            took_ms,
            cut=len(text) > OUTPUT_LIMIT or self.count > len(self.cells),
        )


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


def _cell(value: bytes | None) -> str:
    text = "" if value is None else value[:1_000].decode(errors="replace")
    return (text if len(text) <= 200 else text[:200] + "…").replace("\n", "⏎")


def _sql_error(exc: psycopg.Error) -> str:
    return f"ERROR:  {str(exc).strip()}"[:4_000]


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
