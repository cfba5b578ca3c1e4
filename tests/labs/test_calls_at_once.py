"""Calls that change a whole sandbox, two or three at once: each is carried out or refused with a
sentence, and the sandbox works afterwards.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement
from pathlib import Path
from threading import Barrier

import pytest

from labs.errors import LabsError, NotNow
from labs.setups.changes.bench import NEW, OLD
from portal.web.errors import status_of
from tests.hosts import emptied_redis, serving
from tests.waiting import eventually

CACHE_ASIDE = {
    "reset": ("reset", {}),
    "exchange": ("set", {"name": "engine", "value": "memcached"}),
    "kill": ("server", {"name": "cache", "verb": "kill"}),
    "restart": ("server", {"name": "cache", "verb": "restart"}),
    "restart-database": ("server", {"name": "database", "verb": "restart"}),
    "cut": ("link", {"name": "app-cache", "verb": "cut"}),
    "load": ("load", {"verb": "start"}),
    "step": ("step", {"verb": "start", "function": "read", "key": 42}),
    "read": ("action", {"name": "read", "fields": {"item": 42}}),
}
BACKUPS = {
    "reset": ("reset", {}),
    "take": ("action", {"name": "take"}),
    "restore": ("action", {"name": "restore"}),
    "delete-restored": ("action", {"name": "delete-restored"}),
    "restart": ("server", {"name": OLD, "verb": "restart"}),
    "restart-restored": ("server", {"name": NEW, "verb": "restart"}),
}

GROUP = {
    "reset": ("reset", {}),
    "load": ("load", {"verb": "start"}),
    "kill-primary": ("action", {"name": "kill-primary"}),
    "planned": ("action", {"name": "planned"}),
    "restart": ("server", {"name": "cache-001", "verb": "restart"}),
}


@pytest.fixture(scope="module")
def hosted(embedded_redis):
    """The client of a labs host with real sandboxes."""
    with (
        tempfile.TemporaryDirectory(prefix="cg-t-", dir="/tmp", ignore_cleanup_errors=True) as name,
        emptied_redis(embedded_redis.url, timeout_s=30) as redis,
    ):
        Path(name).chmod(0o711)  # the users of sandboxes go through it
        with serving(redis, Path(name), isolation="auto") as (_, client):
            yield client


class Bench:
    """An open sandbox of a lab, and the calls that are fired at it."""

    def __init__(self, client, lab, calls, owner):
        self.client, self.calls = client, calls
        self.id = client.open(lab, owner=owner).id
        eventually(lambda: client.info(self.id).status == "open")

    def call(self, call, **args):
        return self.client.call(self.id, call, deadline_s=25.0, **args)

    def at_once(self, *names):
        """What each of these calls was answered, all of them sent at the same moment."""
        together = Barrier(len(names))

        def fire(name):
            what, args = self.calls[name]
            together.wait()
            try:
                return self.call(what, **args)
            except LabsError as exc:
                return exc

        with ThreadPoolExecutor(len(names)) as pool:
            return list(zip(names, pool.map(fire, names), strict=True))

    def console(self, server, command):
        return self.call("console", server=server, command=command)["output"]

    def servers(self):
        servers = self.call("state")["servers"]
        return {name: server["state"] for name, server in servers.items()}


@pytest.fixture(scope="module")
def cache_aside(hosted):
    """A bench that all pairs are fired at."""
    bench = Bench(hosted, "cache-aside", CACHE_ASIDE, "first")
    yield bench
    bench.call("close")


@pytest.fixture(scope="module")
def backups(hosted):
    """A bench with clusters that are restored."""
    bench = Bench(hosted, "backup-restore", BACKUPS, "second")
    yield bench
    bench.call("close")


def refusals(answers):
    """The answers that a page would show as a fault of ours."""
    return [
        (name, type(answer).__name__, str(answer), answer.detail)
        for name, answer in answers
        if isinstance(answer, LabsError) and status_of(type(answer)) >= 500
    ]


def is_as_at_the_start(bench):
    """The servers, the settings and the data of cache-aside, and that it works."""
    assert bench.servers() == {"cache": "up", "database": "up"}
    assert bench.call("state")["settings"]["engine"] == "redis"
    assert bench.console("cache", "DBSIZE") == "(integer) 0"
    assert "2000" in bench.console("database", "select count(*) from shop.products")
    bench.call("action", name="read", fields={"item": 42})
    assert bench.console("cache", "DBSIZE") == "(integer) 1"


@pytest.mark.parametrize(
    "names", [*combinations_with_replacement(CACHE_ASIDE, 2), ("reset",) * 3], ids="+".join
)
def test_a_cache_and_a_database(cache_aside, names):
    assert not refusals(cache_aside.at_once(*names))

    cache_aside.call("reset")
    is_as_at_the_start(cache_aside)


@pytest.mark.parametrize(
    "names", [*combinations_with_replacement(BACKUPS, 2), ("reset",) * 3], ids="+".join
)
def test_clusters_and_their_backups(backups, names):
    backups.call("action", name="take")

    assert not refusals(backups.at_once(*names))

    backups.call("reset")
    servers = backups.servers()
    assert (servers[OLD], servers.get(NEW, "stopped")) == ("up", "stopped")
    assert backups.console(OLD, "DBSIZE") == "(integer) 0"


@pytest.fixture(scope="module")
def group(hosted):
    """A bench with a replication group."""
    bench = Bench(hosted, "failover", GROUP, "third")
    yield bench
    bench.call("close")


@pytest.mark.parametrize("names", [*combinations_with_replacement(GROUP, 2)], ids="+".join)
def test_a_replication_group(group, names):
    assert not refusals(group.at_once(*names))

    group.call("reset")
    assert set(group.servers().values()) == {"up"}
    assert "master" in group.console("cache-001", "ROLE")


@pytest.mark.parametrize("name", CACHE_ASIDE)
def test_closing_next_to_another_call(hosted, name):
    bench = Bench(hosted, "cache-aside", CACHE_ASIDE | {"close": ("close", {})}, "fourth")

    answers = bench.at_once(name, "close", name)

    assert not refusals(answers)
    eventually(lambda: hosted.info(bench.id).status == "closed")


def test_the_second_reset_is_refused_with_a_sentence(cache_aside):
    answers = cache_aside.at_once("reset", "reset", "reset")

    refused = [answer for _, answer in answers if isinstance(answer, NotNow)]
    assert {str(answer) for answer in refused} == {"Your sandbox is being reset."}
    assert len(refused) < 3
