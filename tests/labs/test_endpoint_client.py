"""How each attempt of a flight recorder's client ends, against a server that plays a script: one
line for each connection.
"""

import contextlib
import socket
import struct
import threading

import pytest

from labs.clients.access import Access
from labs.clients.address import Address
from labs.setups.replication.workload import (
    ACKNOWLEDGED,
    NO_REPLICAS,
    OTHER_ERROR,
    READONLY,
    REFUSED,
    RESET,
    TIMED_OUT,
    Connection,
)

TIMEOUT_S = 0.2
LINGER = struct.Struct("=ii")
LET_IN = b"+OK\r\n"


class Scripted:
    """Answers the commands of each connection in turn; `resets` and `ends` close it, and at the
    end of its line it answers no more.
    """

    def __init__(self, *lines):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = Address(*self._listening.getsockname())
        self._open = []
        self._thread = threading.Thread(target=self._play, args=(lines,))
        self._thread.start()

    def _play(self, lines):
        for line in lines:
            connected, _ = self._listening.accept()
            self._open.append(connected)
            for answer in line:
                if answer != "resets at once" and not connected.recv(1_000):
                    break
                if answer in ("resets", "resets at once"):
                    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.pack(1, 0))
                    connected.close()
                elif answer == "ends":
                    connected.close()
                else:
                    connected.sendall(answer)

    def close(self):
        self._thread.join(5.0)
        for connected in (*self._open, self._listening):
            connected.close()


@contextlib.contextmanager
def asking(*lines):
    """A connection to a server that plays these lines."""
    server = Scripted(*lines)
    connection = Connection(server.address, Access("shop", "a password"))
    try:
        yield connection
    finally:
        connection.close()
        server.close()


@pytest.mark.parametrize(
    ("line", "ended_as"),
    [
        (["resets at once"], REFUSED),
        (["resets"], REFUSED),
        (["ends"], REFUSED),
        ([], TIMED_OUT),
        ([b"-WRONGPASS invalid username-password pair\r\n"], RESET),
        ([LET_IN], TIMED_OUT),
        ([LET_IN, "resets"], RESET),
        ([LET_IN, "ends"], RESET),
        ([LET_IN, b"-READONLY You can't write against a read only replica.\r\n"], READONLY),
    ],
)
def test_after_a_failure_that_breaks_it_the_next_attempt_makes_another_connection(line, ended_as):
    with asking(line, [LET_IN, b":1\r\n"]) as connection:
        assert connection.ask(TIMEOUT_S, "RPUSH", "list", 1) == (ended_as, None)
        assert not connection.connected

        assert connection.ask(5.0, "RPUSH", "list", 1) == (ACKNOWLEDGED, 1)


@pytest.mark.parametrize(
    ("error", "ended_as"),
    [
        (b"-NOREPLICAS Not enough good replicas to write.\r\n", NO_REPLICAS),
        (b"-OOM command not allowed\r\n", OTHER_ERROR),
    ],
)
def test_after_an_error_of_the_server_the_connection_is_used_again(error, ended_as):
    with asking([LET_IN, error, b":1\r\n"]) as connection:
        assert connection.ask(5.0, "RPUSH", "list", 1) == (ended_as, None)
        connected_at = connection.connected_at

        assert connection.ask(5.0, "RPUSH", "list", 1) == (ACKNOWLEDGED, 1)
        assert connection.connected_at == connected_at


def test_where_nothing_listens_the_connection_is_refused():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        connection = Connection(Address(*bound.getsockname()), Access("shop", "a password"))

        assert connection.ask(TIMEOUT_S, "PING") == (REFUSED, None)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one():
    with asking([LET_IN], [LET_IN, b":2\r\n"]) as connection:
        assert connection.ask(TIMEOUT_S, "LLEN", "list") == (TIMED_OUT, None)
        assert connection.ask(5.0, "LLEN", "list") == (ACKNOWLEDGED, 2)
