"""redis-server and memcached as their engines start, ask and count them."""

import os
import socket
from dataclasses import replace

import psutil
import pymemcache
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.errors import ServerDown
from tests.processes import pause, resume
from tests.waiting import eventually

PASSWORD = "the sandbox's own"
LONG_ENOUGH_S = 0.03
"""For an answer that should not come."""


@pytest.fixture
def redis_server(rack):
    server = Redis("redis-node", rack.address(), rack.directory, PASSWORD)
    assert rack.start(server).startswith("7.")
    yield server
    server.close()


@pytest.fixture
def memcached_server(rack):
    server = Memcached("memcached-node", rack.address(), rack.directory)
    assert rack.start(server).startswith("1.6")
    yield server
    server.close()


@pytest.fixture(params=["redis", "memcached"])
def server(request):
    found = request.getfixturevalue(f"{request.param}_server")
    found.flush()
    return found


class Client:
    """An application's client of either engine."""

    def __init__(self, server):
        at = server.address
        self.redis = isinstance(server, Redis)
        if self.redis:
            self.client = redis.Redis(
                host=at.host,
                port=at.port,
                username="shop",
                password=PASSWORD,
                protocol=2,
                socket_timeout=1,
                retry=Retry(NoBackoff(), 0),
                driver_info=None,
            )
        else:
            self.client = pymemcache.Client((at.host, at.port), timeout=1, default_noreply=False)

    def __enter__(self):
        return self.client

    def __exit__(self, *_):
        self.client.close()


def test_hits_and_misses_are_counted_by_the_server_at_once(server):
    hits, misses = server.hits(), server.misses()

    with Client(server) as client:
        client.get("k")
        client.set("k", b"v")
        client.get("k")
        client.get("k")

    assert (server.hits() - hits, server.misses() - misses) == (2, 1)


def test_our_own_commands_are_not_operations(server):
    before = server.counters()
    for _ in range(5):
        server.counters()
        server.hits()
    after = server.counters()

    assert after["operations"] == before["operations"]


def test_operations_of_the_application_are(server):
    with Client(server) as client:
        client.set("k", b"v")
        before = server.counters()
        for _ in range(10):
            client.get("k")
        values = server.readings(before, server.counters(), 1.0)

    assert values["cache_ops_per_s"] == 10
    assert values["hit_rate_percent"] == 100
    assert values["items"] == 1


def test_a_flush_forgets_all(server):
    with Client(server) as client:
        client.set("k", b"v")
        server.flush()

        assert client.get("k") is None


@pytest.mark.parametrize("kind", ["redis", "memcached"])
def test_the_connection_survives_a_restart_and_the_counters_begin_anew(rack, kind, request):
    server = request.getfixturevalue(f"{kind}_server")
    with Client(server) as client:
        client.set("k", b"v")
        client.get("k")
    before = server.counters()

    rack.kill(server)
    with pytest.raises(ServerDown):
        server.counters()
    rack.start(server)

    after = server.counters()
    assert after["run"] != before["run"]
    assert (after["hits"], after["items"], after["operations"]) == (0, 0, 0)
    assert server.readings(before, after, 1.0)["cache_hits_per_s"] == 0


def test_a_paused_server_is_down_and_its_late_answer_is_not_taken(rack, server):
    process = rack.processes[server.name]
    pause(process.pid)

    with pytest.raises(ServerDown):
        server.hits()

    resume(process.pid)
    assert server.ready(1.0)
    assert isinstance(server.hits(), int)


def test_a_server_that_the_runtime_paused_answers_nothing_more(rack, runtime):
    """Until all of its threads have stopped, one of five requests was still answered."""
    server = Memcached("paused", rack.address(), rack.directory)
    launch = server.launch()
    as_user = ("-u", "root") if os.getuid() == 0 else ()
    process = runtime.start(
        replace(launch, argv=(*launch.argv, *as_user)), rack.directory / "paused.log"
    )
    eventually(lambda: server.ready(0.5))
    server.close()

    with socket.create_connection((server.address.host, server.address.port)) as client:
        client.settimeout(LONG_ENOUGH_S)
        for _ in range(30):
            process.pause()
            client.sendall(b"version\r\n")
            with pytest.raises(TimeoutError):
                client.recv(64)
            process.resume()
            client.settimeout(5)
            assert client.recv(64).startswith(b"VERSION")
            client.settimeout(LONG_ENOUGH_S)


def test_the_default_user_is_off(redis_server):
    at = redis_server.address
    client = redis.Redis(
        host=at.host,
        port=at.port,
        protocol=2,
        socket_timeout=1,
        retry=Retry(NoBackoff(), 0),
        driver_info=None,
    )

    with pytest.raises(redis.AuthenticationError):
        client.ping()
    client.close()


@pytest.mark.parametrize(
    "command",
    [
        "CONFIG SET dir /tmp",
        "CONFIG GET *",
        "DEBUG SLEEP 0",
        "MODULE LIST",
        "SHUTDOWN",
        "SAVE",
        "BGSAVE",
        "REPLICAOF 127.0.0.1 1",
        "MONITOR",
        "ACL LIST",
        "CLIENT KILL ID 1",
        "CLIENT PAUSE 1",
        "CLIENT REPLY OFF",
        "EVAL return 0",
        "MIGRATE h 1 k 0 1",
        "RESTORE k 0 x",
        "SYNC",
        "CLUSTER RESET",
        "FAILOVER",
        "FUNCTION LIST",
    ],
)
def test_neither_the_learner_nor_the_application_may_administer(redis_server, command):
    for user in ("learner", "shop"):
        reply = redis_server.run("ACL", "DRYRUN", user, *command.split(" "))

        assert reply != b"OK", user


@pytest.mark.parametrize(
    "command",
    [
        "GET k",
        "SET k v",
        "INFO",
        "KEYS *",
        "FLUSHALL",
        "SLOWLOG GET",
        "CLIENT LIST",
        "OBJECT ENCODING k",
        "SUBSCRIBE c",
        "MULTI",
    ],
)
def test_the_learner_may_look_and_use(redis_server, command):
    assert redis_server.run("ACL", "DRYRUN", "learner", *command.split(" ")) == b"OK"


def test_passwords_stand_in_no_command_line(rack, redis_server):
    command = " ".join(psutil.Process(rack.processes[redis_server.name].pid).cmdline())

    assert PASSWORD not in command
    assert PASSWORD not in redis_server.configuration()
