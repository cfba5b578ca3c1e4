"""A sandbox with other servers than its lab's: its page draws, lists and asks what is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from labs.client import find
from labs.events import Entry, SandboxOpened, TopologyChanged
from labs.lab import Link, Node, Topology
from labs.state import SandboxState
from portal.bench.view import topology_of
from tests.web.answering_host import AnsweringHost

LAB = "sample-lab"
SECOND = Node("second", "Second cache", "memcached")


@pytest.fixture
def grown(sample_labs: None) -> Topology:
    """The lab's topology with one more server."""
    return find(LAB).topology.with_node(SECOND, (Link("second", "app", "second"),))


@pytest.fixture
def opened(
    client: FlaskClient,
    host: AnsweringHost,
    learner_of: Callable[[FlaskClient], str],
    grown: Topology,
) -> AnsweringHost:
    """The host of an open sandbox to which a server was added."""
    state = SandboxState()
    state.apply(
        Entry(
            1, 1_700_000_000.0, SandboxOpened(lab=LAB, isolation="fake", settings={}, versions={})
        )
    )
    state.apply(Entry(2, 1_700_000_001.0, TopologyChanged(**grown.to_data())))
    client.post(f"/labs/{LAB}/sandbox")
    host.open(learner_of(client), LAB)
    host.answers["state"] = lambda request: {"reply": state.to_data()}
    return host


def test_an_added_server_is_drawn_listed_and_can_be_broken(
    client: FlaskClient, opened: AnsweringHost
) -> None:
    page = client.get(f"/labs/{LAB}?gear=break").text

    assert page.count("Second cache") > 2
    assert 'data-tells="second"' in page
    assert 'data-tells-link="second"' in page


def test_an_added_server_has_its_console(client: FlaskClient, opened: AnsweringHost) -> None:
    opened.answers["console"] = lambda request: {
        "reply": {"output": "VERSION 1.6", "failed": False, "took_ms": 1.0, "cut": False}
    }
    answer = client.post("/sandboxes/5a9d/console/second", data={"command": "version"})

    assert answer.status_code == 200
    assert "VERSION 1.6" in answer.text
    assert client.post("/sandboxes/5a9d/console/third", data={"command": "x"}).status_code == 422


def test_a_sandbox_that_sends_no_topology_is_drawn_as_its_lab(grown: Topology) -> None:
    lab = find(LAB)
    assert topology_of(lab, {"topology": grown.to_data()}) == grown
    assert topology_of(lab, {}) == lab.topology
    assert topology_of(lab, {"topology": {"nodes": [{"name": "<b>"}], "links": []}}) == lab.topology


def test_a_command_is_repeated_without_its_control_characters(
    client: FlaskClient, opened: AnsweringHost
) -> None:
    opened.answers["console"] = lambda request: {
        "reply": {"output": "OK", "failed": False, "took_ms": 1.0, "cut": False}
    }

    answer = client.post(
        "/sandboxes/5a9d/console/second", data={"command": "set a \x1b[2J\x9b\x00"}
    )

    assert "set a \\x1b[2J\\x9b\\x00" in answer.text
