"""The console of Postgres before a server that was taken over: whatever it sends ends the session
and nothing else.
"""

import contextlib
import socket
import struct
import threading

import pytest

from labs.clients.access import Access
from labs.clients.address import Address
from labs.clients.sql_session import SqlSession
from labs.errors import ServerDown
from labs.sandbox.sql_console import SqlConsole
from tests.waiting import WITHIN_S


def packed(letter, body):
    return letter + struct.pack("!i", len(body) + 4) + body


GREETING = packed(b"R", bytes(4)) + packed(b"K", bytes(8)) + packed(b"Z", b"I")


@pytest.fixture
def console(tmp_path):
    """A console of a server that greets, and answers each command with the same bytes."""

    def of(answer, greeting=GREETING):
        path = str(tmp_path / "socket")
        listening = socket.socket(socket.AF_UNIX)
        opened.enter_context(listening)
        listening.bind(path)
        listening.listen()
        thread = threading.Thread(target=serve, args=(listening, greeting, answer))
        thread.start()
        opened.callback(thread.join, 5)
        opened.callback(listening.shutdown, socket.SHUT_RDWR)
        made = SqlConsole(Address("127.0.0.1", 1), Access("learner", socket=path))
        opened.callback(made.close)
        return made

    with contextlib.ExitStack() as opened:
        yield of


def serve(listening, greeting, answer):
    with contextlib.suppress(OSError):
        while True:
            client, _ = listening.accept()
            with client, contextlib.suppress(OSError):
                client.recv(65_536)
                client.sendall(greeting)
                if client.recv(65_536):
                    client.sendall(answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"D" + struct.pack("!i", 3),
        b"T" + struct.pack("!i", -5),
        packed(b"T", b""),
        packed(b"T", struct.pack("!h", 2) + b"no zero byte"),
        packed(b"A", b"x"),
        packed(b"A", bytes(4) + b"no zero byte"),
        packed(b"E", b"SERROR\0MWrong\0Pnowhere\0\0"),
        packed(b"T", struct.pack("!h", 1) + b"a\0" + bytes(18)) + b"D\x7f\xff\xff\xff\0\1",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_none_ends_the_session(console, answer):
    answered = console(answer).run("select 1")

    assert answered.failed
    assert "look before you repeat it" in answered.notice


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"R" + struct.pack("!i", 1)])
def test_a_greeting_that_is_none_is_a_server_that_is_down(console, greeting):
    with pytest.raises(ServerDown):
        console(b"", greeting).run("select 1")


def test_a_role_that_may_not_log_in_reads_what_the_server_said(console):
    refusal = packed(b"E", b"SFATAL\0VFATAL\0Mtoo many connections\0\0")

    assert console(b"", refusal).run("select 1").output == "FATAL:  too many connections"


def test_control_characters_of_a_server_are_escaped(console):
    notice = packed(b"N", b"SNOTICE\0VNOTICE\0Ma\x1b[31mb\x9b\0\0")
    done = notice + packed(b"C", b"SELECT\x1b 1\0") + packed(b"Z", b"I")

    output = console(done).run("select 1").output

    assert "\x1b" not in output
    assert "a\\x1B[31mb" in output


def test_a_cancel_waits_for_a_paused_server_by_a_timeout_of_its_own(tmp_path):
    """The kernel accepts the connection, and the statement may run for longer."""
    path = str(tmp_path / "socket")
    address, access = Address("127.0.0.1", 1), Access("learner", socket=path)
    with socket.socket(socket.AF_UNIX) as paused:
        paused.bind(path)
        paused.listen()
        session = SqlSession(address, access, settings={}, connect_timeout_s=10 * WITHIN_S)
        with session.within(10 * WITHIN_S):
            thread = threading.Thread(target=session.cancel, daemon=True)
            thread.start()
            thread.join(WITHIN_S)

            assert not thread.is_alive()
