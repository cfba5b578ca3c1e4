"""The contract that every engine keeps with a real server: a new engine is one more `Made`."""

import shutil

import pytest

from labs.engines.base import CacheEngine, DatabaseEngine
from labs.engines.memcached import Memcached
from labs.engines.postgres import Postgres
from labs.engines.redis import Redis, Valkey
from labs.engines.registry import registry
from labs.engines.sentinel import Sentinel, Watched
from labs.engines.web import Balancer, Instance
from labs.errors import ServerDown
from labs.measure.metrics import METRICS
from tests.processes import pause, resume

SECRET = "of-this-sandbox-only"
SERVERS = {kind.name: kind.engine_class() for kind in registry.values() if kind.is_server}
CACHES = [name for name, engine in SERVERS.items() if issubclass(engine, CacheEngine)]
DATABASES = [name for name, engine in SERVERS.items() if issubclass(engine, DatabaseEngine)]


def made(kind, rack, request):
    """An engine of each kind at an address of its own."""
    address, directory = rack.address(), rack.directory
    if kind == "redis":
        return Redis(kind, address, directory, SECRET)
    if kind == "valkey":
        return Valkey(kind, address, directory, SECRET)
    if kind == "memcached":
        return Memcached(kind, address, directory)
    if kind == "postgres":
        return Postgres(kind, address, request.getfixturevalue("database_directory"), SECRET)
    if kind == "sentinel":
        watched = Watched(rack.address(), (), {}, 1, 1_000)
        return Sentinel(kind, address, address, directory, SECRET, lambda: watched)
    if kind == "balancer":
        settings = {"sticky": False, "targets": []}
        return Balancer(kind, address, directory, SECRET, lambda: settings)
    reports = directory / "reports"
    stores = {"redis": (rack.host, 1, "shop", SECRET), "memcached": (rack.host, 1)}
    settings = {
        "name": "A",
        "node": kind,
        "store": "memory",
        "idle_s": 60,
        "absolute_s": 600,
        "sliding": True,
        "page": "labs.caching.sessions:page",
        "log_in": "labs.caching.sessions:log_in",
        "reports": str(reports),
        **stores,
    }
    return Instance(kind, address, directory, SECRET, lambda: settings)


@pytest.fixture(params=SERVERS)
def engine(request, rack):
    if request.param == "valkey" and shutil.which("valkey-server") is None:
        # No package of the supported systems has it: it runs where somebody has installed it.
        pytest.skip("valkey-server is missing")
    engine = made(request.param, rack, request)
    yield engine
    engine.close()


only_caches = pytest.mark.parametrize("engine", CACHES, indirect=True)
only_databases = pytest.mark.parametrize("engine", DATABASES, indirect=True)


def test_a_server_that_does_not_run_is_down(engine):
    assert not engine.listens()
    with pytest.raises(ServerDown) as caught:
        engine.ready(0.2)

    assert caught.value.hint


def test_it_starts_says_its_version_and_counts(engine, rack):
    assert rack.start(engine)[-1].isdigit()
    assert engine.listens()

    before = engine.counters()
    after = engine.counters()

    assert before.keys() == after.keys()
    assert set(engine.readings(before, after, 1.0)) <= set(METRICS)


def test_it_is_down_after_it_was_killed_and_answers_again_after_a_restart(engine, rack):
    rack.start(engine)
    rack.kill(engine)
    assert not engine.listens()
    with pytest.raises(ServerDown):
        engine.ready(0.2)

    assert rack.start(engine)
    assert engine.after_restart().endswith(".")


def test_a_question_to_a_paused_server_ends_at_its_deadline(engine, rack):
    rack.start(engine)
    engine.close()
    pause(rack.processes[engine.name].pid)

    with pytest.raises(ServerDown):
        engine.ready(0.1)

    resume(rack.processes[engine.name].pid)
    assert engine.ready(5.0)


def test_its_secrets_stand_in_no_command_line(engine):
    assert SECRET not in " ".join(engine.launch().argv)
    assert SECRET not in repr(engine)


@only_caches
def test_a_cache_is_emptied_and_counts_what_it_holds(engine, rack):
    rack.start(engine)

    assert (engine.count(), engine.hits(), engine.misses()) == (0, 0, 0)
    assert engine.item("row:1") is None
    engine.flush()


@only_databases
def test_a_database_answers_and_does_not_count_our_own_questions(engine, rack):
    rack.start(engine)
    before = engine.queries()

    assert engine.query("SELECT %(number)s::int", {"number": 42}) == (42,)
    assert engine.query("SELECT 1 WHERE false", {}) == (None,)
    assert engine.queries() == before
