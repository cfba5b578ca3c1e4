"""A psycopg connection with a deadline for every statement, whatever the server or the link to it
does.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from psycopg import generators, waiting
from psycopg.abc import RV, PQGen
from psycopg.conninfo import make_conninfo

Row = tuple[Any, ...]  # a row's columns have the types that the statement gives them

_INTERVAL_S = 0.1


class BoundedConnection(psycopg.Connection[Row]):
    """Every statement ends within `timeout_s` or raises psycopg.OperationalError; after that only
    `close` makes sense.
    """

    timeout_s = 1.0

    def wait(
        self, gen: PQGen[RV], interval: float = _INTERVAL_S, timeout: float | None = None
    ) -> RV:
        return super().wait(gen, interval, self.timeout_s if timeout is None else timeout)

    def ended(self) -> bool:
        """True if the other side has closed it: an idle connection that can be read has
        ended.
        """
        return self.closed or bool(select.select([self.pgconn.socket], [], [], 0)[0])


def connect(
    *,
    host: str,
    port: int,
    user: str,
    password: str = "",
    timeout_s: float,
    connect_timeout_s: float | None = None,
    options: str = "",
    application: str = "",
) -> BoundedConnection:
    """A connection to the database `shop` in autocommit.

    Raises psycopg.OperationalError when the time is over; libpq's own timeout can't be under 2 s.
    """
    conninfo = make_conninfo(
        host=host,
        port=port,
        user=user,
        password=password or None,
        dbname="shop",
        options=options or None,
        application_name=application or None,
        sslmode="disable",
        gssencmode="disable",
        client_encoding="utf8",
    )
    deadline_s = timeout_s if connect_timeout_s is None else connect_timeout_s
    connection = BoundedConnection(
        waiting.wait_conn(
            generators.connect(conninfo), interval=min(_INTERVAL_S, deadline_s), timeout=deadline_s
        )
    )
    connection.timeout_s = timeout_s
    connection.autocommit = True
    return connection
