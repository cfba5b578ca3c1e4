"""Listeners with real sockets: which caller takes which path, what is cut one way only, where an
endpoint leads, and what a lost machine takes with it.
"""

import socket

import pytest

from labs.network.connections import BACK, OUT
from tests.labs.test_links import Echo, asked, links  # noqa: F401 - a fixture
from tests.waiting import eventually

FIRST, SECOND = "127.9.1.1", "127.9.1.2"


@pytest.fixture
def echoes(rack):
    several = [Echo(rack.host) for _ in range(2)]
    yield several
    for echo in several:
        echo.close()


@pytest.fixture
def listener(rack, links, echoes):  # noqa: F811 - the fixture
    """A listener with a path for each of two callers, both to the same server, which sees the
    address of each.
    """
    address = rack.address()
    links.listen("shared", address)
    for caller in (FIRST, SECOND):
        links.add_path(caller, echoes[0].address, listener="shared", caller=caller, source=caller)
    return address


def coming_from(caller, address, timeout_s=0.4):
    made = socket.create_connection(
        (address.host, address.port), timeout=timeout_s, source_address=(caller, 0)
    )
    made.settimeout(timeout_s)
    return made


def test_the_server_sees_each_caller_under_its_own_address(listener, echoes):
    for caller in (FIRST, SECOND):
        with coming_from(caller, listener) as client:
            assert asked(client, b"x") == b"x"
            assert echoes[0].accepted[-1].getpeername()[0] == caller


def test_a_stranger_is_turned_away(listener):
    with pytest.raises(OSError), coming_from("127.9.1.9", listener) as client:
        asked(client, b"x")


def test_one_caller_is_cut_off_and_the_other_is_not(listener, links):  # noqa: F811
    with coming_from(FIRST, listener) as first, coming_from(SECOND, listener) as second:
        assert asked(first, b"a") + asked(second, b"b") == b"ab"
        links.cut(FIRST)

        assert asked(second, b"c") == b"c"
        with pytest.raises(TimeoutError):
            asked(first, b"d")
        with coming_from(FIRST, listener) as late, pytest.raises(TimeoutError):
            asked(late, b"e")

        links.restore(FIRST)
        assert first.recv(10) == b"d"


def test_a_client_that_waited_at_a_cut_path_is_answered_when_it_is_whole(listener, links):  # noqa: F811
    links.cut(FIRST)
    with coming_from(FIRST, listener, timeout_s=3.0) as waiting:
        waiting.sendall(b"x")
        links.restore(FIRST)

        assert waiting.recv(10) == b"x"


@pytest.mark.parametrize(("direction", "arrives"), [(OUT, False), (BACK, True)])
def test_a_path_is_cut_one_way_only(listener, links, echoes, direction, arrives):  # noqa: F811
    with coming_from(FIRST, listener) as client:
        asked(client, b"x")
        links.cut(FIRST, directions=direction)

        with pytest.raises(TimeoutError):
            asked(client, b"y")
        links.set_fault(FIRST, cut=OUT if arrives else 0, delay_ms=0.0)
        if arrives:
            # The server had it all the while; only its answer was held.
            assert client.recv(10) == b"y"
        else:
            assert client.recv(10) == b"y"
            assert asked(client, b"z") == b"z"


def test_an_endpoint_leads_new_connections_elsewhere_and_leaves_the_others(rack, links, echoes):  # noqa: F811
    address = rack.address()
    links.listen("endpoint", address)
    for name, echo in zip(("one", "two"), echoes, strict=True):
        links.add_path(name, echo.address)
    links.forward("endpoint", ["one"])
    with coming_from(FIRST, address) as old:
        asked(old, b"x")
        links.forward("endpoint", ["two"])
        with coming_from(FIRST, address) as new:
            assert asked(old, b"y") + asked(new, b"z") == b"yz"
            assert [len(echo.accepted) for echo in echoes] == [1, 1]

    links.forward("endpoint", [])
    with pytest.raises(OSError), coming_from(FIRST, address) as refused:
        asked(refused, b"x")


def test_an_endpoint_takes_its_paths_in_turn(rack, links, echoes):  # noqa: F811
    address = rack.address()
    links.listen("endpoint", address)
    for name, echo in zip(("one", "two"), echoes, strict=True):
        links.add_path(name, echo.address)
    links.forward("endpoint", ["one", "two"])

    for _ in range(10):
        with coming_from(FIRST, address) as client:
            asked(client, b"x")

    assert [len(echo.accepted) for echo in echoes] == [5, 5]


def test_an_endpoint_whose_paths_are_all_cut_accepts_no_connection(rack, links, echoes):  # noqa: F811
    address = rack.address()
    links.listen("endpoint", address)
    links.add_path("one", echoes[0].address)
    links.forward("endpoint", ["one"])
    links.cut("one")
    with pytest.raises(TimeoutError):
        coming_from(FIRST, address)

    links.add_path("two", echoes[1].address)
    links.forward("endpoint", ["two"])
    with coming_from(FIRST, address) as client:
        assert asked(client, b"x") == b"x"


def test_what_is_under_way_when_a_path_is_dropped_never_arrives(listener, links, echoes):  # noqa: F811
    with coming_from(FIRST, listener, timeout_s=3.0) as client:
        asked(client, b"x")
        links.slow(FIRST, delay_ms=300)
        client.sendall(b"y")
        links.drop(FIRST)

        with pytest.raises(ConnectionResetError):
            client.recv(10)
    eventually(lambda: all(not thread.is_alive() for thread in echoes[0].threads))
