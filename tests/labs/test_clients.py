"""The clients of Redis and memcached against real servers: what they do, and what they say when a
server is not what they expect.
"""

import socket
import threading

import pytest

from labs.caching.local import CHANNEL
from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.memcached import MemcachedClient, MemcachedError
from labs.clients.resp import LoginRefused, NotResp, ReplyError, RespClient
from labs.clients.stream import ServerClosed, Stream, TlsFailed
from labs.clients.tls import Tls
from labs.engines.redis import Redis
from tests.processes import pause, resume
from tests.waiting import eventually

PASSWORD = "the sandbox's own"
LARGE = b"x" * 300_000


@pytest.fixture
def redis(rack):
    engine = Redis("cache", rack.address(), rack.directory, PASSWORD)
    rack.start(engine)
    yield engine
    engine.close()


@pytest.fixture
def resp(redis):
    client = RespClient(straight(redis.address), Access("shop", PASSWORD))
    yield client
    client.close()


@pytest.fixture
def text(memcached):
    client = MemcachedClient(straight(memcached.address))
    yield client
    client.close()


def test_replies_come_in_the_order_of_the_commands_and_errors_among_them(resp):
    ok, value, error, count = resp.pipeline(
        (("SET", "a", LARGE), ("GET", "a"), ("LPUSH", "a", 1), ("DEL", "a", "b"))
    )

    assert (ok, value, count) == (b"OK", LARGE, 1)
    assert isinstance(error, ReplyError)
    assert str(error).startswith("WRONGTYPE Operation against a key")
    assert resp.pipeline(()) == []


def test_a_wrong_password_is_refused_in_the_server_s_own_words(redis):
    client = RespClient(straight(redis.address), Access("shop", "wrong"))

    with pytest.raises(LoginRefused, match=r"^WRONGPASS invalid username-password pair"):
        client.command("PING")
    assert not client.connected


def test_the_reply_to_a_posted_command_is_not_taken_for_the_next_one(resp):
    for number in range(100):
        resp.post("SET", "a", number)

    assert resp.command("GET", "a") == b"99"
    resp.post("SET", "a", 100)
    assert resp.pipeline((("GET", "a"), ("DEL", "a"))) == [b"100", 1]


def test_a_subscription_delivers_its_messages_in_order(redis, resp):
    subscriber = RespClient(straight(redis.address), Access("shop", PASSWORD))
    subscriber.subscribe("news")
    replies = []
    eventually(lambda: replies.extend(subscriber.arrived()) or len(replies) == 2)

    for number in range(3):
        resp.command("PUBLISH", "news", number)
    eventually(lambda: replies.extend(subscriber.arrived()) or len(replies) == 5)

    assert replies[0] == b"OK"
    assert replies[1][:2] == [b"subscribe", b"news"]
    assert [reply[2] for reply in replies[2:]] == [b"0", b"1", b"2"]
    subscriber.close()


def test_a_server_that_is_paused_holds_up_no_subscription(redis, rack):
    pause(rack.processes["cache"].pid)
    subscriber = RespClient(straight(redis.address), Access("shop", PASSWORD))

    subscriber.subscribe(CHANNEL)
    assert not subscriber.readable()

    resume(rack.processes["cache"].pid)
    replies = []
    eventually(lambda: replies.extend(subscriber.arrived()) or len(replies) == 2)
    assert replies[1][:2] == [b"subscribe", CHANNEL.encode()]
    subscriber.close()


def test_an_exchange_ends_at_its_deadline_and_a_late_answer_is_not_taken_for_the_next(resp, rack):
    resp.command("SET", "a", "late")
    pause(rack.processes["cache"].pid)

    with pytest.raises(TimeoutError), resp.within(0.05):
        resp.command("GET", "a")
    assert not resp.connected

    resume(rack.processes["cache"].pid)
    assert resp.command("ECHO", "now") == b"now"


def test_a_client_connects_again_after_the_server_has_ended(redis, resp, rack):
    assert resp.command("PING") == b"PONG"
    rack.kill(redis)
    rack.start(redis)

    with pytest.raises(ConnectionError):
        resp.command("PING")

    assert resp.command("PING") == b"PONG"


def test_a_client_follows_the_way_to_another_server(redis, rack):
    other = Redis("other", rack.address(), rack.directory, PASSWORD)
    rack.start(other)
    ways = [redis.address]
    client = RespClient(lambda: ways[0], Access("shop", PASSWORD))
    client.command("SET", "a", 1)

    ways[0] = other.address

    assert client.command("GET", "a") is None
    assert client.address is other.address
    client.close()
    other.close()


def test_a_server_of_another_protocol_is_named(memcached):
    client = RespClient(straight(memcached.address))

    with pytest.raises(NotResp, match=f"{memcached.address} does not speak RESP"):
        client.command("PING")


def test_memcached_stores_counts_and_deletes(text):
    assert text.set("a", LARGE)
    assert text.get("a") == LARGE
    assert (text.add("a", b"1"), text.add("n", b"1")) == (False, True)
    assert (text.incr("n", 4), text.incr("absent")) == (5, None)
    assert text.item("n") == (b"5", -1)
    assert text.set("m", b"\r\nEND\r\n", 60)
    value, left_s = text.item("m")
    assert (value, 58 <= left_s <= 60) == (b"\r\nEND\r\n", True)
    assert (text.delete("n"), text.delete("n"), text.item("n"), text.get("n")) == (
        True,
        False,
        None,
        None,
    )
    assert b"STAT curr_items 2" in text.lines(b"stats")
    text.flush()
    assert text.get("a") is None


def test_memcached_s_errors_are_raised_and_leave_the_connection_usable(text):
    text.set("a", b"x")
    with pytest.raises(MemcachedError, match="CLIENT_ERROR cannot increment"):
        text.incr("a")
    with pytest.raises(MemcachedError, match=r"^ERROR$"):
        text.command(b"backup")

    assert text.first_line(b"backup") == b"ERROR"
    assert text.connected
    assert text.version()


@pytest.fixture
def stranger():
    """The address of a server that answers every connection with an answer of HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connected, _ = listening.accept()
            with connected:
                connected.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connected.recv(1_000)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Address(*listening.getsockname())
        thread.join()


def test_a_server_without_tls_is_named(stranger, authority):
    client = Stream(straight(stranger), tls=Tls(authority.certificate))

    with pytest.raises(TlsFailed, match=f"no TLS with {stranger}: wrong version number"):
        client.connect()


def test_a_connection_that_ends_before_an_answer_says_what_may_be_wrong():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = RespClient(straight(Address(*listening.getsockname())), timeout_s=5.0)
        client.connect()
        listening.accept()[0].close()

        with pytest.raises(ServerClosed, match="it is not there, or it expects TLS"):
            client.command("PING")
