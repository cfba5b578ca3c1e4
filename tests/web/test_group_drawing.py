"""The bench of a lab with a replication group: what stands in the sandbox's state is drawn and
listed; a name has no faults and no console.
"""

from __future__ import annotations

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
    ServerTold,
)
from labs.state import SandboxState
from tests.web.conftest import AnsweringHost

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
    ServerTold(server="cache-002", lines=["writes 200/s", "replicas <b>0</b>"]),
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


def test_a_group_is_drawn_as_it_stands(page: Page) -> None:
    drawn = page(*WELL)

    assert drawn.count('<svg class="topology group') == 2
    assert ['data-crown="worn"' in tag for tag in elements(drawn, 'data-node="cache-001"')] == [
        True,
        True,
    ]
    assert all("data-empty" in tag for tag in elements(drawn, 'data-node="cache-003"'))
    assert all(
        'data-seen="on"' in tag
        for tag in elements(drawn, 'data-link="primary-endpoint to cache-001"')
    )
    assert all(
        'data-seen="off"' in tag
        for tag in elements(drawn, 'data-link="primary-endpoint to cache-002"')
    )
    assert all(
        'data-seen="on"' in tag for tag in elements(drawn, 'data-link="cache-001 to cache-002"')
    )
    for words in (
        "replica of cache-001",
        "no replica here",
        "to cache-002",
        "knows two names, no server",
    ):
        assert drawn.count(f">{words}</text>") == 2, words


def test_a_failover_is_drawn_and_what_a_server_told_never_becomes_markup(page: Page) -> None:
    drawn = page(*WELL, *FAILED_OVER)

    assert all(
        'data-crown="was"' in tag and 'data-state="down"' in tag
        for tag in elements(drawn, 'data-node="cache-001" ')
    )
    assert all('data-crown="worn"' in tag for tag in elements(drawn, 'data-node="cache-002" '))
    assert all(
        'data-shown="yes"' in tag for tag in elements(drawn, 'data-between="cache-001 cache-002"')
    )
    assert all('data-state="cut"' in tag for tag in elements(drawn, 'data-zone="zone a"'))
    assert all(" data-leader" in tag for tag in elements(drawn, 'data-node="sentinel-b" '))
    assert drawn.count(">is down: you killed it</text>") == 2
    assert "replicas &lt;b&gt;0&lt;/b&gt;" in drawn and "<b>0</b>" not in drawn


def test_the_same_stands_in_a_list_for_those_who_do_not_see_it(page: Page) -> None:
    drawn = re.sub(r"\s+", " ", page(*WELL, *FAILED_OVER))

    for line in (
        "cache-001, Redis 7.0.15: is down: you killed it",
        "cache-002, Redis 7.0.15: up, primary",
        "cache-003, Redis: no replica here",
        "sentinel b, Sentinel 7.0.15: up",
        "primary endpoint: to cache-002",
        "reader endpoint: to nobody",
        "zone a: cut off",
        "zone b: whole",
    ):
        assert f">{line}</li>" in drawn, line


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
    assert "has stopped" not in drawn
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
