"""The steps from one schema to the next, and the command that takes them.

Starts fast when there is nothing to do. Changes nothing in a database that isn't Cacheground's.
"""

from __future__ import annotations

from pathlib import Path

import psycopg

from portal.database_url import check_database_url, host_of

FOLDER = Path(__file__).resolve().parent
HEAD = "0003"
CONNECT_TIMEOUT_S = 5
# Every schema has these, from the first on.
OURS = {"alembic_version", "answer", "learner", "outcome", "prediction", "progress", "recovery"}
# Tables, views, sequences, functions and types of any schema, without what an extension brought.
_FOUND = """
SELECT n.nspname || '.' || o.name FROM (
    SELECT oid, 'pg_class'::regclass AS of, relname AS name, relnamespace AS schema
    FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT oid, 'pg_proc'::regclass, proname, pronamespace FROM pg_proc
    UNION ALL
    SELECT oid, 'pg_type'::regclass, typname, typnamespace FROM pg_type
    WHERE typtype IN ('e', 'd', 'r')
) AS o JOIN pg_namespace n ON n.oid = o.schema
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
AND n.nspname NOT LIKE 'pg\\_temp\\_%' AND n.nspname NOT LIKE 'pg\\_toast\\_temp\\_%'
AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = o.of AND d.objid = o.oid AND d.deptype = 'e'
)
ORDER BY 1
"""


class NotMigrated(Exception):
    """The database was not changed; the text says why, and what to do."""


class UnknownSchema(NotMigrated):
    """The database was made by a newer portal: this one does not touch it."""


class ForeignDatabase(NotMigrated):
    """The database has things in it that Cacheground did not make."""


def migrate(database_url: str) -> list[str]:
    """Bring the database to this portal's schema; returns the steps taken."""
    before = current(database_url)
    if before == HEAD:
        return []
    known = [path.name[:4] for path in sorted((FOLDER / "versions").glob("[0-9]*.py"))]
    if before is not None and before not in known:
        raise UnknownSchema(
            f"The database {host_of(database_url)} has schema {before}, which this portal does "
            f"not know (it knows up to {HEAD}). Start the newer portal, or restore a backup."
        )
    # alembic takes 200 ms to import, and most starts have nothing to migrate
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    try:
        command.upgrade(config, "head")
    except DBAPIError as exc:
        raise NotMigrated(
            f"The tables could not be made or changed in {host_of(database_url)}: "
            f"{str(exc.orig).strip()}\nNothing was changed. Its user needs the right to make "
            "tables there."
        ) from exc
    return known if before is None else known[known.index(before) + 1 :]


def current(database_url: str) -> str | None:
    """The schema that the database has; None if it is empty. Raises ForeignDatabase where it is
    neither empty nor ours.
    """
    with psycopg.connect(
        check_database_url(database_url), connect_timeout=CONNECT_TIMEOUT_S
    ) as connection:
        seen = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
        there = {name for (name,) in connection.execute(seen, [sorted(OURS)])}
        if there >= OURS:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            if row:
                return str(row[0])
        rows = connection.execute(_FOUND)
        # All steps taken back leave this one, empty.
        found = [name for (name,) in rows if not name.endswith(".alembic_version")]
    if not found:
        return None
    shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    raise ForeignDatabase(
        f"The database {host_of(database_url)} is not empty, and what is in it ({shown}) is not "
        "Cacheground's. It was left alone. Make an empty database for Cacheground, for instance "
        "with `createdb cacheground`, and name that one."
    )
