"""What the drawing of a bench is told of a load, on real servers: operations of each link, keys of
each cache, and requests that fail.
"""

from __future__ import annotations

import pytest

from labs.headless import own_supervisor
from tests.sandboxes import Opened
from tests.waiting import eventually


@pytest.fixture(scope="module")
def supervisor():
    with own_supervisor("cage") as supervisor:
        yield supervisor


@pytest.fixture
def opened(supervisor):
    made = []

    def of(lab):
        made.append(Opened(supervisor, lab))
        return made[-1]

    yield of
    for sandbox in made:
        sandbox.end()


def newest(sandbox, kind):
    return next((event for event in reversed(sandbox.told) if event.type == kind), None)


def flows(sandbox):
    taken = newest(sandbox, "reading-taken")
    return taken.flows if taken else {}


def failing(sandbox):
    """The newest word of failures; None while requests are answered."""
    found = newest(sandbox, "load-failing")
    return found if found and found.failed else None


def load(sandbox, verb="start"):
    sandbox.call("load", verb=verb)


def test_a_load_of_the_shop_is_counted_by_link_and_meaning(opened):
    sandbox = opened("cache-aside")
    load(sandbox)

    wanted = {"cache hit", "cache miss", "cache write", "database read"}
    eventually(lambda: wanted <= flows(sandbox).keys())
    eventually(lambda: newest(sandbox, "reading-taken").keys.get("cache", 0) > 0)

    load(sandbox, "stop")
    eventually(lambda: newest(sandbox, "reading-taken").flows == {})


def test_a_stale_read_is_counted_on_the_link_of_the_cache_and_is_no_hit(opened):
    sandbox = opened("invalidation")
    sandbox.call("set", name="way", value="ttl")
    sandbox.call("set", name="write_percent", value=20)
    load(sandbox)

    eventually(lambda: flows(sandbox).get("cache stale", 0) > 0)


def test_a_single_stale_read_says_so_of_its_command(opened):
    sandbox = opened("cache-aside")
    sandbox.call("set", name="invalidate", value="none")
    sandbox.act("read", item=42)
    sandbox.act("change-price", item=42, price=1.5)
    sandbox.act("read", item=42)

    commands = [event for event in sandbox.told if event.type == "command-ran"]
    assert commands[-1].server == "cache"
    assert commands[-1].meaning == "stale"


def test_a_load_that_fails_says_how_many_and_why_until_requests_are_answered_again(opened):
    sandbox = opened("database-relief")
    load(sandbox)
    eventually(lambda: flows(sandbox).get("database read"))
    assert failing(sandbox) is None

    sandbox.server("kill", "database")
    found = eventually(lambda: failing(sandbox))
    assert 0 < found.failed <= found.ended
    assert found.why

    sandbox.server("restart", "database")
    eventually(lambda: failing(sandbox) is None)
    said = [event.sentence for event in sandbox.told if event.type == "load-failing"]
    assert said[-1] == "Requests of the load are answered again"
    assert len(list(filter(None, said))) == 2  # news when it began and when it ended, not between


def test_a_table_that_is_gone_is_named(opened):
    sandbox = opened("database-relief")
    load(sandbox)
    eventually(lambda: flows(sandbox).get("database read"))

    sandbox.console("database", "DROP TABLE products CASCADE;")

    found = eventually(lambda: (now := failing(sandbox)) and "exist" in now.why and now)
    assert found.why == 'relation "products" does not exist'
    eventually(lambda: flows(sandbox).get("database error"))
    sandbox.call("reset")
    assert newest(sandbox, "load-changed").running is False


def test_every_server_of_a_backup_has_its_own_number_of_keys(opened):
    sandbox = opened("backup-restore")
    sandbox.act("fill")
    load(sandbox)

    eventually(lambda: newest(sandbox, "reading-taken").keys.get("shop-001", 0) > 10_000)
    assert newest(sandbox, "reading-taken").keys["memcached-001"] >= 0
    eventually(lambda: flows(sandbox).get("shop write"))
    assert not any(name.startswith("shop-restored") for name in flows(sandbox))


def test_a_replica_that_was_added_late_answers_nothing_and_so_it_is_counted(opened):
    sandbox = opened("read-replicas")
    load(sandbox)
    counted = "reader-endpoint to cache-002 hit", "reader-endpoint to cache-003 hit"
    eventually(lambda: all(flows(sandbox).get(name) for name in counted))
    eventually(lambda: flows(sandbox).get("primary-endpoint to cache-001 write"))

    sandbox.act("add-replica")
    # Two readings more: the clients keep their connections, which lead elsewhere.
    seen = len(sandbox.told)
    eventually(lambda: sum(event.type == "reading-taken" for event in sandbox.told[seen:]) >= 2)
    assert "reader-endpoint to cache-004 hit" not in flows(sandbox)
    assert flows(sandbox).get(counted[0])


def test_numbered_writes_are_counted_and_a_server_that_is_down_fails_them(opened):
    sandbox = opened("durability")
    load(sandbox)
    eventually(lambda: flows(sandbox).get("redis write"))

    sandbox.server("kill", "redis")

    eventually(lambda: failing(sandbox))
    eventually(lambda: flows(sandbox).get("redis error"))


def test_browsers_are_counted_on_the_way_to_the_instance_that_answered(opened):
    sandbox = opened("sessions")
    load(sandbox)

    wanted = {"site hit", "balancer-a hit", "balancer-b hit"}
    eventually(lambda: wanted <= flows(sandbox).keys())

    sandbox.server("kill", "balancer")
    eventually(lambda: failing(sandbox))
