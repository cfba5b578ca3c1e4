"""How alembic reaches the database: one transaction for all steps, one migrating process at
a time.
"""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

import portal.models  # noqa: F401  # Base.metadata has its tables then
from portal.db import Base

ONE_AT_A_TIME = 7_262_001


def run() -> None:
    """Take the steps."""
    engine = create_engine(context.config.attributes["database_url"], poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        context.run_migrations()


run()
