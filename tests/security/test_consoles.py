"""What a learner types into a console, meaning harm: the server refuses it, or the console does,
and the sandbox lives on.
"""

import re
import time
import unicodedata
from pathlib import Path

import pytest

from labs.errors import BadInput, CommandRefused, LabsError

pytestmark = pytest.mark.parametrize("supervisor", ["cage"], indirect=True)


def refused(sandbox, server, command):
    """True if it was not run, whoever said so."""
    try:
        return sandbox.console(server, command)["failed"]
    except (CommandRefused, BadInput):
        return True


SQL = """
COPY shop.products TO PROGRAM 'id'
/**/COPY shop.products TO '/tmp/x'
SELECT 1; COPY shop.products TO PROGRAM 'id'
SELECT 1; COPY shop.products FROM STDIN
SELECT pg_read_file('/proc/self/environ')
SELECT pg_read_binary_file('postgresql.conf')
SELECT pg_ls_dir('/')
SELECT pg_stat_file('/usr')
SELECT lo_import('/usr/bin/id')
SELECT lo_export(1, '/tmp/x')
CREATE EXTENSION dblink
CREATE EXTENSION file_fdw
CREATE EXTENSION hstore
CREATE EXTENSION plpgsql
DO $$ BEGIN LOOP END LOOP; END $$
LOAD '/tmp/x.so'
LOAD '$libdir/plugins/x'
CREATE FUNCTION shop.f() RETURNS int LANGUAGE c AS '/tmp/x.so', 'f'
CREATE FUNCTION shop.f() RETURNS int LANGUAGE internal AS 'pg_reload_conf'
ALTER SYSTEM SET archive_command = 'id'
SET ROLE lab_agent
SET SESSION AUTHORIZATION lab_agent
CREATE ROLE x SUPERUSER
ALTER ROLE learner SUPERUSER
ALTER ROLE shop_app PASSWORD 'x'
GRANT lab_agent TO learner
GRANT pg_execute_server_program TO learner
GRANT pg_read_server_files TO learner
CREATE TABLE public.x (a int)
CREATE TEMP TABLE x (a int)
CREATE SCHEMA x
CREATE DATABASE x
CREATE TABLESPACE x LOCATION '/tmp'
CREATE PUBLICATION p
CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p
CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION shop.f()
SELECT * FROM pg_authid
SELECT * FROM pg_shadow
SELECT pg_reload_conf()
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lab_agent'
SELECT public.pg_stat_statements_reset()
SHOW data_directory
SHOW hba_file
SET temp_file_limit = -1
SET log_statement = 'all'
SET session_preload_libraries = 'x'
CHECKPOINT
SELECT pg_switch_wal()
SELECT repeat('x', 300000000)
SELECT array_fill(1, ARRAY[100000000])
SELECT count(*) FROM (SELECT n FROM generate_series(1, 100000000) n ORDER BY random()) x
""".strip().splitlines()

REDIS = """
CONFIG SET dir /tmp
cOnFiG GET *
CONFIG SET dbfilename x
CONFIG REWRITE
MODULE LOAD /tmp/x.so
'SUBSCRIBE news'
DEBUG SLEEP 10
DEBUG SEGFAULT
SHUTDOWN NOSAVE
SAVE
BGSAVE
BGREWRITEAOF
REPLICAOF 127.0.0.1 1
SLAVEOF 127.0.0.1 1
FAILOVER
SYNC
PSYNC ? -1
MIGRATE 127.0.0.1 1 k 0 1
RESTORE k 0 x
CLUSTER MEET 127.0.0.1 1
ACL LIST
ACL SETUSER learner +@all
ACL SETUSER default on nopass +@all
ACL LOAD
MONITOR
EVAL 'while true do end' 0
EVAL_RO 'return 1' 0
EVALSHA x 0
SCRIPT LOAD 'return 1'
FUNCTION LOAD '#!lua name=x'
FCALL x 0
CLIENT KILL TYPE normal
CLIENT PAUSE 10000
CLIENT REPLY OFF
CLIENT NO-EVICT on
SUBSCRIBE x
BLPOP x 0
XREAD BLOCK 0 STREAMS x $
WAIT 1 0
HELLO 3 AUTH labctl x
AUTH labctl x
RESET
UNSUBSCRIBE x
MONITOR
PFDEBUG GETREG x
SETRANGE big 536870000 x
SETBIT big 4294967295 1
""".strip().splitlines()

MEMCACHED = """
watch
shutdown
quit
verbosity 5
debugtime p
extstore free_memchunks 0 1
refresh_certs
misbehave
lru_crawler_x
cache_memlimit 4096
cache_memlimit 0
cache_memlimit 65 noreply
set a 0 0
set a 0 4294967296 1
""".strip().splitlines()


@pytest.mark.parametrize("statement", SQL)
def test_postgres_gives_a_learner_nothing_of_the_machine(opened, statement):
    assert refused(opened, "database", statement)
    assert opened.console("database", "SELECT 42")["output"].split("\n")[2].strip() == "42"


@pytest.mark.parametrize("command", REDIS)
def test_redis_gives_a_learner_nothing_of_the_machine(opened, command):
    assert refused(opened, "cache", command)
    assert opened.console("cache", "PING")["output"] == "PONG"


@pytest.mark.parametrize("command", MEMCACHED)
def test_memcached_gets_no_command_that_it_should_not(neighbour, command):
    assert refused(neighbour, "cache", command)


@pytest.mark.parametrize(
    "first",
    [
        f"set {'k' * 251} 0 0",
        "set k 99999999999999999999 0",
        "set k 0 99999999999999999999",
        "set k 0 -99999999999999999999",
        "add k 0 x",
        "cas k 0 0 x",
        "cas k 0 0 99999999999999999999",
    ],
)
def test_a_value_never_becomes_a_command(neighbour, first):
    """Memcached takes what follows a line that it refuses for the next command: the value,
    there.
    """
    before = neighbour.console("cache", "stats settings")["output"]

    for command in (f"{first} cache_memlimit 64", f"{first} 17\ncache_memlimit 64"):
        assert refused(neighbour, "cache", command)

    assert (
        neighbour.console("cache", "stats settings")["output"].split("\n")[0]
        == before.split("\n")[0]
    )


@pytest.mark.parametrize(
    "line",
    [
        "get a\rshutdown",
        "get a\x00",
        "get a\x85shutdown\x00",
        "get a\u2028shutdown\x1b",
        "x" * 3_000,
    ],
)
def test_one_line_is_one_command(neighbour, line):
    with pytest.raises(BadInput):
        neighbour.console("cache", line)


def test_each_of_several_lines_passes_the_same_wall(neighbour):
    answer = neighbour.console("cache", "version\nshutdown")

    assert "shutdown is not run in this console" in answer["output"]
    assert neighbour.console("cache", "version")["output"].startswith("VERSION")


def test_a_statement_that_runs_into_the_limit_of_the_console_says_whose_it_is(opened):
    answer = opened.console("database", "SELECT pg_sleep(20)")

    assert answer["output"] == "ERROR:  canceling statement due to statement timeout"
    assert "This console cancels a statement after 7" in answer["notice"]


def test_a_timeout_of_the_learners_own_is_not_the_consoles(opened):
    opened.console("database", "SET statement_timeout = 50")

    answer = opened.console("database", "SELECT pg_sleep(20)")

    assert answer["output"] == "ERROR:  canceling statement due to statement timeout"
    assert "This console" not in answer["notice"]


def test_a_statement_that_switched_its_timeout_off_ends_all_the_same(opened):
    opened.console("database", "SET statement_timeout = 0")

    answer = opened.console(
        "database",
        "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
    )

    assert answer["output"] == "ERROR:  canceling statement due to user request"
    assert "This console cancels a statement after 7" in answer["notice"]
    assert "0" in opened.console("database", "SHOW statement_timeout")["output"]
    end = time.monotonic() + 5
    while "generate_series" in (
        running := opened.console(
            "database",
            "SELECT string_agg(query, ';') FROM pg_stat_activity WHERE state = 'active' AND pid "
            "<> pg_backend_pid()",
        )["output"]
    ):
        assert time.monotonic() < end, running
        time.sleep(0.05)  # a sandbox that says too much in a second is ended


def test_what_a_server_answers_is_cut_before_it_leaves_the_sandbox(opened):
    opened.console("cache", "SETRANGE big 8000000 x")

    for server, command in (
        ("cache", "GET big"),
        ("database", "SELECT repeat('x', 1000), n FROM generate_series(1, 20000) n"),
    ):
        answer = opened.console(server, command)

        assert answer["cut"]
        assert len(answer["output"]) <= 64 * 1024


@pytest.mark.parametrize(
    "command",
    [
        "SELECT repeat('x', 1000000) FROM generate_series(1, 200)",
        "SELECT repeat('x', 80000000)",
        "SELECT " + ", ".join(["repeat('x', 10000)"] * 1_600) + " FROM generate_series(1, 10)",
        "LISTEN a; SELECT pg_notify('a', n::text) FROM generate_series(1, 20000) n",
        "COPY (SELECT repeat('x', 1000000) FROM generate_series(1, 200)) TO STDOUT",
        "SELECT repeat('x', 1000000)::int",
    ],
    ids=["rows", "value", "columns", "notifications", "copy", "error"],
)
def test_a_sandbox_lives_on_whatever_its_database_sends(opened, command):
    opened.console("database", "SELECT 1")
    before = most_resident(opened)

    answer = opened.console("database", command)

    assert answer["notice"] or answer["failed"]
    assert len(answer["output"]) <= 64 * 1024
    assert most_resident(opened) < before + 48 * 2**20
    assert not opened.console("database", "SELECT 1")["failed"]


def most_resident(sandbox):
    """The most memory that the agent has had in use at once, by the kernel's own mark."""
    (agent,) = [process for process in sandbox.inside if process.name() == "cg-agent"][:1]
    status = Path(f"/proc/{agent.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


@pytest.mark.parametrize(
    ("server", "put", "get"),
    [
        ("cache", r'SET evil "\x1b[2J\x00\x9b\xe2\x80\xae"', "GET evil"),
        ("cache", r'SET evil "\x1b[2J"', r'"nosuch\x1b\xe2\x80\xae"'),
        ("database", "SELECT 1", "SELECT E'\\x1b[2J' || chr(8238) || chr(155) || chr(13)"),
        ("database", "SELECT 1", 'SELECT 1 AS "\u202e\x1b"'),
    ],
)
def test_no_control_character_comes_out_of_a_console(opened, server, put, get):
    opened.console(server, put)

    answer = opened.console(server, get)

    assert answer["output"]
    assert not [
        letter
        for letter in answer["output"]
        if letter != "\n" and unicodedata.category(letter) in ("Cc", "Cf")
    ]


def test_a_real_server_s_commands_complete(opened):
    found = opened.supervisor.call(opened.id, "complete", server="cache", text="GE")

    assert {"GET", "GETEX", "GEOADD"} <= set(found["options"])


def test_a_reply_without_end_ends_the_connection_and_not_the_server(opened):
    opened.console("cache", "SADD several 1")

    with pytest.raises(LabsError):
        opened.console("cache", "SRANDMEMBER several -100000000")

    assert opened.console("cache", "PING")["output"] == "PONG"


def test_a_servers_memory_is_bounded_whatever_is_asked_of_it(opened):
    """Refused by Postgres itself, which lives on: a larger address space it does not have."""
    opened.console("database", "SET work_mem = '2000GB'")

    answer = opened.console(
        "database",
        "SELECT count(*) FROM (SELECT array_agg(repeat('x', 1000) || n) FROM generate_series(1, "
        "10000000) n) x",
    )

    assert "out of memory" in answer["output"]
    assert not opened.console("database", "SELECT 1")["failed"]
