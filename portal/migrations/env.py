"""How alembic reaches the database: one transaction for all steps, one migrating process at
a time.
"""

from alembic import context
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import NullPool, create_engine, text

import portal.models  # noqa: F401  # Base.metadata has its tables then
from portal.database_url import check_database_url
from portal.db import DRIVER, Base

ONE_AT_A_TIME = 7_262_001


def run() -> None:
    """Take the steps."""
    parts = conninfo_to_dict(check_database_url(context.config.attributes["database_url"]))
    engine = create_engine(DRIVER, poolclass=NullPool, connect_args=parts)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        context.run_migrations()


run()
