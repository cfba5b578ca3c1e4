"""The setup access on real servers: engines with TLS, and secrets that stay where they belong."""

from contextlib import closing
from functools import partial

import pytest

from labs.clients.address import straight
from labs.clients.resp import RespClient
from labs.clients.stream import ServerClosed
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.sandbox.memcached_console import MemcachedConsole
from labs.sandbox.redis_cli.console import RedisConsole
from labs.setups.access.certificates import Authority
from tests.leaks import looking_supervisor
from tests.waiting import eventually

IN_ITS_OWN_NAME = "answers events outcomes server-logs host-log command-lines environments files"
PLACES = {"tables": "events", **{place: place for place in IN_ITS_OWN_NAME.split()}}
"""Where the action of the lab puts a token, and where it is found."""


@pytest.fixture
def identity(rack):
    folder = rack.directory / "certificates"
    folder.mkdir()
    made = Authority(folder).sign("cache", [rack.host])
    for path in (folder, *folder.iterdir()):
        rack.own(path)
    return made


def test_a_redis_with_an_identity_speaks_tls_and_nothing_else(rack, identity):
    redis = Redis("cache", rack.address(), rack.directory, "pw", identity=identity)
    rack.start(redis)

    assert redis.run("SET", "a", "1") == b"OK"
    assert redis.counters()["items"] == 1
    with closing(RedisConsole(redis.address, redis.access("learner"))) as console:
        assert "1" in console.run("GET a").output
    with (
        closing(RespClient(straight(redis.address))) as plain,
        pytest.raises((ServerClosed, ConnectionResetError)),
    ):
        plain.command("PING")
    redis.close()


def test_a_memcached_with_an_identity_speaks_tls(rack, identity):
    memcached = Memcached("cache", rack.address(), rack.directory, identity=identity)
    rack.start(memcached)

    assert memcached.ready().startswith("1.")
    with closing(MemcachedConsole(memcached.address, memcached.access("learner"))) as console:
        assert "STORED" in console.run("set a 0 0 1\n1").output
    assert memcached.count() == 1
    memcached.close()


def test_a_secret_is_found_in_every_place_where_it_must_not_be(server_folder):
    """In a lab with an action that puts one there; else tests/labs/test_reference_runs.py, which
    looks in the same way, would prove nothing.
    """
    with looking_supervisor(server_folder) as supervisor:
        sandbox = supervisor.open("telling", {})
        try:
            supervisor.call(sandbox, "action", name="call", fields={"login": "own"})
            made, _ = supervisor.secrets(sandbox)
            assert {name.rpartition(".")[2] for name, _ in made} > {"_new_token", "_open", "sign"}
            assert supervisor.look(sandbox) == {}
            for place, shown in PLACES.items():
                supervisor.call(sandbox, "action", name="tell", fields={"place": place})
                found = eventually(partial(_found, supervisor, sandbox, shown), what=place)
                assert found == ["labs.setups.access.tokens._new_token"]
                supervisor.forget(sandbox)
        finally:
            with pytest.raises(AssertionError, match="a secret of this sandbox"):
                supervisor.end(sandbox, "it shows its secrets")


def _found(supervisor, sandbox, place):
    return supervisor.look(sandbox).get(place)
