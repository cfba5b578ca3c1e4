"""The clients over TLS against a real redis-server and a real memcached, each with a certificate of
an authority that the test has made.
"""

import subprocess
from collections.abc import Callable
from signal import Signals

import pytest

from labs.caching.cache import CacheDown
from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.memcached import MemcachedClient
from labs.clients.resp import LoginRefused, RespClient
from labs.clients.stream import CertificateRefused, ServerClosed, TlsFailed
from labs.clients.tls import Tls
from labs.engines import binaries
from labs.errors import ServerDown
from labs.load.clients import LeanMemcached, LeanRedis
from labs.load.listener import Listener
from labs.runtime.launch import Launch
from labs.sandbox.clients import ClosableCache, MemcachedCache, RedisCache
from tests.labs.certificates import Authority
from tests.waiting import eventually

PASSWORD = "the sandbox's own"
LARGE = "x" * 300_000


class Server:
    """A server with TLS at two addresses; its certificate is for the first."""

    name = "cache"
    client: Callable[..., RespClient | MemcachedClient]
    ask: Callable[..., object]
    argv: Callable[[], tuple[str, ...]]

    def __init__(self, rack, authority):
        self.address = rack.address()
        self.second = Address(f"{rack.host[:-1]}2", self.address.port)
        self.tls = Tls(authority.certificate)
        self.own = authority.sign("server", self.address.host)
        for file in (authority.certificate, self.own.certificate, self.own.key):
            rack.own(file)

    def launch(self):
        return Launch(self.argv(), binaries.environment(), self.files(), Signals.SIGKILL)

    def files(self):
        return {}

    def ready(self, timeout_s):
        client = self.client()
        try:
            with client.within(timeout_s):
                return self.ask(client)
        except OSError as exc:
            raise ServerDown(str(exc)) from exc
        finally:
            client.close()


class RedisServer(Server):
    """A redis-server, with one user besides the default one, which is off."""

    requires_certificate = False

    def argv(self):
        return str(binaries.find("redis-server")), str(self.file)

    @property
    def file(self):
        return self.own.key.parent / "redis.conf"

    def files(self):
        return {
            self.file: f"""\
bind {self.address.host} {self.second.host}
port 0
tls-port {self.address.port}
tls-cert-file {self.own.certificate}
tls-key-file {self.own.key}
tls-ca-cert-file {self.tls.authority}
tls-auth-clients {"yes" if self.requires_certificate else "no"}
save ""
user default off
user shop on >"{PASSWORD}" ~* &* +@all
"""
        }

    def client(self, *, tls="own", address=None, password=PASSWORD):
        return RespClient(
            straight(address or self.address),
            Access("shop", password, self.tls if tls == "own" else tls),
        )

    def ask(self, client):
        return client.command("PING")


class MemcachedServer(Server):
    """A memcached."""

    def argv(self):
        return (
            str(binaries.find("memcached")),
            "-l",
            f"{self.address.host},{self.second.host}",
            "-p",
            str(self.address.port),
            "-U",
            "0",
            "-Z",
            "-o",
            f"ssl_chain_cert={self.own.certificate},ssl_key={self.own.key}",
        )

    def client(self, *, tls="own", address=None):
        return MemcachedClient(
            straight(address or self.address), tls=self.tls if tls == "own" else tls
        )

    def ask(self, client):
        return client.version()


@pytest.fixture
def redis(rack, authority):
    server = RedisServer(rack, authority)
    rack.start(server)
    return server


@pytest.fixture
def memcached(rack, authority, needs):
    help_ = subprocess.run([binaries.find("memcached"), "-h"], capture_output=True, text=True)
    needs("--enable-ssl" in help_.stdout, "a memcached with TLS")
    server = MemcachedServer(rack, authority)
    rack.start(server)
    return server


@pytest.fixture(params=["redis", "memcached"])
def server(request):
    return request.getfixturevalue(request.param)


def test_a_server_whose_certificate_the_authority_signed_is_asked(server):
    client = server.client()

    assert server.ask(client)
    assert server.ask(client)
    client.close()


def test_a_certificate_of_another_authority_is_refused(server, rack):
    stranger = Authority(rack.directory, "stranger")
    client = server.client(tls=Tls(stranger.certificate))

    with pytest.raises(
        CertificateRefused, match=f"the certificate of {server.address} is refused: .*certificate"
    ):
        server.ask(client)
    assert not client.connected


def test_a_certificate_for_another_address_is_refused_unless_the_client_does_not_verify_it(server):
    with pytest.raises(CertificateRefused, match="IP address mismatch"):
        server.ask(server.client(address=server.second))

    client = server.client(address=server.second, tls=Tls(server.tls.authority, verify_host=False))
    assert server.ask(client)
    client.close()


def test_a_client_without_tls_is_sent_away_and_says_what_may_be_wrong(server):
    with pytest.raises(ServerClosed, match="it expects TLS"):
        server.ask(server.client(tls=None))


def test_a_wrong_password_is_refused_in_the_server_s_own_words(redis):
    with pytest.raises(LoginRefused, match=r"^WRONGPASS invalid username-password pair"):
        redis.ask(redis.client(password="wrong"))


def test_a_server_that_requires_a_certificate_of_the_client_gets_one(rack, authority):
    server = RedisServer(rack, authority)
    server.requires_certificate = True
    own = authority.sign("client", "127.0.0.1")
    without, server.tls = server.tls, Tls(authority.certificate, own.certificate, own.key)
    rack.start(server)

    with pytest.raises(TlsFailed, match="it may require a certificate"):
        server.ask(server.client(tls=without))
    client = server.client()
    assert client.command("ACL", "WHOAMI") == b"shop"
    client.close()


def test_a_file_without_certificates_is_no_authority(redis, tmp_path):
    (tmp_path / "empty.pem").touch()

    with pytest.raises(OSError, match=r"no certificate|NO_CERTIFICATE"):
        redis.client(tls=Tls(tmp_path / "empty.pem"))


def test_large_replies_and_pipelines_arrive_whole(redis):
    client = redis.client()

    assert client.pipeline((("SET", "a", LARGE), ("GET", "a"), ("GET", "a")))[1:] == [
        LARGE.encode(),
        LARGE.encode(),
    ]
    client.close()


def test_messages_larger_than_a_record_arrive_at_once(redis):
    subscriber, client = redis.client(), redis.client()
    subscriber.subscribe("news")
    replies = []
    eventually(lambda: replies.extend(subscriber.arrived()) or len(replies) == 2)

    for _ in range(3):
        client.command("PUBLISH", "news", LARGE)
    while len(replies) < 5:
        assert subscriber.readable(5.0)
        replies.extend(subscriber.arrived())

    assert [len(reply[2]) for reply in replies[2:]] == [len(LARGE)] * 3
    subscriber.close()
    client.close()


def test_the_load_s_clients_and_its_subscription_speak_tls(redis, rack, authority):
    messages = []
    access = Access("shop", PASSWORD, redis.tls)
    lean = LeanRedis(straight(redis.address), access)
    listener = Listener(straight(redis.address), access, channel="news", on_message=messages.append)

    lean.set("row:1", "a", 60)
    lean.publish("news", "row:1")

    assert lean.get("row:1") == b"a"
    eventually(lambda: messages == ["row:1"])
    listener.close()
    lean.shut()


def test_the_application_s_client_speaks_tls(server):
    replies = []

    def on_command(_command, reply, _took_ms, _meaning):
        replies.append(reply)

    cache: ClosableCache
    if isinstance(server, RedisServer):
        access = Access("shop", PASSWORD, server.tls)
        cache = RedisCache(server.address, access, on_command=on_command, on_lookup=on_command)
    else:
        cache = MemcachedCache(server.address, Access(tls=server.tls), on_command=on_command)
    cache.connect()
    cache.set("row:1", "a", 60)

    assert cache.get("row:1") == b"a"
    assert replies in (["OK", '"a"'], ["STORED", "VALUE row:1 0 1 …"])
    cache.close()


def test_the_application_s_redis_client_refuses_a_strange_certificate(redis, rack):
    def ignore(*_):
        """No test reads it."""

    stranger = Authority(rack.directory, "stranger")
    access = Access("shop", PASSWORD, Tls(stranger.certificate))
    cache = RedisCache(redis.address, access, on_command=ignore, on_lookup=ignore)

    with pytest.raises(CacheDown):
        cache.get("row:1")
    cache.close()


def test_the_load_s_client_of_memcached_speaks_tls(memcached):
    lean = LeanMemcached(straight(memcached.address), Access(tls=memcached.tls))

    lean.set("row:1", "a", 60)

    assert (lean.get("row:1"), lean.incr("n"), lean.incr("n")) == (b"a", 1, 2)
    lean.shut()
