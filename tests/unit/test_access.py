"""Rules, tokens and access strings of the setup access, without a server."""

import stat
from types import SimpleNamespace

import pytest
from cryptography import x509

from labs.catalogue import find
from labs.errors import BadInput, NotNow
from labs.setups.access.certificates import Authority
from labs.setups.access.gate import CLOSED, Gate, Rule
from labs.setups.access.tokens import problem_of
from labs.setups.access.users import Users


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
