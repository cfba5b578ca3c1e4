"""The setup access on real servers: engines with TLS, and secrets that stay where they belong."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from labs.clients.address import straight
from labs.clients.resp import RespClient
from labs.clients.stream import ServerClosed
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.headless import own_supervisor
from labs.sandbox.memcached_console import MemcachedConsole
from labs.sandbox.redis_cli.console import RedisConsole
from labs.setups.access.certificates import Authority
from tests.waiting import eventually

SAMPLE = Path(__file__).resolve().parents[1] / "samples/more_labs_of_access"


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


@pytest.fixture(scope="module")
def folder(server_folder):
    """A folder of labs that CACHEGROUND_LABS names; sandboxes of other users can read it."""
    labs = server_folder / "labs-that-tell"
    shutil.copytree(SAMPLE, labs)
    return labs


@pytest.mark.parametrize("lab", ["telling-tokens", "telling-users"])
def test_no_secret_is_in_an_event_or_in_a_log(folder, monkeypatch, lab):
    """The labs of this folder are those of the catalogue with one more action, which tells."""
    monkeypatch.setenv("CACHEGROUND_LABS", str(folder))
    entries = []
    with own_supervisor() as supervisor:
        sandbox = supervisor.open(lab, {}, on_event=entries.append)
        supervisor.call(sandbox, "play")
        eventually(lambda: any(entry.event.type == "check-changed" for entry in entries))
        logs = supervisor.call(sandbox, "log", server="cache")
        before = repr(entries) + repr(logs)
        told = supervisor.call(sandbox, "action", name="tell", fields={})

    secrets = told["message"].split()
    assert len(secrets) > 2
    assert [secret for secret in secrets if secret in before] == []
