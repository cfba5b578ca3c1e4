"""The console of a Memcached on a real server: it answers as a session of the protocol does, and
what it shows is safe.
"""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime

import pytest

from labs.errors import BadInput, CommandRefused, ServerDown
from labs.sandbox.console import COMMAND_LIMIT, OUTPUT_LIMIT
from labs.sandbox.memcached_lines import about_exptime
from tests.waiting import eventually


def test_a_unix_time_is_taken_and_explained(memcached_console, memcached):
    answer = memcached_console.run("set k 0 1893456000 1\nx")

    assert answer.output == "STORED"
    assert answer.notice == (
        "An exptime above 2,592,000 (30 days) is a Unix time: 2030-01-01 00:00:00 UTC."
    )
    assert memcached.item("k")[1] == pytest.approx(1_893_456_000 - time.time(), abs=60)
    assert "2030-01-01" in memcached_console.run("touch k 1893456000").notice
    assert "2030-01-01" in memcached_console.run("gat 1893456000 k").notice
    assert "2030-01-01" in memcached_console.run("ms k 1 T1893456000\nx").notice


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"0", ""),
        (b"2592000", ""),
        (b"2592001", "1970-01-31 00:00:01 UTC. That is over, so the item expires at once."),
        (b"1893456000", "is a Unix time: 2030-01-01 00:00:00 UTC."),
        (b"-1", "A negative exptime: the item expires at once."),
        (b"x", ""),
    ],
)
def test_what_an_expiration_time_means_is_said(typed, said):
    now = datetime(2026, 11, 27, tzinfo=UTC).timestamp()

    assert about_exptime(typed, now).endswith(said)
    assert bool(about_exptime(typed, now)) is bool(said)


def test_a_command_alone_waits_for_its_value(memcached_console):
    first = memcached_console.run("set k 0 0 4")
    assert (first.output, first.failed, first.prompt) == ("", False, "(4 bytes)")
    assert first.notice == ("Memcached waits for 4 bytes of the value: type them on the next line.")

    second = memcached_console.run("a  b")

    assert (second.output, second.prompt) == ("STORED", "")
    assert memcached_console.run("get k").output == "VALUE k 0 4\na  b\nEND"


def test_a_value_may_have_line_ends(memcached_console, memcached):
    assert memcached_console.run("set k 0 0 5\nab\n\nc").output == "STORED"
    assert memcached.item("k")[0] == "ab\n\nc"

    answer = memcached_console.run("set k 0 0 6\r\nab\r\ncd")

    assert answer.output == "STORED"
    assert answer.notice == "Each line end in the value is two bytes."
    assert memcached.item("k")[0] == "ab\r\ncd"
    assert memcached_console.run("get k").output == "VALUE k 0 6\nab\\r\ncd\nEND"


def test_a_value_looks_like_an_answer_and_is_shown_whole(memcached_console):
    value = "END\nMN\nVALUE k 0 100\nERROR"

    memcached_console.run(f"set k 0 0 {len(value)}\n{value}")
    answer = memcached_console.run("get k k")

    block = f"VALUE k 0 {len(value)}\n{value}"
    assert answer.output == f"{block}\n{block}\nEND"
    assert not answer.failed


@pytest.mark.parametrize(
    ("command", "stored"),
    [
        ("set k 0 0 4 a  b", "a  b"),
        ("set k 0 0 5  a b ", " a b "),
        ('set k 0 0 "a b"', '"a b"'),
        ("set k 0 0 hello", "hello"),
        ("set k 0 0 hello  world ", "hello  world "),
        ("set k 0 60 é", "é"),
        ("set k 0 0 2 10", "10"),
    ],
)
def test_a_value_on_the_line_of_its_command_is_kept_byte_for_byte(
    memcached_console, memcached, command, stored
):
    answer = memcached_console.run(command)

    assert answer.output == "STORED"
    assert memcached.item("k")[0] == stored


def test_escapes_are_bytes_where_the_number_says_so(memcached_console, memcached):
    literal = memcached_console.run("set k 0 0 8\n\\x00\\xff")
    assert (literal.output, literal.notice) == ("STORED", "")
    assert memcached_console.run("get k").output == "VALUE k 0 8\n\\x00\\xff\nEND"

    escaped = memcached_console.run("set k 0 0 2\n\\x00\\xff")

    assert escaped.output == "STORED"
    assert escaped.notice == "Each escape in the value, such as \\x00, is one byte."
    answer = memcached_console.run("get k")
    assert answer.output == "VALUE k 0 2\n\\x00\\xff\nEND"
    assert answer.notice == "Bytes that can't be shown are written as escapes, such as \\x00."
    assert memcached_console.run("set k 0 0 4 \\t\\x1b[m").output == "STORED"
    assert memcached_console.run("get k").output == "VALUE k 0 4\n\\t\\x1b[m\nEND"


def test_what_is_shown_has_no_control_character(memcached_console, memcached_session):
    memcached_session("set k 0 0 8\n\x00\x07\x1b[31m\x7f")

    text = memcached_console.run("get k").output

    assert "\\x00\\a\\x1b[31m\\x7f" in text
    assert all(character == "\n" or character.isprintable() for character in text)


def test_nothing_is_shown_where_nothing_is_answered(memcached_console):
    answer = memcached_console.run("set k 0 0 1 noreply\nx")

    assert (answer.output, answer.failed) == ("", False)
    assert answer.notice == "Memcached answers nothing to this."
    assert memcached_console.run("get k").output == "VALUE k 0 1\nx\nEND"


def test_a_value_that_is_too_long_is_refused_and_never_a_command(memcached_console):
    memcached_console.run("set k 0 0 1\na")

    answer = memcached_console.run("set k 0 0 2\nabflush_all")

    assert answer.output == "CLIENT_ERROR bad data chunk"
    assert answer.notice == "The value has 11 bytes, and the command says 2."
    one_more = memcached_console.run("set j 0 0 2 abc")
    assert one_more.output == "CLIENT_ERROR bad data chunk"
    assert memcached_console.run("get j").output == "END"


def test_a_value_that_is_too_large_is_refused_by_the_server(memcached_console):
    answer = memcached_console.run("set k 0 0 1048577")

    assert answer.output == "SERVER_ERROR object too large for cache"
    assert answer.failed
    assert "The server reads the 1,048,577 bytes first" in answer.notice
    with pytest.raises(BadInput, match="65,536 bytes at most"):
        memcached_console.run(f"set k 0 0 {COMMAND_LIMIT + 1}")


@pytest.mark.parametrize(
    "command",
    [
        "set k 4294967296 0 1\nx",
        "set k 0 2147483648 1\nx",
        "set k 0 -2147483649 1\nx",
        "set k 0 0 9999999999",
        "get a\x00",
        "get a\tb",
        "cas k 0 0 x a\rshutdown",
        "x" * 3_000,
        "cache_memlimit 4096",
        "cache_memlimit 08x",
        "set k 0 0 3 ab",
    ],
)
def test_what_no_server_takes_as_it_was_meant_is_refused_in_words(memcached_console, command):
    with pytest.raises(BadInput):
        memcached_console.run(command)

    assert memcached_console.run("get k").prompt == ""


@pytest.mark.parametrize("command", ["shutdown", "watch", "quit", "verbosity 2", "debugtime p"])
def test_what_would_end_or_flood_the_session_is_refused_with_the_reason(memcached_console, command):
    with pytest.raises(CommandRefused, match=f"^{command.split(' ')[0]} "):
        memcached_console.run(command)


def test_a_command_in_capitals_is_none_and_the_reason_is_said(memcached_console):
    answer = memcached_console.run("GET k")

    assert answer.output == "ERROR"
    assert answer.failed
    assert answer.notice == "Memcached's commands are in lower case."


def test_several_lines_are_several_commands(memcached_console):
    answer = memcached_console.run("set a 0 0 1\nx\nget a\nGET a\nset b 0 0 3")

    assert answer.output == "STORED\nVALUE a 0 1\nx\nEND\nERROR"
    assert answer.prompt == "(3 bytes)"
    assert memcached_console.run("abc").output == "STORED"


def test_no_more_than_twenty_commands_run_together(memcached_console):
    answer = memcached_console.run("set n 0 0 1\n0\n" + "incr n 1\n" * 24 + "get n")

    assert answer.output.split("\n")[-1] == "19"
    assert "6 lines were not run" in answer.notice


def test_a_line_that_is_refused_ends_what_comes_after_it(memcached_console):
    answer = memcached_console.run("set a 0 0 1\nx\nshutdown\nflush_all\nversion")

    assert answer.output.startswith("STORED\nshutdown is not run in this console")
    assert answer.notice == "2 lines were not run."
    assert memcached_console.run("get a").output == "VALUE a 0 1\nx\nEND"


def test_the_value_of_a_command_that_is_refused_is_not_run(memcached_console, memcached_session):
    answer = memcached_console.run("set k x 0 17\ncache_memlimit 64")

    assert answer.output == "CLIENT_ERROR bad command line format"
    assert answer.notice == "The line after it was not run."
    assert b"maxbytes 33554432" in memcached_session("stats settings")


def test_a_long_answer_is_cut_and_says_how_long_it_is(memcached_console):
    value = "x" * 60_000
    memcached_console.run(f"set k 0 0 {len(value)}\n{value}")

    answer = memcached_console.run("get k k k")

    assert answer.cut
    assert len(answer.output) == OUTPUT_LIMIT
    total = 3 * len(f"VALUE k 0 60000\r\n{value}\r\n") + len("END\r\n")
    assert answer.notice == (f"The first {OUTPUT_LIMIT:,} characters of {total:,} bytes are shown.")


def test_a_list_of_many_keys_is_whole(memcached_console, memcached):
    for number in range(300):
        memcached_console.run(f"set key-{number} 0 0 x")

    answer = memcached_console.run("lru_crawler metadump all")

    assert len(answer.output.splitlines()) == 301
    assert answer.output.endswith("\nEND")


def test_each_cause_of_no_answer_has_its_sentence(memcached, memcached_console, rack):
    process = rack.processes["cache"]
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(ServerDown, match="did not answer within 2 seconds"):
        memcached_console.run("version")
    process.send_signal(signal.SIGCONT)
    eventually(lambda: memcached_console.run("version").output == "VERSION " + memcached.ready())

    rack.kill(memcached)
    with pytest.raises(ServerDown, match="refuses the connection: no server runs there"):
        memcached_console.run("version")

    rack.start(memcached)
    assert memcached_console.run("get k").output == "END"


def test_a_server_that_goes_while_it_waits_for_a_value_ends_the_wait(
    memcached, memcached_console, rack
):
    memcached_console.run("set k 0 0 1")
    rack.kill(memcached)

    answer = memcached_console.run("x")

    assert answer.failed
    assert "refuses the connection" in answer.output
    assert answer.prompt == ""
    rack.start(memcached)
    assert memcached_console.run("get k").output == "END"


def test_a_reset_forgets_what_it_waited_for(memcached_console):
    memcached_console.run("set k 0 0 5")
    memcached_console.close()

    assert memcached_console.run("get k").output == "END"


def test_it_completes_the_commands_of_memcached(memcached_console):
    assert memcached_console.complete("ge") == ["get", "gets"]
    assert {"ms", "mg", "md", "ma", "mn"} <= set(memcached_console.complete("m"))
