"""The bench of a lab with a replication group: it is drawn, and its script gets the state of the
sandbox; a name has no faults and no console.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from labs.events import (
    EndpointMoved,
    Entry,
    Event,
    LinkChanged,
    RoleChanged,
    SandboxOpened,
    SentinelSaid,
    ServerChanged,
    ServerFiguresChanged,
)
from labs.state import SandboxState
from tests.web.answering_host import AnsweringHost

LAB = "sample-group"
WELL: tuple[Event, ...] = (
    SandboxOpened(
        lab=LAB, isolation="fake", settings={}, versions={"redis": "7.0.15", "sentinel": "7.0.15"}
    ),
    *(
        ServerChanged(server=name, state="up", version="7.0.15")
        for name in ("cache-001", "cache-002", "sentinel-a", "sentinel-b", "sentinel-c")
    ),
    RoleChanged(server="cache-001", role="primary"),
    RoleChanged(server="cache-002", role="replica", of="cache-001"),
    EndpointMoved(endpoint="primary-endpoint", targets=["cache-001"]),
    EndpointMoved(endpoint="reader-endpoint", targets=["cache-002"]),
)
FAILED_OVER: tuple[Event, ...] = (
    ServerChanged(server="cache-001", state="down", why="you killed it"),
    LinkChanged(link="zone a", state="cut"),
    ServerFiguresChanged(server="cache-002", lines=["writes 200/s", "replicas <b>0</b>"]),
    SentinelSaid(sentinel="sentinel-b", event="+elected-leader", words="leader, epoch 1"),
    RoleChanged(server="cache-002", role="primary"),
    EndpointMoved(endpoint="primary-endpoint", targets=["cache-002"]),
    EndpointMoved(endpoint="reader-endpoint", targets=[]),
)

Page = Callable[..., str]


@pytest.fixture
def page(
    client: FlaskClient, host: AnsweringHost, learner_of: Callable[[FlaskClient], str]
) -> Page:
    """The page of the open bench after these events."""

    def after(*events: Event) -> str:
        state = SandboxState()
        for seq, event in enumerate(events, 1):
            state.apply(Entry(seq, 1_700_000_000.0, event))
        client.post(f"/labs/{LAB}/sandbox")
        host.open(learner_of(client), LAB)
        host.answers["state"] = lambda request: {"reply": state.to_data()}
        return client.get(f"/labs/{LAB}?gear=break").text

    return after


def elements(page: str, needle: str) -> list[str]:
    """The start tags that hold this."""
    return [tag for tag in re.findall(r"<[a-z]+ [^>]*>", page) if needle in tag]


def test_a_group_is_drawn_with_what_its_script_needs(page: Page) -> None:
    drawn = page(*WELL, *FAILED_OVER)

    assert drawn.count('<svg class="topology group') == 2
    state = json.loads(re.findall(r"<cg-topology [^>]*data-state='([^']*)'", drawn)[0])
    assert state["servers"]["cache-001"]["why"] == "you killed it"
    assert state["roles"]["cache-002"] == {"role": "primary", "of": ""}
    assert state["links"]["zone a"]["state"] == "cut"
    assert state["sentinels"] == {
        "sentinel-b": {"event": "+elected-leader", "words": "leader, epoch 1"}
    }
    assert state["leader"] == "sentinel-b"
    assert state["figures"]["cache-002"] == ["writes 200/s", "replicas <b>0</b>"]
    assert "<b>0</b>" not in drawn


def test_a_name_can_neither_be_killed_nor_cut_and_has_no_console(page: Page) -> None:
    drawn = page(*WELL)

    assert re.findall(r'data-fault-server="([^"]+)"', drawn) == [
        "cache-001",
        "cache-002",
        "cache-003",
        "sentinel-a",
        "sentinel-b",
        "sentinel-c",
    ]
    assert "data-fault-link" not in drawn
    assert re.findall(r'class="console-of" data-server="([^"]+)"', drawn) == [
        "cache-001",
        "cache-002",
        "cache-003",
    ]


def test_a_group_that_is_not_open_is_drawn_too(client: FlaskClient, host: AnsweringHost) -> None:
    drawn = client.get(f"/labs/{LAB}").text

    assert drawn.count('<svg class="topology group') == 2
    assert 'data-crown="worn"' not in drawn
    assert ">has stopped" not in drawn
    assert all('data-seen="off"' in tag for tag in elements(drawn, 'data-way="leads"'))


def test_on_a_wall_a_group_is_drawn_flat(page: Page, client: FlaskClient) -> None:
    page(*WELL)

    width, height = (
        float(number)
        for number in re.findall(
            r'class="topology group only-wide" viewBox="0 0 ([0-9.]+) ([0-9.]+)"',
            client.get(f"/labs/{LAB}?view=projector").text,
        )[0]
    )

    assert width > 4 * height
