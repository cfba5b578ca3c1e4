"""The clients that strategies are handed, lean and told: both engines store, count and list alike;
a message reaches the caches in the processes.
"""

import pytest

from labs.caching.cache import CacheDown
from labs.caching.local import CHANNEL
from labs.clients.access import Access
from labs.clients.address import straight
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.load.clients import LeanMemcached, LeanRedis
from labs.sandbox.clients import MemcachedCache, RedisCache
from tests.waiting import eventually

PASSWORD = "the sandbox's own"


def nobody(*_):
    """Hears nothing."""


def lean(server):
    return (
        LeanRedis(straight(server.address), Access("shop", PASSWORD))
        if isinstance(server, Redis)
        else LeanMemcached(straight(server.address))
    )


def told(server, on_command=nobody, on_lookup=nobody):
    if isinstance(server, Redis):
        return RedisCache(
            server.address,
            Access("shop", PASSWORD),
            on_command=on_command,
            on_lookup=on_lookup,
        )
    return MemcachedCache(server.address, on_command=on_command)


@pytest.fixture(params=[Redis, Memcached], ids=["redis", "memcached"])
def server(request, rack):
    engine = (
        Redis("cache", rack.address(), rack.directory, PASSWORD)
        if request.param is Redis
        else Memcached("cache", rack.address(), rack.directory)
    )
    rack.start(engine)
    yield engine
    engine.close()


@pytest.fixture
def redis_server(rack):
    engine = Redis("cache", rack.address(), rack.directory, PASSWORD)
    rack.start(engine)
    yield engine
    engine.close()


@pytest.mark.parametrize("kind", [lean, told])
def test_a_value_without_a_time_to_live_stays_and_numbers_count_up_from_nothing(server, kind):
    client = kind(server)

    client.set("row:1", "a", 0)
    client.set("row:2", "b", 60)

    assert (client.get("row:1"), client.get("row:2")) == (b"a", b"b")
    assert [client.incr("version:1"), client.incr("version:1")] == [1, 2]
    assert int(client.get("version:1")) == 2
    assert server.keys() == ["row:1", "row:2", "version:1"]
    assert server.held_bytes() > 0
    client.close()


def test_an_empty_cache_has_no_keys_and_holds_nothing(server):
    assert server.keys() == []
    assert server.held_bytes() == 0


def test_memcached_says_that_it_cannot_publish(rack):
    engine = Memcached("cache", rack.address(), rack.directory)
    rack.start(engine)

    for client in (lean(engine), told(engine)):
        with pytest.raises(CacheDown, match="no publish"):
            client.publish(CHANNEL, "row:1")
    engine.close()


def test_a_message_makes_other_processes_forget_and_one_that_nobody_heard_is_lost(
    redis_server, rack
):
    looks = []
    reader, writer = (
        lean(redis_server),
        told(redis_server, on_lookup=lambda *look: looks.append(look)),
    )
    for client in (reader, writer):
        client.local.set("row:1", {"version": 1}, 60)
        client.local.set("row:2", {"version": 1}, 60)

    writer.publish(CHANNEL, "row:1")

    eventually(lambda: reader.local.get("row:1") is None and writer.local.get("row:1") is None)
    assert reader.local.get("row:2") == {"version": 1}
    assert reader.hits >= 1
    assert looks[-1][0] == "own memory: row:1"

    rack.kill(redis_server)
    with pytest.raises(CacheDown):
        writer.publish(CHANNEL, "row:2")
    rack.start(redis_server)
    eventually(lambda: redis_server.run("PUBSUB", "NUMSUB", CHANNEL)[1] == 2)
    for client in (reader, writer):
        client.local.set("row:3", {"version": 1}, 60)
    writer.publish(CHANNEL, "row:3")

    eventually(lambda: reader.local.get("row:3") is None)
    assert reader.local.get("row:2") == {"version": 1}
    reader.shut()
    writer.close()


def test_a_told_client_connects_anew_when_its_idle_connection_has_ended(rack):
    engine = Memcached("cache", rack.address(), rack.directory)
    rack.start(engine)
    client = told(engine)
    client.set("row:1", "a", 60)
    rack.kill(engine)
    rack.start(engine)

    client.connect()

    assert client.get("row:1") is None
    client.close()
    engine.close()


def test_a_time_to_live_below_a_second_is_kept_by_redis(redis_server):
    client = lean(redis_server)
    client.set("row:1", "a", 0.9)

    assert 0 < redis_server.run("PTTL", "row:1") <= 900
    client.close()


def test_a_value_is_shown_in_one_line_without_control_characters(redis_server):
    seen = []
    client = told(redis_server, on_command=lambda *command: seen.append(command))
    redis_server.run("SET", "k", b'a\n"b"\\\x00\x1b[2J\xff ' + "é".encode())
    redis_server.run("SET", "long", b"\x00" * 1_000_000)

    client.get("k")
    client.get("long")
    client.close()

    assert seen[0][1] == r'"a\n\"b\"\\\x00\x1b[2J\xff é"'
    assert seen[1][1] == '"' + r"\x00" * 30 + '…"'


def test_keys_that_are_no_text_stay_different(redis_server):
    redis_server.run("MSET", b"\xff", "1", b"\xfe", "2")

    assert redis_server.keys() == [r"\xfe", r"\xff"]
