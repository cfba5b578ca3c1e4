"""The digest of a data set on real servers, and files that no server starts from."""

import pytest

from labs.engines.dataset import READS, dataset
from labs.errors import ServerDown
from labs.setups.changes import shop_data
from labs.setups.changes.backup import refusal
from tests.waiting import eventually

KEYS = 600
ONE_OF_EACH = (
    ("SET", "string", "value"),
    ("SET", "ends", "value", "PXAT", 4_000_000_000_000),
    ("HSET", "hash", "a", 1, "b", 2),
    ("SADD", "set", "x", "y", "z"),
    ("ZADD", "zset", 1, "m", 2, "n"),
    ("RPUSH", "list", "first", "second"),
    ("XADD", "stream", "1-1", "field", "value"),
    ("SET", b"not\xfftext", b"\x00\x01"),
)
CHANGES = (
    ("SET", "string", "other"),
    ("DEL", "string"),
    ("SET", "another", ""),
    ("PEXPIREAT", "ends", 4_000_000_000_001),
    ("PERSIST", "ends"),
    ("PEXPIREAT", "string", 4_000_000_000_000),
    ("HSET", "hash", "b", 3),
    ("HDEL", "hash", "a"),
    ("SADD", "set", "w"),
    ("SREM", "set", "x"),
    ("ZADD", "zset", 1.5, "m"),
    ("LSET", "list", 0, "zeroth"),
    ("RPUSH", "list", "third"),
    ("XADD", "stream", "1-2", "field", "value"),
    ("XDEL", "stream", "1-1"),
    ("SET", b"not\xfftext", b"\x00\x02"),
    ("RENAME", "list", "queue"),
    ("EVAL", "redis.call('DEL', 'set'); redis.call('RPUSH', 'set', 'x', 'y', 'z')", 0),
)


def put(engine, commands=ONE_OF_EACH):
    for command in commands:
        engine.run(*command)


def saved(engine):
    engine.run("BGSAVE")
    eventually(lambda: engine.info("persistence")["rdb_bgsave_in_progress"] == "0")
    return (engine.directory / "dump.rdb").read_bytes()


def test_the_same_data_has_the_same_digest_however_it_came_to_be(start_redis):
    first, second = start_redis("first"), start_redis("second")
    put(first)
    put(second, reversed(ONE_OF_EACH))
    second.run("SADD", "set", *(f"more-{number}" for number in range(300)))
    second.run("SREM", "set", *(f"more-{number}" for number in range(300)))
    second.run("HSET", "hash", "long", "x" * 200)
    second.run("HDEL", "hash", "long")

    assert first.run("OBJECT", "ENCODING", "hash") != second.run("OBJECT", "ENCODING", "hash")
    assert dataset(first) == dataset(second)
    assert set(dataset(first).types) == set(READS)
    assert dataset(first).ending == 1


@pytest.mark.parametrize(
    "change", CHANGES, ids=lambda change: " ".join(str(word)[:12] for word in change[:3])
)
def test_any_change_is_another_digest(start_redis, change):
    engine = start_redis("only")
    put(engine)
    before = dataset(engine).digest

    engine.run(*change)

    assert dataset(engine).digest != before


def test_a_cluster_that_was_started_from_a_file_has_the_digest_of_the_one_that_wrote_it(
    start_redis,
):
    engine = start_redis("old")
    shop_data.put(engine, KEYS)
    before = dataset(engine)

    restored = start_redis("new", saved(engine))

    assert before.keys > KEYS * 0.9
    assert set(before.types) == set(READS)
    assert dataset(restored) == before
    engine.flush()
    assert dataset(engine).keys == 0
    assert dataset(engine).digest != before.digest


def test_the_digest_of_a_server_that_is_gone_is_an_error(start_redis, rack):
    engine = start_redis("gone")
    rack.kill(engine)

    with pytest.raises(ServerDown):
        dataset(engine)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda data: data.replace(shop_data.NAME.encode(), b"Borner shop"),
            "Wrong RDB checksum expected",
        ),
        (lambda data: data[: len(data) // 2], "Short read"),
        (lambda data: b"VALKEY" + data[6:], "Wrong signature"),
    ],
)
def test_no_server_starts_from_a_damaged_file_and_its_log_says_why(start_redis, rack, damage, says):
    engine = start_redis("old")
    shop_data.put(engine, KEYS)
    data = damage(saved(engine))

    with pytest.raises(AssertionError):
        start_redis("new", data)

    words = refusal((rack.directory / "new.log").read_text().splitlines())
    assert says in words[0]
    assert len(words) <= 4
