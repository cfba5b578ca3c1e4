"""The consoles of an open sandbox: what they hold open is an event, pasted lines are commands."""

import pytest

from labs.errors import BadInput
from tests.sandboxes import Opened
from tests.waiting import eventually


@pytest.fixture(scope="module")
def sandbox(supervisor):
    opened = Opened(supervisor, "cache-aside")
    yield opened
    opened.end()


def run(sandbox, command, server="database"):
    return sandbox.call("console", server=server, command=command)


def held(sandbox):
    """The newest event of a console."""
    return [event for event in sandbox.told if event.type == "console-changed"][-1]


def begun(sandbox):
    """A transaction that is open, with a change of a price in it."""
    assert run(sandbox, "begin")["prompt"] == "=*"
    run(sandbox, "update products set price = 1.23 where product_id = 42")
    eventually(lambda: held(sandbox).holds == "an open transaction")


def is_lost(sandbox):
    """True if the next command says that the transaction is gone, and was not run."""
    answer = run(sandbox, "commit")
    lost = answer["failed"] and "rolled back" in answer["notice"] and "not run" in answer["notice"]
    return lost and "COMMIT" not in answer["output"] and answer["prompt"] == ""


def test_an_open_transaction_is_said_and_its_end(sandbox):
    begun(sandbox)
    since = held(sandbox).since

    run(sandbox, "select nope")
    failed = eventually(lambda: held(sandbox) if held(sandbox).prompt == "=!" else None)
    run(sandbox, "rollback")

    assert since > 0
    assert failed.holds == "a failed transaction that is still open"
    ended = eventually(lambda: held(sandbox) if not held(sandbox).holds else None)
    assert (ended.prompt, ended.why, ended.sentence) == ("", "", "")


def test_a_transaction_that_the_server_ended_is_noticed_without_a_command(sandbox):
    run(sandbox, "set idle_in_transaction_session_timeout = 200")
    begun(sandbox)

    ended = eventually(lambda: held(sandbox) if not held(sandbox).holds else None)

    assert "rolled back" in ended.sentence
    assert is_lost(sandbox)


@pytest.mark.parametrize("verb", ["restart", "kill"])
def test_a_transaction_that_ended_with_its_server_is_never_committed_in_words(sandbox, verb):
    begun(sandbox)

    sandbox.server(verb, "database")
    if verb == "kill":
        sandbox.server("restart", "database")

    assert is_lost(sandbox)
    eventually(lambda: not held(sandbox).holds)
    assert not run(sandbox, "select 1")["failed"]


def test_a_reset_ends_a_transaction_and_says_so(sandbox):
    begun(sandbox)

    sandbox.call("reset")

    assert "rolled back" in held(sandbox).why
    assert is_lost(sandbox)
    assert "1.23" not in sandbox.console(
        "database", "select price from products where product_id = 42"
    )


def test_a_reset_mends_what_a_learner_broke(sandbox):
    for command in (
        "alter role learner password 'x'",
        "alter role learner set search_path = nope",
        "alter role learner set default_transaction_read_only = on",
        "select pg_terminate_backend(pg_backend_pid())",
    ):
        run(sandbox, command)
    assert run(sandbox, "select count(*) from products")["failed"]
    assert run(sandbox, "drop owned by learner")["failed"]
    run(sandbox, "begin read write; drop owned by learner; commit")

    sandbox.call("reset")

    run(sandbox, "select 1")
    assert not run(sandbox, "update products set price = 5 where product_id = 42")["failed"]


def parts(sandbox, command, server="cache"):
    """The commands of a pasted text, each with what was printed and said."""
    answer = run(sandbox, command, server=server)
    return [(piece, part["output"] or part["notice"]) for piece, part in answer["parts"]]


def test_pasted_lines_are_commands_and_each_is_answered(sandbox):
    assert parts(sandbox, "SET pasted 1\nINCR pasted\n\nHGET pasted\nINCR pasted\n") == [
        ("SET pasted 1", "OK"),
        ("INCR pasted", "(integer) 2"),
        ("HGET pasted", "(error) ERR wrong number of arguments for 'hget' command"),
        ("INCR pasted", "(integer) 3"),
    ]


def test_a_command_that_this_console_refuses_keeps_no_other_from_running(sandbox):
    found = parts(sandbox, "SUBSCRIBE news\nSET pasted 5\nGET pasted")

    assert "SUBSCRIBE is not run" in found[0][1]
    assert found[1:] == [("SET pasted 5", "OK"), ("GET pasted", '"5"')]


def test_too_many_pasted_lines_are_not_run_at_all(sandbox):
    with pytest.raises(BadInput, match="nothing was run"):
        run(sandbox, "\n".join(["INCR never"] * 21), server="cache")

    assert sandbox.console("cache", "GET never") == "(nil)"


def test_lines_after_one_without_an_answer_are_not_sent(sandbox):
    sandbox.server("pause", "cache")
    found = parts(sandbox, "PING\nSET late 1\nSET late 2")
    sandbox.server("resume", "cache")

    assert "it is paused" in found[0][1]
    assert found[1:] == [
        ("SET late 1", "This command was not sent."),
        ("SET late 2", "This command was not sent."),
    ]
    assert sandbox.console("cache", "GET late") == "(nil)"


def test_pasted_lines_together_print_no_more_than_one(sandbox):
    sandbox.console("cache", f"SET big {'x' * 50_000}")

    answer = run(sandbox, "\n".join(["GET big"] * 20), server="cache")

    assert sum(len(part["output"]) for _, part in answer["parts"]) <= 64 * 1024
    assert all("characters are shown" in part["notice"] for _, part in answer["parts"])
