"""scripts/serve with a Postgres or a Redis that other projects use: what is theirs stays."""

from __future__ import annotations

import psycopg
import pytest
from redis import Redis

from portal.heartbeat import RECORDS
from portal.serve.named import OURS
from tests.ops.conftest import started
from tests.waiting import eventually


@pytest.fixture
def other_database(embedded_postgres):
    """The address of a database of another project, and what is in it."""
    admin = psycopg.connect(embedded_postgres.url, autocommit=True)
    admin.execute("CREATE DATABASE other")
    url = embedded_postgres.url.replace("/cacheground?", "/other?")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id int)")
        yield url, connection
    admin.execute("DROP DATABASE other WITH (FORCE)")
    admin.close()


def tables(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in rows}


def test_the_database_of_another_project_is_left_alone(checkout, fresh, other_database):
    url, connection = other_database
    watched = started(checkout, fresh, DATABASE_URL=url)

    assert watched.ended() == 1
    assert "DATABASE_URL" in watched.run.said() and "public.orders" in watched.run.said()
    assert tables(connection) == {"orders"}


def test_a_redis_that_others_use_is_pointed_out_and_their_keys_stay(
    checkout, fresh, embedded_redis
):
    redis = Redis.from_url(embedded_redis.url)
    redis.set("session:1", "theirs")
    watched = started(checkout, fresh, REDIS_URL=embedded_redis.url)
    watched.run.wait_ready()

    eventually(lambda: redis.exists(RECORDS))
    assert "keys of other programs" in watched.run.said()
    assert watched.run.stop() == 0
    assert redis.get("session:1") == b"theirs"
    assert [key for key in redis.scan_iter() if not key.startswith(OURS)] == [b"session:1"]
    redis.flushall()
    redis.close()


def test_a_redis_in_which_a_key_of_ours_is_another_program_s_is_refused(
    checkout, fresh, embedded_redis
):
    redis = Redis.from_url(embedded_redis.url)
    redis.set("labs:hosts", "theirs")
    watched = started(checkout, fresh, REDIS_URL=embedded_redis.url)

    assert watched.ended() == 1
    assert "labs:hosts" in watched.run.said()
    assert redis.get("labs:hosts") == b"theirs"
    redis.flushall()
    redis.close()
