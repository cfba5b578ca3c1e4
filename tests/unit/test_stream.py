"""A connection that another thread closes while one reads: an error as of any lost connection."""

import socket
from contextlib import closing

import pytest

from labs.clients.address import Address, straight
from labs.clients.stream import Stream


class ClosedMeanwhile(socket.socket):
    """Its stream is closed, as by another thread, the first time that a reader sets its timeout."""

    stream: Stream | None = None

    def settimeout(self, value):
        super().settimeout(value)
        if self.stream is not None:
            stream, self.stream = self.stream, None
            stream.close()


class Made(Stream):
    """A stream over a socket that is there already."""

    def __init__(self, connected):
        super().__init__(straight(Address("127.0.0.1", 1)))
        self._made = connected

    def _open(self):
        self._socket = self._made


@pytest.fixture
def stream():
    here, there = socket.socketpair()
    with closing(there):
        connected = ClosedMeanwhile(fileno=here.detach())
        made = Made(connected)
        made.connect()
        connected.stream = made
        yield made
        made.close()


def test_a_read_of_a_connection_that_is_closed_meanwhile_is_an_os_error(stream):
    with pytest.raises(OSError, match="Bad file descriptor"), stream.within(5.0):
        stream.read()

    assert not stream.connected


def test_the_end_of_an_exchange_is_none(stream):
    with stream.within(5.0):
        pass

    assert not stream.connected
