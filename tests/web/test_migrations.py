"""The steps of the schema lead to what the models say, and back; an unknown schema is left
alone.
"""

from __future__ import annotations

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import portal.models  # noqa: F401  # Base.metadata has its tables then
from portal.db import Base
from portal.migrations import FOLDER, HEAD, UnknownSchema, current, migrate


@pytest.fixture
def empty(postgres):
    """The address of an empty database."""
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
        yield postgres.url.replace("/postgres?", "/empty?")
        connection.execute("DROP DATABASE empty WITH (FORCE)")


def test_an_empty_database_is_brought_to_the_head_once(empty):
    assert current(empty) is None
    assert migrate(empty)[-1] == HEAD
    assert migrate(empty) == []
    assert current(empty) == HEAD


def test_the_head_is_the_last_script():
    config = Config()
    config.set_main_option("script_location", str(FOLDER))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_steps_lead_to_what_the_models_say(empty):
    migrate(empty)
    engine = create_engine(empty)

    with engine.connect() as connection:
        assert (
            compare_metadata(
                MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata
            )
            == []
        )
    engine.dispose()


def test_the_schema_of_a_newer_portal_is_left_alone(empty):
    migrate(empty)
    with psycopg.connect(empty.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(UnknownSchema, match="9999"):
        migrate(empty)


def test_the_last_step_leads_back_and_forth(empty):
    migrate(empty)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["database_url"] = empty

    command.downgrade(config, "0002")
    assert current(empty) == "0002"

    assert migrate(empty) == ["0003"]


def test_of_predictions_that_wait_the_newest_of_each_name_stays(empty):
    migrate(empty)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["database_url"] = empty
    command.downgrade(config, "0002")
    with psycopg.connect(empty.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("INSERT INTO learner VALUES ('a', now()), ('b', now())")
        for learner, name, value, measured in (
            ("a", "ten-reads", 1, "now()"),
            ("a", "ten-reads", 2, "NULL"),
            ("a", "ten-reads", 3, "NULL"),
            ("a", "another", 4, "NULL"),
            ("b", "ten-reads", 5, "NULL"),
            ("b", "ten-reads", 6, "now()"),
        ):
            connection.execute(
                "INSERT INTO prediction (learner_id, lab, name, value, confidence, at, measured_at)"
                f" VALUES ('{learner}', 'lab', '{name}', '{value}', 'fairly', now(), {measured})"
            )

        migrate(empty)

        kept = connection.execute("SELECT value FROM prediction ORDER BY id").fetchall()
        assert kept == [(1,), (3,), (4,), (6,)]
