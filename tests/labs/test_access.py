"""The setup access on real servers: engines with TLS, and secrets that stay where they belong."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial

import pytest

from labs.clients.access import Access
from labs.clients.address import straight
from labs.clients.resp import LoginRefused, RespClient
from labs.clients.stream import ServerClosed
from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.errors import NotNow
from labs.sandbox.memcached_console import MemcachedConsole
from labs.sandbox.redis_cli.console import RedisConsole
from labs.setups.access import token_gate as gates
from labs.setups.access.certificates import Authority
from labs.setups.access.iam import CONNECTED_S
from labs.setups.access.token_gate import GateClock, TokenGate
from tests.leaks import looking_supervisor
from tests.sandboxes import Opened
from tests.waiting import eventually

IN_ITS_OWN_NAME = "answers events outcomes server-logs host-log command-lines environments files"
PLACES = {"tables": "events", **{place: place for place in IN_ITS_OWN_NAME.split()}}
"""Where the action of the lab puts a token, and where it is found."""


@pytest.fixture
def identity(rack):
    folder = rack.directory / "certificates"
    folder.mkdir()
    made = Authority(folder).sign("cache", [rack.host])
    for path in (folder, *folder.iterdir()):
        rack.own(path)
    return made


def test_a_redis_with_an_identity_speaks_tls_and_nothing_else(rack, identity):
    redis = Redis("cache", rack.address(), rack.directory, "pw", identity=identity)
    rack.start(redis)

    assert redis.run("SET", "a", "1") == b"OK"
    assert redis.counters()["items"] == 1
    with closing(RedisConsole(redis.address, redis.access("learner"))) as console:
        assert "1" in console.run("GET a").output
    with (
        closing(RespClient(straight(redis.address))) as plain,
        pytest.raises((ServerClosed, ConnectionResetError)),
    ):
        plain.command("PING")
    redis.close()


def test_a_memcached_with_an_identity_speaks_tls(rack, identity):
    memcached = Memcached("cache", rack.address(), rack.directory, identity=identity)
    rack.start(memcached)

    assert memcached.ready().startswith("1.")
    with closing(MemcachedConsole(memcached.address, memcached.access("learner"))) as console:
        assert "STORED" in console.run("set a 0 0 1\n1").output
    assert memcached.count() == 1
    memcached.close()


def test_a_secret_is_found_in_every_place_where_it_must_not_be(server_folder):
    """In a lab with an action that puts one there; else tests/labs/test_reference_runs.py, which
    looks in the same way, would prove nothing.
    """
    with looking_supervisor(server_folder) as supervisor:
        sandbox = supervisor.open("telling", {})
        try:
            supervisor.call(sandbox, "action", name="call", fields={"login": "own"})
            made = {name.rpartition(".")[2] for name, _ in supervisor.secrets(sandbox)}
            assert made > {"_new_token", "_open", "sign"}
            assert supervisor.look(sandbox) == {}
            for place, shown in PLACES.items():
                supervisor.call(sandbox, "action", name="tell", fields={"place": place})
                found = eventually(partial(_found, supervisor, sandbox, shown), what=place)
                assert found == ["labs.setups.access.tokens._new_token"]
                supervisor.forget(sandbox)
        finally:
            with pytest.raises(AssertionError, match="a secret of this sandbox"):
                supervisor.end(sandbox, "it shows its secrets")


def _found(supervisor, sandbox, place):
    return supervisor.look(sandbox).get(place)


WRONGPASS = "WRONGPASS invalid username-password pair or user is disabled."
NOAUTH = "NOAUTH Authentication required."
NO_AUTH = "Auth failure (status 0x20)"
GONE = "Hostname mismatch, certificate is not valid for 'other.internal'"
REFUSALS: dict[str, list[tuple[str, dict[str, str], str]]] = {
    "network-isolation": [
        ("call", {"source": "app", "password": "yes"}, "timed out after 2 s"),
        ("add-rule", {"group": "sg-bastion", "port": "6379"}, "is in force"),
        ("call", {"source": "bastion", "password": "no"}, NOAUTH),
    ],
    "redis-auth": [
        ("call", {"login": "none"}, NOAUTH),
        ("call", {"login": "wrong"}, WRONGPASS),
    ],
    "rbac": [
        ("grant", {"user": "app", "string": "off"}, WRONGPASS),
        ("grant", {"user": "app", "string": "on ~billing:* +get"}, "no: key"),
        ("grant", {"user": "app", "string": "on ~app:* +set"}, "no: command"),
    ],
    "encryption-in-transit": [
        ("wrongly", {"kind": "plain", "engine": "memcached"}, "end of the stream"),
        ("wrongly", {"kind": "authority", "engine": "memcached"}, "unable to get local issuer"),
        ("wrongly", {"kind": "name", "engine": "memcached"}, GONE),
    ],
    "iam": [
        ("log-in", {"kind": "own"}, "the policy does not allow elasticache:Connect"),
        ("send", {"command": "GET app:1"}, "The application is not logged in"),
    ],
    "memcached-sasl": [
        ("log-in", {"login": "none"}, NO_AUTH),
        ("log-in", {"login": "wrong"}, NO_AUTH),
    ],
}
"""By lab: what is done there, and in whose words it is refused."""


def test_each_login_begins_with_the_gate_s_clock_at_the_machine_s_time(supervisor):
    opened = Opened(supervisor, "iam")
    try:
        opened.call("set", name="policy", value="connect")
        opened.act("log-in", kind="own")
        opened.act("advance")
        assert "is logged in" in opened.act("log-in", kind="own")
        opened.server("kill", "cache")
        with pytest.raises(NotNow, match="is not running"):
            opened.act("log-in", kind="late")
        opened.server("restart", "cache")
        assert "is logged in" in opened.act("log-in", kind="own")
    finally:
        opened.end()


def test_the_prediction_about_a_stranger_takes_away_a_rule_that_lets_it_in(supervisor):
    opened = Opened(supervisor, "network-isolation")
    try:
        opened.act("add-rule", group="sg-other", port="6379")
        measured = opened.call("measure", prediction="counted-of-a-stranger")
        assert measured["value"] == 0
        assert "the rule sg-other to 6379 was removed" in repr(opened.told)
    finally:
        opened.end()


def at_once(*calls):
    """What calls returned that were made at the same time; an error in place of an answer."""
    with ThreadPoolExecutor(len(calls)) as pool:
        made = [pool.submit(call) for call in calls]
    return [one.exception() or one.result() for one in made]


def test_what_two_users_may_do_is_tried_with_the_rules_of_each(supervisor):
    opened = Opened(supervisor, "rbac")
    try:
        for _ in range(3):
            at_once(
                partial(opened.act, "grant", user="app", string="off"),
                partial(opened.act, "grant", user="app", string="on ~app:* +get +set"),
            )
        # a column for each of the commands, in their order
        tried = {(row["string"], row["get_app_1"], row["incr_app_visits"]) for row in rows(opened)}
        assert tried == {
            ("off", "no: login", "no: login"),
            ("on ~app:* +get +set", "yes", "no: command"),
        }
    finally:
        opened.end()


def rows(opened):
    return eventually(partial(opened.table, "tried"), what="what was tried")


def test_of_three_tokens_the_two_newest_are_accepted_whichever_the_application_has(supervisor):
    opened = Opened(supervisor, "redis-auth")
    try:
        assert "Redis accepts token 1 and token 2 now." in opened.act("rotate")
        assert "Redis accepts token 2 and token 3 now." in opened.act("rotate")
        assert "Redis refused: WRONGPASS" in opened.act("call", login="own")
        newest = [row["ended"] for row in opened.table("calls")]
        assert newest == ["refused by the server", *["answered"] * 4]
    finally:
        opened.end()


def test_of_two_sets_at_once_one_is_refused(supervisor):
    opened = Opened(supervisor, "redis-auth")
    try:
        opened.act("rotate")
        answers = at_once(*[partial(opened.act, "set-newest")] * 2)
        assert sorted(map(str, answers)) == [
            "Redis accepts token 2 alone.",
            "The server accepts one token only.",
        ]
    finally:
        opened.end()


@pytest.mark.parametrize("lab", REFUSALS)
def test_each_refusal_is_the_server_s_own(supervisor, lab):
    opened = Opened(supervisor, lab)
    try:
        for action, fields, words in REFUSALS[lab]:
            before = len(opened.told)
            try:
                said = opened.act(action, **fields)
            except NotNow as exc:
                said = str(exc)
            assert words in said + repr(opened.told[before:]), (action, fields)
    finally:
        opened.end()


RIGHTS = "~app:* -@all +get +set"


@pytest.fixture
def token_gate(rack, identity):
    """A gate with one user in front of a real Redis: how a client reaches it, its clock, and what
    it has judged.
    """
    redis = Redis("cache", rack.address(), rack.directory, "pw")
    rack.start(redis)
    redis.run("ACL", "SETUSER", "app", "on", ">inside", *RIGHTS.split())
    clock, asked = GateClock(), []

    def judge(user, token):
        asked.append((user, token))
        return "" if (user, token) == ("app", "token") else "it is forged"

    gate = TokenGate(
        rack.host,
        identity,
        redis.address,
        judge=judge,
        password_of={"app": "inside"}.__getitem__,
        clock=clock,
    )

    def client(password):
        return RespClient(straight(gate.address), Access("app", password, identity.trusted))

    yield client, clock, asked
    gate.close()
    redis.close()
    assert not gate._serving, "a thread has outlived its connection"


def test_a_token_gate_lets_in_nothing_before_a_login(token_gate):
    client, _, asked = token_gate
    with closing(client("")) as stranger:
        for words in (["PING"], ["GET", "app:1"], ["AUTH", "token"], ["HELLO", "3"]):
            assert str(stranger.command(*words)) == NOAUTH
    for password in ("inside", "forged"):
        with closing(client(password)) as forger, pytest.raises(LoginRefused, match="WRONGPASS"):
            forger.connect()
    assert asked == [("app", "inside"), ("app", "forged")]


def test_behind_a_token_gate_a_user_can_do_no_more_than_its_access_string(token_gate):
    client, clock, _ = token_gate
    with closing(client("token")) as user:
        assert user.command("SET", "app:1", "page") == b"OK"
        assert user.command("GET", "app:1") == b"page"
        for words in (
            ["GET", "billing:1"],
            ["DEL", "app:1"],
            ["ACL", "LIST"],
            ["CONFIG", "GET", "*"],
        ):
            assert str(user.command(*words)).startswith("NOPERM"), words
        # On a connection that is logged in it is Redis that answers, also to another login.
        assert str(user.command("AUTH", "labctl", "inside")) == WRONGPASS
        clock.advance(CONNECTED_S + 60)
        eventually(user.ended, what="the end of a connection that is twelve hours old")


def test_a_token_gate_passes_on_nothing_that_comes_after_twelve_hours(token_gate):
    client, clock, _ = token_gate
    with closing(client("token")) as user:
        assert user.command("SET", "app:1", "page") == b"OK"
        clock.advance(CONNECTED_S + 60)
        with pytest.raises(ConnectionError):
            user.command("GET", "app:1")


@pytest.mark.parametrize(
    "sent", [b"*3\r\n:1\r\n:2\r\n:3\r\n", b"*-1\r\n", b"*1\r\n$-1\r\n", b"+AUTH\r\n"]
)
def test_a_token_gate_refuses_what_is_no_command(token_gate, sent):
    client, _, asked = token_gate
    with closing(client("")) as stranger:
        stranger.write(sent)
        assert str(stranger.arrived()[0]) == NOAUTH
    assert asked == []


def test_a_token_gate_ends_a_connection_that_speaks_another_protocol(token_gate):
    client, _, _ = token_gate
    with closing(client("")) as browser:
        browser.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionError):
            browser.read()


def test_a_token_gate_passes_on_what_is_sent_with_the_login(token_gate):
    client, _, _ = token_gate
    with closing(client("")) as user:
        words = [["AUTH", "app", "token"], ["SET", "app:1", "page"], ["GET", "app:1"]]
        assert user.pipeline(words) == [b"OK", b"OK", b"page"]


def test_a_token_gate_waits_for_a_login_no_longer_than_its_time(token_gate, monkeypatch):
    client, _, _ = token_gate
    monkeypatch.setattr(gates, "LOGIN_S", 0.5)
    with closing(client("")) as slow:
        slow.write(b"*")

        def has_ended():  # a byte comes within the time of each read
            with suppress(OSError):
                slow.write(b"1")
            return not slow.connected or slow.ended()

        eventually(has_ended, what="the end of a login that never ends")
