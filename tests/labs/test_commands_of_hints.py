"""The commands that hints give, on real servers: each answers what its hint names."""

import pytest

from tests.sandboxes import Opened


@pytest.mark.parametrize(
    ("lab", "settings", "server", "command", "answer"),
    [
        ("durability", {"mode": "always"}, "redis", "INFO persistence", "aof_enabled:1"),
        ("durability", {"mode": "none"}, "redis", "INFO persistence", "aof_enabled:0"),
        ("eviction", {"policy": "noeviction"}, "cache", "INFO memory", "maxmemory_policy:noev"),
        (
            "failover",
            {"min_replicas": "1"},
            "cache-001",
            "INFO replication",
            "min_slaves_good_slaves:",
        ),
        ("read-replicas", {}, "cache-002", "INFO replication", "slave_read_only:1"),
        ("invalidation", {}, "cache", "PUBSUB NUMSUB changed", '"changed"'),
        ("cache-aside", {}, "cache", "COMMAND DOCS GET", "GET"),
        ("cache-aside", {}, "database", "select * from shop.products limit 5;", "(5 rows)"),
    ],
)
def test_a_command_of_a_hint_answers_what_it_names(
    supervisor, lab, settings, server, command, answer
):
    sandbox = Opened(supervisor, lab, settings=settings)
    try:
        told = sandbox.call("console", server=server, command=command)
    finally:
        sandbox.end()

    assert not told["failed"]
    assert answer.lower() in told["output"].lower()


@pytest.mark.parametrize(
    ("engine", "command", "answer"),
    [("redis", "TTL page:42", "(integer) "), ("memcached", "mg page:42 t", "HD t")],
)
def test_the_cache_answers_what_is_left_of_a_time_to_live(supervisor, engine, command, answer):
    sandbox = Opened(supervisor, "cache-aside", settings={"engine": engine, "ttl_s": 60.0})
    try:
        sandbox.call("action", name="read", fields={"item": 42})
        output = sandbox.call("console", server="cache", command=command)["output"]
    finally:
        sandbox.end()

    assert output.startswith(answer)
    assert 0 < int(output.removeprefix(answer)) <= 60


def test_sql_in_the_console_of_a_cache_keeps_the_server_s_words(supervisor):
    sandbox = Opened(supervisor, "cache-aside")
    try:
        told = sandbox.call("console", server="cache", command="SELECT * FROM products")
    finally:
        sandbox.end()

    assert "wrong number of arguments" in told["output"]
    assert "Choose “database” above" in told["notice"]
