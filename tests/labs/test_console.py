"""The console of a Redis on a real server: what it refuses, how much it shows, what it completes,
what it remembers.
"""

import tracemalloc

import pytest

from labs.engines.redis import Redis
from labs.errors import BadInput, CommandRefused, ServerDown
from labs.sandbox.console import OUTPUT_LIMIT, Standing
from labs.sandbox.redis_cli.console import RedisConsole
from labs.sandbox.redis_cli.refusals import LONGEST_WAIT_S

PASSWORD = "the sandbox's own"
NO_BUFFER_LIMIT = {"client-output-buffer-limit": "normal 0 0 0", "maxmemory-clients": "0"}


@pytest.fixture
def start(rack):
    """Starts a Redis with these options; closes it."""

    def start(**options):
        engine = Redis("cache", rack.address(), rack.directory, PASSWORD, **options)
        engines.append(engine)
        rack.start(engine)
        return engine

    engines = []
    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(start):
    return start(scripts=True)


@pytest.fixture
def console(engine):
    console = RedisConsole(engine.address, engine.access("learner"))
    yield console
    console.close()


def test_a_byte_is_one_byte_in_and_out(console):
    console.run(r'SET b "\x00\xff"')

    assert console.run("STRLEN b").output == "(integer) 2"
    assert console.run("GET b").output == r'"\x00\xff"'
    assert console.run("MGET b nosuch").output == '1) "\\x00\\xff"\n2) (nil)'


@pytest.mark.parametrize("value", [r'"\n"', r'"\r\n"', r'"a\nb\n"', r'"\x00"', '""', r'"\xe2\x80"'])
def test_every_value_can_be_read_alone_and_among_others(console, value):
    console.run(f"SET k {value}")

    assert console.run("GET k").output == value
    assert console.run("MGET k").output == f"1) {value}"


def test_an_error_inside_an_answer_is_a_line_of_it(console):
    console.run("SET a x")
    for line in ("MULTI", "INCR a", "GET a"):
        console.run(line)

    answer = console.run("EXEC")

    assert not answer.failed
    assert answer.output == ('1) (error) ERR value is not an integer or out of range\n2) "x"')


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('SET k "open', 'double quote (") is not closed'),
        ("SET k 'open", "single quote (') is not closed"),
        ('SET k "a"b', "space must follow a closing quote"),
    ],
)
def test_quotes_that_do_not_close_are_refused_as_redis_cli_does(console, line, why):
    with pytest.raises(BadInput) as caught:
        console.run(line)

    assert str(caught.value) == "Invalid argument(s)"
    assert why in caught.value.hint


def test_typographic_quotes_are_pointed_out(console):
    answer = console.run("SET k “hello”")

    assert answer.output == "OK"
    assert "typographic quote (“)" in answer.notice
    assert console.run("SET k 'hello'").notice == ""


def test_a_command_s_name_is_one_word_also_in_quotes(console):
    with pytest.raises(CommandRefused, match="SUBSCRIBE is not run"):
        console.run(r'"sub\x73cribe" news')

    assert console.run("'SUBSCRIBE news'").output.startswith("(error) ERR unknown command")


@pytest.mark.parametrize("line", ["help SET", "? SET", "exit", ":set hints", "3 PING", "-1 PING"])
def test_what_redis_cli_does_itself_is_refused_in_words(console, line):
    with pytest.raises(CommandRefused, match="redis-cli"):
        console.run(line)


def test_it_completes_the_commands_that_the_server_has(console):
    assert {"GET", "GETDEL", "GETEX"} <= set(console.complete("get"))
    assert {"OBJECT ENCODING", "OBJECT FREQ"} <= set(console.complete("object "))
    assert console.complete("xgroup cr") == ["XGROUP CREATE", "XGROUP CREATECONSUMER"]
    assert console.complete("no such") == []


def test_a_completion_is_no_part_of_a_transaction(console):
    console.run("MULTI")

    assert "GET" in console.complete("get")

    assert console.run("EXEC").output == "(empty array)"


def test_fifteen_hundred_keys_are_all_shown(console):
    console.run("EVAL \"for i = 1, 1500 do redis.call('set', 'key:' .. i, '') end\" 0")

    answer = console.run("KEYS *")

    assert len(answer.output.split("\n")) == 1_500
    assert not answer.cut


@pytest.mark.parametrize(
    ("command", "last_line"),
    [
        ("EVAL \"local t = {} for i = 1, 20000 do t[i] = 'key' .. i end return t\" 0", "elements"),
        ("EVAL \"return string.rep('x', 1000000)\" 0", "bytes"),
        ("EVAL \"return string.rep('\\\\0', 1000000)\" 0", "bytes"),
        ("EVAL \"return redis.error_reply(string.rep('\\\\27', 100000))\" 0", "bytes"),
        ("EVAL \"return {1, {2, string.rep('x', 100000)}}\" 0", "bytes"),
        ("EVAL \"return redis.status_reply(string.rep('x', 100000))\" 0", "bytes"),
        ("EVAL \"return {err = 'ERR ' .. string.rep('x', 100000)}\" 0", "bytes"),
        ('EVAL "local t = 0 for i = 1, 100 do t = {t} end return t" 0', "elements"),
        ("HGETALL big", "elements"),
        ("INFO everything", ""),
    ],
)
@pytest.mark.parametrize("protocol", [2, 3])
def test_what_is_cut_is_said_with_how_much(console, command, last_line, protocol):
    console.run("EVAL \"for i = 1, 9000 do redis.call('hset', 'big', 'field' .. i, i) end\" 0")
    console.run(f"HELLO {protocol}")

    answer = console.run(command)

    end = answer.output.rsplit("… ", 1)[-1]
    fields = protocol == 3 and command == "HGETALL big"
    assert answer.cut is bool(last_line)
    assert len(answer.output) <= OUTPUT_LIMIT
    if last_line:
        missing, count = (int(word.replace(",", "")) for word in end.split() if word[0].isdigit())
        assert 0 < missing <= count
        assert end == (
            f"{missing:,} more of {count:,} {'fields' if fields else last_line} not shown "
            "(64 KiB a command)"
        )
    assert console.run("PING").output == "PONG"


def test_what_is_shown_and_what_is_not_are_all(console):
    console.run("EVAL \"for i = 1, 20000 do redis.call('rpush', 'list', 'value' .. i) end\" 0")

    *shown, end = console.run("LRANGE list 0 -1").output.split("\n")

    assert shown[-1] == f'{len(shown):>5}) "value{len(shown)}"'
    assert end == (
        f"… {20_000 - len(shown):,} more of 20,000 elements not shown (64 KiB a command)"
    )


@pytest.mark.parametrize(
    "script",
    [
        "local s = string.rep('x', 8 * 1024 * 1024) local t = {} for i = 1, 13 do t[i] = s end "
        "return t",
        "local t = {} for i = 1, 50000 do t[i] = i end return t",
        "local t = {} for i = 1, 12000 do t[i] = {i, {'x'}} end return t",
    ],
)
def test_an_answer_of_any_size_takes_little_memory(start, script):
    engine = start(scripts=True, maxmemory_mb=512, directives=NO_BUFFER_LIMIT)
    console = RedisConsole(engine.address, engine.access("learner"))
    console.run("PING")
    tracemalloc.start()
    try:
        answer = console.run(f'EVAL "{script}" 0')
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        console.close()

    assert answer.cut
    assert peak < 4 * 1024 * 1024


def test_the_prompt_is_that_of_redis_cli(console):
    lines = {
        "SELECT 3": "[3]",
        "MULTI": "[3](TX)",
        "SET a b": "[3](TX)",
        "SELECT 4": "[3](TX)",
        "EXEC": "[4]",
        "MULTI ": "[4](TX)",
        "NOSUCH": "[4](TX)",
        " EXEC": "[4]",
        "SELECT 99": "[4]",
        "SELECT 0": "",
    }

    assert {line: console.run(line).prompt for line in lines} == lines


def test_a_transaction_that_was_lost_is_said_and_nothing_runs(engine, console, rack):
    for line in ("SELECT 2", "MULTI", "SET a 1", "SET b 2"):
        console.run(line)
    rack.kill(engine)
    rack.start(engine)

    answer = console.run("SET c 3")

    assert (answer.failed, answer.output, answer.prompt) == (True, "", "[2]")
    assert "its 2 queued commands were not run. SET was not run either." in answer.notice
    assert console.run("DBSIZE").output == "(integer) 0"


def test_a_closed_console_says_at_the_next_command_what_was_lost(console):
    console.run("MULTI")

    console.close()

    assert console.look() == Standing(
        "",
        "The connection to the server was lost, and the transaction with it: it held no command "
        "yet.",
    )
    assert "SET was not run either." in console.run("SET a 1").notice
    assert console.look() == Standing("")
    assert console.run("EXISTS a").output == "(integer) 0"


def test_a_transaction_whose_end_was_lost_is_not_called_lost(engine, console):
    """The server may have run it before the connection ended."""
    for line in ("MULTI", "SET a 1"):
        console.run(line)
    engine.run("CLIENT", "PAUSE", 60_000, "WRITE")

    with pytest.raises(ServerDown) as caught:
        console.run("EXEC")

    assert "ran as a whole or not at all" in caught.value.hint
    assert (console.look(), console.run("PING").output) == (Standing(""), "PONG")


def test_what_watch_watched_is_not_forgotten_silently(engine, console):
    console.run("WATCH a")
    engine.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    assert "WATCH" in console.run("MULTI").notice
    assert console.run("PING").output == "PONG"


def test_a_new_connection_has_the_old_one_s_database_protocol_and_name(engine, console, rack):
    for line in ("SELECT 5", "HELLO 3", "CLIENT SETNAME me"):
        console.run(line)
    rack.kill(engine)
    rack.start(engine)

    assert console.run("SET a 1").prompt == "[5]"
    assert console.run("CLIENT GETNAME").output == '"me"'
    assert console.run("HGETALL nosuch").output == "(empty hash)"
    assert "db5:keys=1" in console.run("INFO keyspace").output


def test_it_connects_again_to_a_server_that_was_killed(engine, console, rack):
    console.run("PING")
    rack.kill(engine)
    with pytest.raises(ServerDown):
        console.run("PING")

    rack.start(engine)

    assert console.run("PING").output == "PONG"


@pytest.mark.parametrize(
    "line",
    [
        "BLPOP q 0",
        "BRPOP q 60",
        "BLMOVE a b LEFT RIGHT 0",
        "BRPOPLPUSH a b 5.5",
        "BZPOPMIN z 0",
        "BZPOPMAX z 1e9",
        "BLMPOP 0 1 q LEFT",
        "BZMPOP 6 1 z MIN",
        "XREAD COUNT 1 BLOCK 0 STREAMS s $",
        "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
        "XREADGROUP GROUP BLOCK c COUNT 1 NOACK block 60000 STREAMS s >",
        "WAIT 1 0",
        "WAITAOF 1 0 10000",
    ],
)
def test_a_command_that_would_wait_too_long_is_refused_with_one_that_runs(console, line):
    console.run("XGROUP CREATE s g $ MKSTREAM")

    with pytest.raises(CommandRefused) as caught:
        console.run(line)

    assert "The server is up; the command was not sent." in str(caught.value)
    shorter = caught.value.hint.removeprefix("Write a shorter timeout: ")
    assert str(LONGEST_WAIT_S) in shorter
    # It is let through; to see that at once, a transaction runs it without a wait.
    console.run("MULTI")
    assert console.run(shorter).output == "QUEUED" or "WAITAOF" in shorter
    console.run("DISCARD")


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("BLPOP q 0.01", "(nil)"),
        ("BLMOVE a b LEFT RIGHT 0.01", "(nil)"),
        ("BZMPOP 0.01 1 z MIN", "(nil)"),
        ("XREAD BLOCK 10 STREAMS s $", "(nil)"),
        ("XREADGROUP GROUP BLOCK 0 BLOCK 10 STREAMS s >", "(nil)"),
        ("XREAD STREAMS BLOCK 0", "(nil)"),
        ("WAIT 1 10", "(integer) 0"),
        ("BLPOP q 2.5", "(nil)"),
    ],
)
def test_a_command_that_waits_shortly_runs(console, line, output):
    console.run("XGROUP CREATE s BLOCK $ MKSTREAM")

    assert console.run(line).output == output


@pytest.mark.parametrize("timeout", ["inf", "nan", "-1", "1e400", "x", '""'])
def test_a_timeout_that_is_no_number_is_the_server_s_to_refuse(console, timeout):
    assert console.run(f"BLPOP q {timeout}").output.startswith("(error) ERR timeout")
