"""The console of Postgres on a real server: what it bounds, what a learner may do to the own role,
and what it says of a session that has ended.
"""

import tracemalloc

import pytest

from labs.clients.postgres import connect
from labs.errors import BadInput, CommandRefused, ServerDown
from labs.sandbox.console import OUTPUT_LIMIT
from labs.sandbox.sql_console import SqlConsole
from tests.labs.conftest import databases
from tests.waiting import eventually


@pytest.fixture(scope="module")
def server(shop_template):
    """One for all tests of this file."""
    with databases(shop_template) as made:
        yield made


@pytest.fixture
def engine(server):
    return server[1]


@pytest.fixture
def console(engine):
    console = SqlConsole(engine.address, engine.access("learner"))
    yield console
    console.close()


def ended_by_the_server(engine, console):
    """End the console's session as an operator would; returns when the server has none of it."""
    with connect(
        host=str(engine.data), port=engine.address.port, user="lab_agent", timeout_s=5
    ) as agent:
        ours = "FROM pg_stat_activity WHERE usename = 'learner'"
        agent.execute(f"SELECT pg_terminate_backend(pid) {ours}".encode())
        eventually(lambda: agent.execute(f"SELECT 1 {ours}".encode()).fetchone() is None)


def test_an_open_transaction_is_in_the_prompt(console):
    assert console.run("select 1").prompt == ""
    assert console.run("begin").prompt == "=*"
    assert console.run("select 1").prompt == "=*"
    assert console.run("select nope").prompt == "=!"
    assert console.run("commit").output == "ROLLBACK"
    assert console.look() == ("", "")


def test_the_log_of_the_server_has_what_went_wrong_and_not_the_statement(server, console):
    rack, engine = server

    said = console.run("alter role missing password 's3cret'").output

    assert "does not exist" in said
    eventually(lambda: 'ERROR:  role "missing"' in rack.log(engine))
    assert "s3cret" not in rack.log(engine)


def test_a_commit_after_the_session_ended_is_not_run(engine, console):
    console.run("begin")
    console.run("update products set price = 1.23 where product_id = 42")
    ended_by_the_server(engine, console)

    answer = console.run("commit")

    assert answer.failed
    assert "COMMIT" not in answer.output
    assert "FATAL:  terminating connection due to administrator command" in answer.output
    assert "rolled back" in answer.notice
    assert "This command was not run." in answer.notice
    assert answer.prompt == ""
    again = console.run("select price from products where product_id = 42")
    assert "1.23" not in again.output
    assert again.notice == ""


def test_an_idle_transaction_that_the_server_ends_is_noticed_before_the_next_command(console):
    console.run("set idle_in_transaction_session_timeout = 100")
    console.run("begin")

    eventually(lambda: console.look().prompt == "")

    assert "rolled back" in console.look().why
    answer = console.run("commit")
    assert "idle-in-transaction timeout" in answer.output
    assert "was not run" in answer.notice


@pytest.mark.parametrize(
    "keeping",
    [
        "set search_path = pg_catalog",
        "prepare p as select 1",
        "listen a",
        "select pg_advisory_lock(1)",
        "select set_config('work_mem', '1MB', false)",
        "select 1; set work_mem = '1MB'",
        "/* */ set work_mem = '1MB'",
        "begin; declare c cursor with hold for select 1; commit",
    ],
)
def test_what_a_session_kept_is_never_lost_in_silence(engine, console, keeping):
    console.run(keeping)
    ended_by_the_server(engine, console)

    answer = console.run("update products set price = 2 where product_id = 43")

    assert answer.failed
    assert "UPDATE" not in answer.output
    assert "was not run" in answer.notice
    assert console.run("select 1").notice == ""


def test_a_session_without_anything_in_it_goes_on_with_a_notice(engine, console):
    console.run("select 1")
    ended_by_the_server(engine, console)

    answer = console.run("select 2")

    assert not answer.failed
    assert "Your session had ended" in answer.notice


def test_a_restart_and_a_closed_console_end_a_transaction_in_words(server, console):
    rack, engine = server
    console.run("begin")
    rack.kill(engine)
    rack.start(engine)
    restarted = console.run("commit")
    console.run("begin")
    console.close()
    closed = console.run("commit")

    for answer in (restarted, closed):
        assert answer.failed
        assert "rolled back" in answer.notice
        assert "was not run" in answer.notice


def test_a_command_that_ends_its_own_session_says_what_the_server_said(console):
    console.run("begin")

    answer = console.run("select pg_terminate_backend(pg_backend_pid())")

    assert answer.output == "FATAL:  terminating connection due to administrator command"
    assert "rolled back" in answer.notice
    assert console.run("select 1").output == " ?column? \n----------\n        1\n(1 row)"


def test_a_server_that_is_down_is_said_with_what_was_lost(server, console):
    rack, engine = server
    console.run("select 1")
    rack.kill(engine)

    with pytest.raises(ServerDown, match="does not answer"):
        console.run("select 1")

    rack.start(engine)
    assert not console.run("select 1").failed


def test_what_was_pasted_runs_as_it_was_pasted(console):
    answer = console.run("select price from shop.products -- all\nwhere product_id = 1;")

    assert answer.output.endswith("(1 row)")


@pytest.mark.parametrize(
    "command",
    [
        "select “name” from products",
        "select name from products where name = ‘x’",
        "select 5 –3 as difference",
        "select 1\u00a0x",
        "delete from products –– where product_id = 1",
        "select 1 /* “ */ , ‘x’",
    ],
)
def test_characters_of_a_word_processor_are_not_run(console, command):
    with pytest.raises(CommandRefused, match="word processor"):
        console.run(command)


def test_psql_s_own_commands_are_explained(console):
    with pytest.raises(CommandRefused, match="psql itself"):
        console.run("\\d products")
    with pytest.raises(BadInput):
        console.run(" ; ")


def test_statements_sent_together_are_undone_together_and_that_is_said(console):
    answer = console.run("insert into categories values (901, 'x'); select nope")

    assert "one transaction" in answer.notice
    assert console.run("select * from categories where category_id = 901").output.endswith(
        "(0 rows)"
    )


def test_what_is_not_shown_is_counted(console):
    answer = console.run("select * from products; select 1; table customers")

    assert answer.cut
    assert "500 of 2,000 rows are shown." in answer.notice
    assert "Result 3:" in answer.notice
    assert "of 2,000 rows are shown." in answer.notice
    assert "(2000 rows)" in answer.output
    assert len(answer.output) <= OUTPUT_LIMIT


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("select repeat('x', 1000000) from generate_series(1, 100)", "of 100 rows are shown"),
        (
            "select " + ", ".join(["repeat('x', 10000)"] * 1_600) + " from generate_series(1, 5)",
            "100 of 1,600 columns are shown",
        ),
        (
            "listen a; select pg_notify('a', n::text) from generate_series(1, 20000) n",
            "20 of 20,000 notifications are shown",
        ),
        (
            "copy (select repeat('x', 100000) from generate_series(1, 1000)) to stdout",
            "0 of 1,000 rows are shown",
        ),
        (
            "copy (select n from generate_series(1, 20000) n) to stdout",
            "500 of 20,000 rows are shown",
        ),
        ("select repeat('x', 40000000)", "Long values are cut"),
        ("select " + "; select ".join(["repeat('x', 9000)"] * 200), "More results are cut"),
    ],
    ids=["rows", "columns", "notifications", "copied-bytes", "copied-rows", "value", "results"],
)
def test_memory_stays_bounded_whatever_the_server_sends(console, command, said):
    console.run("select 1")
    tracemalloc.start()

    answer = console.run(command)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not answer.failed, answer.output
    assert said in answer.notice
    assert len(answer.output) <= OUTPUT_LIMIT
    assert most < 16 * 2**20
    assert not console.run("select 1").failed


LOCKS_NOBODY_OUT = [
    "alter role learner password 'x'",
    "alter role learner password null",
    "alter role learner set local_preload_libraries = 'nope'",
    "alter role learner set idle_session_timeout = 1",
    "alter role learner set statement_timeout = 1",
    "alter role learner set client_encoding = 'SQL_ASCII'",
    "alter role learner set search_path = nope",
    "alter role learner set default_transaction_read_only = on",
    "alter role learner set idle_in_transaction_session_timeout = 1",
    "alter role learner set lock_timeout = 1",
    "alter role learner set role = 'lab_agent'",
    "alter role learner set session_authorization = 'lab_agent'",
    "alter role learner set application_name = 'x'",
    "alter role learner reset all",
    "drop owned by learner",
]
REFUSED = [
    "alter role learner nologin",
    "alter role learner valid until 'yesterday'",
    "alter role learner connection limit 0",
    "alter role learner rename to x",
    "drop role learner",
    "alter role learner in database shop set jit = on; alter database shop connection limit 0",
    "alter database shop set statement_timeout = 1",
    "set role shop_app",
    "set session authorization shop_app",
    "revoke connect on database shop from public",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'shop_app'",
    "alter table products owner to shop_app",
    "reassign owned by learner to shop_app",
]


@pytest.fixture
def own_engine(shop_template):
    """A database of one test's own, to be broken."""
    with databases(shop_template) as (_, engine):
        yield engine


def test_nothing_that_a_learner_does_to_the_own_role_locks_it_out(own_engine):
    for command in LOCKS_NOBODY_OUT:
        console = SqlConsole(own_engine.address, own_engine.access("learner"))
        done = console.run(command)
        console.close()
        console.run("select 1")

        after = console.run("select 1 as one")

        console.close()
        assert after.output.startswith(" one \n"), (command, done.output, after)


@pytest.mark.parametrize("command", REFUSED)
def test_what_would_lock_others_out_is_refused_by_rights(console, command):
    answer = console.run(command)

    nothing = "(0 rows)" in answer.output or "no privileges could be revoked" in answer.output
    assert answer.failed or nothing, answer.output


@pytest.mark.parametrize(
    "command",
    ["drop schema shop cascade", "drop table products", "drop owned by learner"],
)
def test_breaking_the_shop_is_allowed_and_said(own_engine, command):
    console = SqlConsole(own_engine.address, own_engine.access("learner"))

    answer = console.run(command)

    console.close()
    assert not answer.failed
    assert "Start afresh brings everything back" in answer.notice


@pytest.mark.parametrize(
    "command", ["drop table if exists nope", "create table shop.own (a int); drop table own"]
)
def test_a_table_of_the_learner_s_own_is_dropped_without_a_word(console, command):
    assert console.run(command).notice == ""
