"""The tap on a link: it passes every byte on, and keeps a copy while it is asked to."""

import contextlib
import socket
import threading
from types import SimpleNamespace

import pytest

from labs.clients.address import Address
from labs.lab import Link
from labs.setups.access import tap as taps
from labs.setups.access.tap import Tap, Taps


@pytest.fixture
def echo():
    """A server that sends everything back."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client):
        with client:
            while data := client.recv(4_096):
                client.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield Address("127.0.0.1", listening.getsockname()[1])
    listening.close()


@pytest.fixture
def tap(echo):
    made = Tap("127.0.0.1", echo)
    yield made
    made.close()


def said(tap, data):
    with socket.create_connection((tap.address.host, tap.address.port), 5) as client:
        client.sendall(data)
        got = b""
        while len(got) < len(data):
            got += client.recv(4_096)
    return got


def heard(tap, *, to_server):
    return b"".join(one.data for one in tap.heard() if one.to_server == to_server)


def test_every_byte_is_passed_on_and_kept_with_its_way(tap):
    tap.listen()

    assert said(tap, b"a password") == b"a password"

    packets = tap.heard()
    assert [one.to_server for one in packets] == [True, False]
    assert {one.data for one in packets} == {b"a password"}


def test_nothing_is_kept_that_nobody_asked_for(tap):
    said(tap, b"before")
    tap.listen()
    said(tap, b"meanwhile")
    assert heard(tap, to_server=True) == b"meanwhile"

    said(tap, b"after")

    assert tap.heard() == []


def test_what_is_kept_is_bounded(tap, monkeypatch):
    monkeypatch.setattr(taps, "MOST_BYTES", 10_000)
    tap.listen()

    assert said(tap, b"x" * 200_000) == b"x" * 200_000

    assert sum(len(one.data) for one in tap.heard()) <= 10_000 + 2 * taps.CHUNK


def test_a_server_that_is_down_ends_the_connection(tap, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        free = nobody.getsockname()[1]
    gone = Tap("127.0.0.1", Address("127.0.0.1", free))
    with socket.create_connection((gone.address.host, gone.address.port), 5) as client:
        assert client.recv(1) == b""
    gone.close()


def test_its_end_ends_every_connection_and_its_thread(echo):
    tap = Tap("127.0.0.1", echo)
    client = socket.create_connection((tap.address.host, tap.address.port), 5)
    client.sendall(b"x")
    assert client.recv(1) == b"x"

    tap.close()

    assert client.recv(1) == b""
    client.close()
    assert not any(thread.name == "cg-tap" for thread in threading.enumerate())


def test_a_client_that_is_gone_before_it_is_accepted_holds_up_no_other(tap):
    tap._accept()

    assert said(tap, b"x") == b"x"


def test_an_exchange_is_overheard_alone(tap):
    began, may_end = threading.Event(), threading.Event()
    overheard = {}

    def overhear(name):
        with tap.exchange() as packets:
            said(tap, name.encode())
            began.set()
            assert may_end.wait(5)
        overheard[name] = b"".join(one.data for one in packets)

    threads = [threading.Thread(target=overhear, args=(name,)) for name in ("first", "second")]
    threads[0].start()
    assert began.wait(5)
    threads[1].start()
    threads[1].join(0.1)  # it would spoil the first now
    may_end.set()
    for thread in threads:
        thread.join(5)

    assert overheard == {"first": b"firstfirst", "second": b"secondsecond"}


def test_a_server_that_is_exchanged_gets_a_new_tap_and_the_others_keep_theirs(echo):
    links = (Link("a", "app", "a"), Link("b", "app", "b"))
    context = SimpleNamespace(
        is_real=True,
        topology=SimpleNamespace(
            links=links, links_to=lambda server: [one for one in links if one.target == server]
        ),
        servers=dict.fromkeys("ab", SimpleNamespace(engine=SimpleNamespace(address=echo))),
        addresses=SimpleNamespace(of_link=lambda name: name),
        network=SimpleNamespace(add_link=lambda _name, _entrance, _target: None),
    )
    made = Taps(context)
    made.opened()
    before = made.of("a"), made.of("b")

    made.server_changed("a", "exchange")

    assert made.of("a") is not before[0]
    assert made.of("b") is before[1]
    made.close()
