"""A topology that grows and shrinks while its sandbox is open."""

import pytest

from labs.errors import BadInput
from labs.events import TopologyChanged
from labs.lab import Link, Node, Topology
from tests.unit.conftest import lab_with

SECOND = Node("second", "second", "memcached")
TO_SECOND = Link("second", "app", "second")


def changes(events):
    return [event for event in events if isinstance(event, TopologyChanged)]


def test_an_added_server_runs_and_the_page_is_told(open_sandbox):
    events = []
    sandbox = open_sandbox(lab_with(), events)
    sandbox.add(SECOND, TO_SECOND, why="one more was wanted")

    assert sandbox.servers["second"].state == "up"
    assert sandbox.link_states == {"cache": "open", "second": "open"}
    assert [node["name"] for node in changes(events)[-1].nodes] == ["app", "cache", "second"]


def test_a_removed_server_is_stopped_and_its_links_go_with_it(open_sandbox):
    events = []
    sandbox = open_sandbox(lab_with(), events)
    sandbox.add(SECOND, TO_SECOND)
    second = sandbox.servers["second"]
    sandbox.remove("second")

    assert second.state == "stopped"
    assert "second" not in sandbox.servers
    assert "second" not in sandbox.link_states
    assert [node["name"] for node in changes(events)[-1].nodes] == ["app", "cache"]
    with pytest.raises(BadInput, match="No server here is called 'second'"):
        sandbox.server("second", "kill")


def test_a_name_is_given_once(open_sandbox):
    sandbox = open_sandbox(lab_with())
    with pytest.raises(BadInput, match="There is a server cache already"):
        sandbox.add(Node("cache", "cache", "redis"))


def test_a_link_that_leads_elsewhere_changes_nothing(open_sandbox):
    events = []
    sandbox = open_sandbox(lab_with(), events)
    with pytest.raises(BadInput, match="does not lead to second"):
        sandbox.add(SECOND, Link("wrong", "app", "cache"))

    assert "second" not in sandbox.servers
    assert not changes(events)


def test_a_reset_takes_away_what_was_added_and_brings_back_what_was_removed(open_sandbox):
    sandbox = open_sandbox(lab_with())
    sandbox.add(SECOND, TO_SECOND)
    sandbox.remove("cache")
    sandbox.reset()

    assert set(sandbox.servers) == {"cache"}
    assert sandbox.servers["cache"].state == "up"
    assert sandbox.topology == sandbox.lab.topology


def test_an_address_belongs_to_a_name_for_the_life_of_the_sandbox(open_sandbox):
    sandbox = open_sandbox(lab_with())
    host = sandbox.addresses.host("second")
    sandbox.add(SECOND, TO_SECOND)
    sandbox.remove("second")
    sandbox.add(SECOND, TO_SECOND)

    assert sandbox.addresses.host("second") == host


def test_a_topology_crosses_as_data():
    topology = Topology((Node("app", "App", "app", about="a client"), SECOND), (TO_SECOND,))
    assert Topology.from_data(topology.to_data()) == topology


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"nodes": [{}], "links": []},
        {"nodes": [], "links": [{"name": "a", "source": "b", "target": "c"}]},
        {
            "nodes": [dict(Topology((SECOND,), ()).to_data()["nodes"][0], engine="oracle")],
            "links": [],
        },
        Topology(tuple(Node(f"n{i}", "n", "redis") for i in range(61)), ()).to_data(),
    ],
    ids=["nothing", "a node without a name", "a link to nowhere", "an unknown engine", "too many"],
)
def test_what_is_no_topology_is_refused(data):
    with pytest.raises(BadInput):
        Topology.from_data(data)
