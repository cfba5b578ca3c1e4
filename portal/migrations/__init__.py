"""The steps from one schema to the next, and the command that takes them.

Starts fast when there is nothing to do.
"""

from __future__ import annotations

from pathlib import Path

import psycopg

FOLDER = Path(__file__).resolve().parent
HEAD = "0003"
CONNECT_TIMEOUT_S = 5


class UnknownSchema(Exception):
    """The database was made by a newer portal: this one does not touch it."""


def migrate(database_url: str) -> list[str]:
    """Bring the database to this portal's schema; returns the steps taken."""
    before = current(database_url)
    if before == HEAD:
        return []
    known = [path.name[:4] for path in sorted((FOLDER / "versions").glob("[0-9]*.py"))]
    if before is not None and before not in known:
        raise UnknownSchema(
            f"The database has schema {before}, which this portal does not know (it knows up to "
            f"{HEAD}). Start the newer portal, or restore a backup."
        )
    # alembic takes 200 ms to import, and most starts have nothing to migrate
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
    return known if before is None else known[known.index(before) + 1 :]


def current(database_url: str) -> str | None:
    """The schema that the database has; None if it is empty."""
    with psycopg.connect(
        database_url.replace("postgresql+psycopg://", "postgresql://", 1),
        connect_timeout=CONNECT_TIMEOUT_S,
    ) as connection:
        there = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        if there is None or there[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None
