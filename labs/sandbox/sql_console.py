"""The console of Postgres: one statement at a time as the role `learner`, rows as a table."""

from __future__ import annotations

import re
import threading
import time

import psycopg
from psycopg import generators
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from labs.clients.access import Access
from labs.clients.address import Address
from labs.clients.postgres import BoundedConnection, connect
from labs.errors import BadInput, CommandRefused
from labs.sandbox.console import (
    COMMAND_LIMIT,
    OUTPUT_LIMIT,
    ROW_LIMIT,
    SQL_DEADLINE_S,
    Answer,
    ms_since,
    not_answered,
)

_MORE_ROWS = (ExecStatus.TUPLES_CHUNK, ExecStatus.SINGLE_TUPLE)
_COPYING = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


class SqlConsole:
    """Any thread may call."""

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
                raise not_answered("database", exc) from exc
            try:
                return self._answer(connection, command, began)
            except psycopg.OperationalError as exc:
                if exc.sqlstate is None or connection.closed:
                    self.close()
                    raise not_answered("database", exc) from exc
                return Answer(_sql_error(exc), True, ms_since(began))
            except CommandRefused:
                self.close()
                raise
            except psycopg.Error as exc:
                return Answer(_sql_error(exc), True, ms_since(began))

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
        return table.answer(status, ms_since(began))


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
        """The rows as a table; for a statement without rows its status."""
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


def _cell(value: bytes | None) -> str:
    text = "" if value is None else value[:1_000].decode(errors="replace")
    return (text if len(text) <= 200 else text[:200] + "…").replace("\n", "⏎")


def _sql_error(exc: psycopg.Error) -> str:
    return f"ERROR:  {str(exc).strip()}"[:4_000]
