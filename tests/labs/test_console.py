"""The console of a Redis on a real server: what it prints, what it refuses, what it completes."""

import pytest

from labs.engines.redis import Redis
from labs.errors import CommandRefused, ServerDown
from labs.sandbox.redis_console import RedisConsole

PASSWORD = "the sandbox's own"


@pytest.fixture
def engine(rack):
    engine = Redis("cache", rack.address(), rack.directory, PASSWORD, scripts=True)
    rack.start(engine)
    yield engine
    engine.close()


@pytest.fixture
def console(engine):
    console = RedisConsole(engine.address, engine.access("learner"))
    yield console
    console.close()


def test_replies_are_printed_as_redis_cli_prints_them(console):
    assert console.run("SET a 'one two'").output == "OK"
    assert console.run("GET a").output == '"one two"'
    assert console.run("GET b").output == "(nil)"
    assert console.run("EXISTS a").output == "(integer) 1"
    assert console.run("KEYS b*").output == "(empty array)"
    assert console.run("EVAL 'return {1, {2, 3}}' 0").output == (
        "1) (integer) 1\n2) 1) (integer) 2\n   2) (integer) 3"
    )


def test_an_error_is_the_server_s_own_line(console):
    console.run("SET a x")

    refused = console.run("INCR a")
    nested = console.run("EVAL 'return {redis.error_reply(\"ERR no\")}' 0")

    assert refused.failed
    assert refused.output == "(error) ERR value is not an integer or out of range"
    assert nested.output == "1) (error) ERR no"


def test_a_command_s_name_is_one_word_also_in_quotes(console):
    with pytest.raises(CommandRefused, match="SUBSCRIBE is not run"):
        console.run("SUBSCRIBE news")

    assert console.run("'SUBSCRIBE news'").output.startswith("(error) ERR unknown command")


def test_it_completes_the_commands_that_the_server_has(console):
    assert {"GET", "GETDEL", "GETEX"} <= set(console.complete("get"))
    assert console.complete("no such") == []


def test_it_connects_again_to_a_server_that_was_killed(engine, console, rack):
    console.run("PING")
    rack.kill(engine)
    with pytest.raises(ServerDown):
        console.run("PING")

    rack.start(engine)

    assert console.run("PING").output == "PONG"
