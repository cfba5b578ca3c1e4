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
from portal.migrations import (
    FOLDER,
    HEAD,
    ForeignDatabase,
    NotMigrated,
    UnknownSchema,
    current,
    migrate,
)


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


@pytest.fixture
def sql_of(empty):
    """Runs statements in the database that is empty at first."""
    with psycopg.connect(empty.replace("+psycopg", ""), autocommit=True) as connection:
        yield lambda statement: connection.execute(statement)


# What another project may have in its database, and how the message calls it.
THEIRS = {
    "table": ("CREATE TABLE orders (id int)", "public.orders"),
    "view": ("CREATE VIEW today AS SELECT 1 AS one", "public.today"),
    "sequence": ("CREATE SEQUENCE numbers", "public.numbers"),
    "function": ("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'", "public.one"),
    "type": ("CREATE TYPE mood AS ENUM ('well')", "public.mood"),
    "another-schema": (
        "CREATE SCHEMA theirs; CREATE TABLE theirs.orders (id int)",
        "theirs.orders",
    ),
    "alembic-of-another": (
        "CREATE TABLE alembic_version (version_num text); "
        "INSERT INTO alembic_version VALUES ('0002'); CREATE TABLE users (id int)",
        "public.users",
    ),
    "a-table-of-our-name": ("CREATE TABLE learner (id int)", "public.learner"),
}


@pytest.mark.parametrize("kind", THEIRS)
def test_the_database_of_another_project_is_left_alone(empty, sql_of, kind):
    statements, name = THEIRS[kind]
    sql_of(statements)
    before = sql_of("SELECT oid FROM pg_class ORDER BY oid").fetchall()

    for look in (current, migrate):
        with pytest.raises(ForeignDatabase, match=name):
            look(empty)

    assert sql_of("SELECT oid FROM pg_class ORDER BY oid").fetchall() == before


def test_what_an_extension_brought_does_not_make_a_database_another_s(empty, sql_of):
    sql_of("CREATE EXTENSION pg_stat_statements")

    assert current(empty) is None
    assert migrate(empty)[-1] == HEAD


def test_a_table_next_to_ours_keeps_no_step_from_being_taken(empty, sql_of):
    migrate(empty)
    sql_of("CREATE TABLE notes (id int)")

    assert current(empty) == HEAD and migrate(empty) == []


def test_a_user_without_the_right_to_make_tables_is_named_in_a_sentence(empty, sql_of):
    sql_of("CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        with pytest.raises(NotMigrated, match="permission denied") as caught:
            migrate(empty.replace("//portal@", "//reader@"))
        assert "right to make tables" in str(caught.value)
        assert current(empty) is None
    finally:
        sql_of("DROP ROLE reader")
