"""The shop as an application sees it: reads of three costs and a price change, over SQLAlchemy for
one request in slow motion, lean for the load.

Both raise ServerDown when the database does not answer, and neither waits longer than its timeouts.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from typing import Protocol

import psycopg
import sqlalchemy
from psycopg.abc import Buffer
from psycopg.types.numeric import FloatLoader, NumericBinaryLoader
from psycopg.types.string import TextLoader
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from labs.clients.address import Address, Way
from labs.clients.postgres import BoundedConnection, connect
from labs.engines.control import down
from labs.engines.postgres import APPLICATION
from labs.errors import BadInput
from labs.events import Sense
from labs.shop import queries
from labs.shop.popularity import PRODUCTS, category_ids, category_of, product_ids

CONNECT_TIMEOUT_S = 1.0
TIMEOUT_S = 2.0

OnCommand = Callable[[str, str, float, Sense], None]


class Shop(Protocol):
    """What a strategy sees of the database.

    `what` is the kind of read: row, page or ranking; items are products, or categories for a
    ranking.
    """

    what: str

    def read(self, item: int) -> dict[str, object]:
        """The answer for an item; `version` in it is raised by every change of a price in it."""

    def change_price(self, item: int, price: float) -> int:
        """Commit a new price; returns the version that this item's answers have from now on.

        For a category it is its first product's price.
        """

    def change_price_returning(self, item: int, price: float) -> dict[str, object]:
        """Commit a new price; returns the whole answer.

        A row comes back with the commit, anything else has to be read again.
        """

    def category_of(self, item: int) -> int:
        """The category of an item, from its address on the site; asks no server."""


def items(what: str, count: int) -> tuple[int, ...]:
    """The items that a read of this kind takes, most popular first."""
    return category_ids()[:count] if queries.KEYS[what] == "category_id" else product_ids(count)


class _SqlShop:
    """What both shops share: which statement answers what. A subclass runs it."""

    what: str

    def read(self, item: int) -> dict[str, object]:
        return self._ask(queries.READS[self.what], item)

    def change_price(self, item: int, price: float) -> int:
        version = self._ask(queries.WRITES[self.what], item, price)["version"]
        assert isinstance(version, int)
        return version

    def change_price_returning(self, item: int, price: float) -> dict[str, object]:
        if self.what == "row":
            return self._ask(queries.CHANGE_PRICE_RETURNING_ROW, item, price)
        self.change_price(item, price)
        return self.read(item)

    def category_of(self, item: int) -> int:
        return item if queries.KEYS[self.what] == "category_id" else category_of(item)

    def _ask(self, statement: str, item: int, price: float | None = None) -> dict[str, object]:
        """The row that the statement answers with. Raises ServerDown, BadInput if there is none."""
        raise NotImplementedError

    def _parameters(self, item: int, price: float | None) -> dict[str, object]:
        changed = {} if price is None else {"price": Decimal(f"{price:.2f}")}
        return {queries.KEYS[self.what]: item, **changed}


class LeanShop(_SqlShop):
    """One connection, prepared statements, nothing else. Not for two threads at once.

    `way` is asked before every statement where to connect: around a whole link, through a faulty
    one (labs.network.links). `times` are microseconds per statement, for the caller to empty;
    `queries` counts statements, failed ones too, `asked` those of each meaning; `committed_at` is
    when the last change of a price was known to be committed (monotonic seconds).
    """

    def __init__(self, way: Way, *, password: str, what: str = "page") -> None:
        self.what = what
        self.times: array[int] = array("Q")
        self.queries = 0
        self.asked: Counter[Sense] = Counter()
        self.committed_at = 0.0
        self._way = way
        self._address = way()
        self._password = password
        self._connection: BoundedConnection | None = None

    def close(self) -> None:
        """Give the connection back; the next statement opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, statement: str, item: int, price: float | None = None) -> dict[str, object]:
        self.queries += 1
        parameters = self._parameters(item, price)
        began = time.perf_counter_ns()
        try:
            address, connection = self._way(), self._connection
            if connection is None or address is not self._address or connection.ended():
                self.close()
                self._address = address
                self._connection = connection = _connect(address, self._password)
            cursor = connection.execute(_prepared(statement), parameters, prepare=True)
            row = cursor.fetchone()
        except (psycopg.Error, OSError) as exc:
            self.close()
            self.asked["error"] += 1
            raise down("database", exc) from exc
        finally:
            self.times.append((time.perf_counter_ns() - began) // 1000)
        self.asked["read" if price is None else "write"] += 1
        if row is None or cursor.description is None:
            raise _no_such(item)
        if price is not None:
            self.committed_at = time.monotonic()
        return {column.name: value for column, value in zip(cursor.description, row, strict=True)}


class SqlAlchemyShop(_SqlShop):
    """What an application would use: SQLAlchemy over psycopg, one connection.

    `on_command(command, reply, took_ms, meaning)` is called for every statement.
    """

    def __init__(
        self, address: Address, *, password: str, on_command: OnCommand, what: str = "page"
    ) -> None:
        self.what = what
        self._on_command = on_command
        self._lock = threading.Lock()
        self._last: BoundedConnection | None = None
        self._address = address
        self._password = password
        self._engine = sqlalchemy.create_engine(
            "postgresql+quiet://",
            creator=self._made,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=0,
            pool_reset_on_return=None,
            use_native_hstore=False,
        )

    def connect(self) -> None:
        """Connect now if it can be done, so that the first statement is not charged for it; no harm
        if it fails.
        """
        with (
            contextlib.suppress(sqlalchemy.exc.SQLAlchemyError, psycopg.Error, OSError),
            self._connected(),
        ):
            pass

    def close(self) -> None:
        """Give the connection back; the next statement opens another."""
        self._engine.dispose()
        self._last = None

    def _made(self) -> BoundedConnection:
        self._last = _connect(self._address, self._password)
        return self._last

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlalchemy.Connection]:
        with self._lock:
            if self._last is not None and self._last.ended():
                self.close()
            with self._engine.connect() as connection:
                yield connection

    def _ask(self, statement: str, item: int, price: float | None = None) -> dict[str, object]:
        parameters = self._parameters(item, price)
        shown = queries.filled_in(statement, parameters)
        began = time.perf_counter()
        try:
            with self._connected() as connection:
                row = connection.execute(sqlalchemy.text(statement), parameters).mappings().first()
        except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error, OSError) as exc:
            took_ms = (time.perf_counter() - began) * 1000
            self.close()
            error = down("database", exc)
            self._on_command(shown, str(error), took_ms, "error")
            raise error from exc
        took_ms = (time.perf_counter() - began) * 1000
        answer = None if row is None else {str(name): value for name, value in row.items()}
        meaning: Sense = "read" if price is None else "write"
        self._on_command(shown, in_short(answer), took_ms, meaning)
        if answer is None:
            raise _no_such(item)
        return answer


class QuietDialect(PGDialect_psycopg):
    """SQLAlchemy's dialect without the questions that it asks at its first connection: a lab counts
    every statement.
    """

    supports_statement_cache = True

    def initialize(self, connection: sqlalchemy.Connection) -> None:
        """Ask nothing; what is asked otherwise is the same for every server that we start."""
        self.server_version_info = (15, 0)
        self.default_schema_name = "shop"
        self._backslash_escapes = False


registry.register("postgresql.quiet", __name__, "QuietDialect")


def in_short(answer: object) -> str:
    """An answer for people: one line, cut where it is long."""
    if answer is None:
        return "no row"
    text = json.dumps(answer, default=str)
    return text if len(text) <= 240 else text[:240] + "…"


def _connect(address: Address, password: str) -> BoundedConnection:
    connection = connect(
        host=address.host,
        port=address.port,
        user=APPLICATION,
        password=password,
        timeout_s=TIMEOUT_S,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        application="shop",
        options=f"-c statement_timeout={int(TIMEOUT_S * 1000)}",
    )
    # An answer is stored as JSON: its prices are numbers and its dates are texts.
    connection.adapters.register_loader("numeric", FloatLoader)
    connection.adapters.register_loader("numeric", _FloatBinaryLoader)
    connection.adapters.register_loader("date", TextLoader)
    return connection


class _FloatBinaryLoader(NumericBinaryLoader):
    def load(self, data: Buffer) -> float:  # type: ignore[override]  # a number all the same
        return float(super().load(data))


@cache
def _prepared(statement: str) -> bytes:
    return queries.to_psycopg(statement).encode()


def _no_such(item: int) -> BadInput:
    return BadInput(
        f"The shop has nothing with the number {item}.",
        hint=f"Products have numbers from 1 to {PRODUCTS}.",
    )
