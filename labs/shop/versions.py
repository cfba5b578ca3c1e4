"""Which version of an answer the database has committed, asked of the database itself."""

from __future__ import annotations

from labs.engines.base import DatabaseEngine
from labs.shop import queries


def version_of(database: DatabaseEngine, what: str, item: int) -> int | None:
    """The committed version of what a read of this kind answers; None if there is no such item."""
    statement = queries.to_psycopg(queries.VERSIONS[what])
    (version,) = database.query(statement, {queries.KEYS[what]: item})
    return int(str(version)) if version is not None else None
