"""Gates with real sockets: who takes which line, what is cut one way only, where an endpoint leads,
and what a lost machine takes with it.
"""

import socket

import pytest

from labs.network.passages import BACK, OUT
from tests.labs.conftest import wait_until
from tests.labs.test_links import Echo, asked, links  # noqa: F401 - a fixture

FIRST, SECOND = "127.9.1.1", "127.9.1.2"


@pytest.fixture
def echoes(rack):
    several = [Echo(rack.host) for _ in range(2)]
    yield several
    for echo in several:
        echo.close()


@pytest.fixture
def gate(rack, links, echoes):  # noqa: F811 - the fixture
    """A gate with a line for each of two callers, both to the same server, at which each arrives
    under its own address.
    """
    near = rack.address()
    links.gate("gate", near)
    for caller in (FIRST, SECOND):
        links.line(caller, echoes[0].address, gate="gate", caller=caller, source=caller)
    return near


def coming_from(caller, near, timeout_s=0.4):
    made = socket.create_connection(
        (near.host, near.port), timeout=timeout_s, source_address=(caller, 0)
    )
    made.settimeout(timeout_s)
    return made


def test_the_server_sees_each_caller_under_its_own_address(gate, echoes):
    for caller in (FIRST, SECOND):
        with coming_from(caller, gate) as client:
            assert asked(client, b"x") == b"x"
            assert echoes[0].accepted[-1].getpeername()[0] == caller


def test_a_stranger_is_turned_away(gate):
    with pytest.raises(OSError), coming_from("127.9.1.9", gate) as client:
        asked(client, b"x")


def test_one_caller_is_cut_off_and_the_other_is_not(gate, links):  # noqa: F811
    with coming_from(FIRST, gate) as first, coming_from(SECOND, gate) as second:
        assert asked(first, b"a") + asked(second, b"b") == b"ab"
        links.cut(FIRST)

        assert asked(second, b"c") == b"c"
        with pytest.raises(TimeoutError):
            asked(first, b"d")
        with coming_from(FIRST, gate) as late, pytest.raises(TimeoutError):
            asked(late, b"e")

        links.restore(FIRST)
        assert first.recv(10) == b"d"


def test_who_waited_at_a_cut_line_is_answered_when_it_is_whole(gate, links):  # noqa: F811
    links.cut(FIRST)
    with coming_from(FIRST, gate, timeout_s=3.0) as waiting:
        waiting.sendall(b"x")
        links.restore(FIRST)

        assert waiting.recv(10) == b"x"


@pytest.mark.parametrize(("direction", "arrives"), [(OUT, False), (BACK, True)])
def test_a_line_is_cut_one_way_only(gate, links, echoes, direction, arrives):  # noqa: F811
    with coming_from(FIRST, gate) as client:
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
    near = rack.address()
    links.gate("endpoint", near)
    for name, echo in zip(("one", "two"), echoes, strict=True):
        links.line(name, echo.address)
    links.lead("endpoint", ["one"])
    with coming_from(FIRST, near) as old:
        asked(old, b"x")
        links.lead("endpoint", ["two"])
        with coming_from(FIRST, near) as new:
            assert asked(old, b"y") + asked(new, b"z") == b"yz"
            assert [len(echo.accepted) for echo in echoes] == [1, 1]

    links.lead("endpoint", [])
    with pytest.raises(OSError), coming_from(FIRST, near) as nobody:
        asked(nobody, b"x")


def test_an_endpoint_takes_its_lines_in_turn(rack, links, echoes):  # noqa: F811
    near = rack.address()
    links.gate("endpoint", near)
    for name, echo in zip(("one", "two"), echoes, strict=True):
        links.line(name, echo.address)
    links.lead("endpoint", ["one", "two"])

    for _ in range(10):
        with coming_from(FIRST, near) as client:
            asked(client, b"x")

    assert [len(echo.accepted) for echo in echoes] == [5, 5]


def test_an_endpoint_all_of_whose_lines_are_cut_lets_nobody_connect(rack, links, echoes):  # noqa: F811
    near = rack.address()
    links.gate("endpoint", near)
    links.line("one", echoes[0].address)
    links.lead("endpoint", ["one"])
    links.cut("one")
    with pytest.raises(TimeoutError):
        coming_from(FIRST, near)

    links.line("two", echoes[1].address)
    links.lead("endpoint", ["two"])
    with coming_from(FIRST, near) as client:
        assert asked(client, b"x") == b"x"


def test_what_is_under_way_when_a_line_is_dropped_never_arrives(gate, links, echoes):  # noqa: F811
    with coming_from(FIRST, gate, timeout_s=3.0) as client:
        asked(client, b"x")
        links.slow(FIRST, delay_ms=300)
        client.sendall(b"y")
        links.drop(FIRST)

        with pytest.raises(ConnectionResetError):
            client.recv(10)
    wait_until(lambda: all(not thread.is_alive() for thread in echoes[0].threads), 3.0)
