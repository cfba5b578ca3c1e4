"""Rules, tokens and access strings of the setup access, without a server."""

import datetime
import stat
import subprocess
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from cryptography import x509

from labs.catalogue import find
from labs.catalogue.rbac.checks import order_counts
from labs.clients.address import Address
from labs.errors import BadInput, DidNotStart, NotNow
from labs.sandbox.ledger import Ledger
from labs.setups.access import iam, sasl
from labs.setups.access.calls import Call
from labs.setups.access.certificates import Authority
from labs.setups.access.gate import CLOSED, Gate, Rule
from labs.setups.access.iam_users import POLICIES, IamUsers
from labs.setups.access.tokens import Tokens, problem_of
from labs.setups.access.users import JOB, OTHER, Tried, Users
from labs.setups.access.workload import Visitors

WRONGPASS = "WRONGPASS invalid username-password pair or user is disabled."


class Network:
    """Notes to which paths each link leads."""

    def __init__(self):
        self.leads_to = {}

    def add_path(self, name, target):
        """A path that is cut."""

    def cut(self, name):
        assert name == CLOSED

    def forward(self, listener, paths):
        self.leads_to[listener] = paths


@pytest.fixture
def gate():
    server = SimpleNamespace(state="up", engine=SimpleNamespace(address=None))
    context = SimpleNamespace(
        topology=find("network-isolation").topology,
        network=Network(),
        servers={"cache": server},
        tabulate=lambda _table, _rows: None,
        is_real=True,
    )
    made = Gate(context, {"app": "sg-app", "bastion": "sg-bastion", "stranger": "sg-other"})
    made.opened()
    return made


def test_a_group_that_is_new_lets_nobody_in(gate):
    assert set(gate.context.network.leads_to.values()) == {(CLOSED,)}


def test_a_rule_opens_the_links_of_its_group_alone(gate):
    gate.add(Rule("sg-app", 6379))

    assert gate.context.network.leads_to == {
        "cache": ["cache"],
        "from-bastion": (CLOSED,),
        "from-stranger": (CLOSED,),
    }


def test_a_rule_for_another_port_opens_nothing(gate):
    gate.add(Rule("sg-app", 11211))

    assert set(gate.context.network.leads_to.values()) == {(CLOSED,)}


def test_a_rule_is_there_once(gate):
    gate.add(Rule("sg-app", 6379))

    with pytest.raises(NotNow, match="There is a rule sg-app to 6379 already"):
        gate.add(Rule("sg-app", 6379))


def test_a_reset_closes_everything(gate):
    gate.add(Rule("sg-app", 6379))

    gate.clear()
    gate.restarted()

    assert gate.rules == []
    assert set(gate.context.network.leads_to.values()) == {(CLOSED,)}


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ("x" * 16, ""),
        ("x" * 128, ""),
        ("aB3!&#$^<>-aB3!&#$", ""),
        ("x" * 15, "It has 15 characters"),
        ("x" * 129, "It has 129 characters"),
        ("", "It has 0 characters"),
        ("a/b@c%d" + "x" * 16, "It has % / @ in it"),
        ("pässwörd" + "x" * 16, "It has ä ö in it"),
    ],
)
def test_a_token_is_held_against_the_rules_of_the_service(token, problem):
    found = problem_of(token)

    assert found == "" if not problem else found.startswith(problem)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("NOPERM this user has no permissions to run the 'keys' command", "met"),
        (WRONGPASS, "unmet"),
    ],
)
def test_a_user_that_can_not_log_in_says_nothing_about_the_order_of_rules(answer, status):
    def tried(string, ended, said):
        call = Call("app", "user app", (string,), ended, said, 1.0, 0, 1)
        return Tried("app", string, (call,) * (len(JOB) + len(OTHER)))

    ledger = Ledger()
    ledger.observe(
        tried("on ~app:* -@dangerous +@read", "answered", "app:1"),
        tried("~app:* +@read -@dangerous", "refused by the server", answer),
    )

    assert order_counts.judge(SimpleNamespace(ledger=ledger)).status == status


@pytest.mark.parametrize("change", ["rotate", "leave_open", "close_again"])
def test_while_the_server_is_down_no_token_changes(change):
    server = SimpleNamespace(state="down", engine=SimpleNamespace(address=None))
    topology = find("redis-auth").topology
    context = SimpleNamespace(servers={"cache": server}, topology=topology, is_real=True)
    tokens = Tokens(context)
    before = tokens.made[:], tokens.in_force

    with pytest.raises(NotNow, match="Redis is not running"):
        getattr(tokens, change)()

    assert (tokens.made, tokens.in_force) == before


@pytest.mark.parametrize("keep_s", [0, 10])
def test_an_action_does_not_wait_for_clients_that_keep_their_connections(keep_s):
    settings = {"keep_connections_s": keep_s}
    context = SimpleNamespace(settings=settings, load=SimpleNamespace(running=True))

    assert not Visitors(context).all_connect_again()


@pytest.mark.parametrize(
    "string",
    ["on ~app:* >secret", "nopass", "on #" + "0" * 64, "reset", "(+get ~x)", "on ~*; FLUSHALL"],
)
def test_an_access_string_never_has_a_password_in_it(string):
    asked = []
    context = SimpleNamespace(servers=asked, is_real=True)

    with pytest.raises(BadInput, match="is no rule of an access string"):
        Users(context).grant("app", string)


def test_a_certificate_names_its_server_and_is_for_its_owner_alone(tmp_path):
    identity = Authority(tmp_path).sign("cache", ["127.0.0.2", "cache.internal"])

    certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(identity.authority.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.2"]
    assert names.get_values_for_type(x509.DNSName) == ["cache.internal"]
    certificate.verify_directly_issued_by(authority)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3, "the authority's key is nowhere"


USER, KEYS = "iam-user-01", iam.Keys()
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def token():
    return iam.make_token(KEYS, USER)


def signed(**more):
    return iam.make_token(KEYS, USER, **more)


def test_a_token_logs_its_user_in(token):
    assert iam.problem_of(token, USER, KEYS, NOW) == ""


@pytest.mark.parametrize(
    ("seconds", "problem"),
    [
        (-301, "its date has not come yet"),
        (-200, ""),
        (890, ""),
        (960, "it expired 60 s ago"),
        (86_400, "it expired 85,500 s ago"),
    ],
)
def test_a_token_is_good_for_fifteen_minutes(token, seconds, problem):
    signed_at = dict(parse_qsl(token.partition("/?")[2]))["X-Amz-Date"]
    then = datetime.datetime.strptime(signed_at + "+0000", "%Y%m%dT%H%M%SZ%z")

    now = then + datetime.timedelta(seconds=seconds)

    assert iam.problem_of(token, USER, KEYS, now) == problem


@pytest.mark.parametrize(
    ("forge", "problem"),
    [
        (lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"), "its signature"),
        (lambda token: token.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"), "its signature"),
        (lambda token: token.replace("X-Amz-Date=2", "X-Amz-Date=3"), "its signature"),
        (lambda token: token + "&Other=1", "its signature"),
        (lambda token: token.partition("&X-Amz-Signature")[0], "its signature"),
        (lambda token: token[:-4] + "äöü€", "its signature"),
        (lambda token: token.replace("User=iam-user-01", "User=iam-user-02"), "it is for the user"),
        (lambda token: token.replace("sandbox-cache", "other-cache"), "it is for the cache other"),
        (lambda token: token.replace("Action=connect", "Action=list"), "it is no token"),
        (lambda token: token.replace("us-east-1", "eu-west-1"), "it was signed for eu-west-1"),
        (lambda token: token.replace("elasticache", "memorydb"), "it was signed for"),
        (lambda token: token.replace("AKIA", "AKIB"), "its access key is not known"),
        (lambda _: signed(region="eu-west-1"), "it was signed for eu-west-1"),
        (lambda _: signed(cache="other-cache"), "it is for the cache other-cache"),
        (lambda _: iam.make_token(KEYS, "iam-user-02"), "it is for the user iam-user-02"),
        (lambda _: iam.make_token(iam.Keys(), USER), "its access key is not known"),
        (lambda _: iam.make_token(iam.Keys(KEYS.access_key), USER), "its signature does not fit"),
        (lambda _: "", "it is no token"),
        (lambda _: "correct-horse-battery", "it is no token"),
    ],
)
def test_a_token_that_was_forged_is_refused_for_its_own_reason(token, forge, problem):
    assert iam.problem_of(forge(token), USER, KEYS, NOW).startswith(problem)


@pytest.mark.parametrize(
    ("policy", "user", "problem"),
    [
        ("connect", USER, ""),
        ("connect", "iam-user-02", "the policy does not allow elasticache:Connect"),
        ("api", USER, "the policy does not allow elasticache:Connect"),
        ("nothing", USER, "the policy does not allow elasticache:Connect"),
        ("connect", "default", "there is no user default"),
    ],
)
def test_a_policy_lets_in_to_its_own_cache_as_its_own_user(policy, user, problem):
    users = IamUsers(SimpleNamespace(settings={"policy": policy}, is_real=False))

    assert users.judge(user, iam.make_token(users.keys, user)) == problem


def test_a_policy_denies_before_it_allows_and_allows_each_resource():
    both = iam.arn("replicationgroup", iam.CACHE), iam.arn("user", USER)
    allow = iam.Statement("Allow", (iam.CONNECT,), both)

    assert iam.allows([allow], iam.CONNECT, *both)
    assert not iam.allows([allow], iam.CONNECT, both[0], iam.arn("user", "iam-user-02"))
    assert not iam.allows([allow, *POLICIES["api"]], iam.CONNECT, *both)
    assert not iam.allows([allow], "elasticache:CreateReplicationGroup", *both)


def test_the_secret_of_a_key_is_in_no_text_of_it():
    assert KEYS.secret not in repr(KEYS)


def test_passwords_that_are_not_written_in_time_are_an_error_with_a_sentence(tmp_path, monkeypatch):
    def hangs(argv, *, timeout, **_options):
        raise subprocess.TimeoutExpired(argv, timeout)

    monkeypatch.setattr(subprocess, "run", hangs)
    memcached = sasl.SaslMemcached("cache", Address("127.0.0.1", 1), tmp_path, {"till": "pw"})

    with pytest.raises(DidNotStart, match="were not written within 10 s"):
        memcached.write(memcached.passwords)
