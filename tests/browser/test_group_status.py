"""The drawing of a replication group follows from the state of the sandbox, at once and with each
event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from labs.events import (
    EndpointMoved,
    Event,
    LinkChanged,
    ReadingTaken,
    RoleChanged,
    SentinelSaid,
    ServerChanged,
    ServerFiguresChanged,
    SettingChanged,
)
from tests.browser.groups import site, tell, visit_group
from tests.waiting import eventually

__all__ = ["site", "visit_group"]

THIRD: tuple[Event, ...] = (
    ServerChanged(server="cache-003", state="up"),
    RoleChanged(server="cache-003", role="replica", of="cache-001"),
    EndpointMoved(endpoint="reader-endpoint", targets=["cache-002", "cache-003"]),
)
CUT = LinkChanged(link="zone a", state="cut")
KILLED = ServerChanged(server="cache-001", state="down", why="kill -9")
PROMOTED = RoleChanged(server="cache-002", role="primary")
FOLLOWS = RoleChanged(server="cache-003", role="replica", of="cache-002")
MOVED = EndpointMoved(endpoint="primary-endpoint", targets=["cache-002"])
LED = EndpointMoved(endpoint="reader-endpoint", targets=["cache-003"])


def drawn(page: Page) -> dict[str, Any]:
    """What the wide drawing wears and says, and the list for those who do not see it."""
    found: dict[str, Any] = page.evaluate("""() => {
        const svg = document.querySelector('svg.group.only-wide');
        const all = (selector, read, within = svg) => Object.fromEntries([...within.querySelectorAll(selector)].map(read));
        const text = (element, selector) => element.querySelector(selector).textContent.trim();
        return {
            crowns: all('[data-member]', (node) => [node.dataset.node, node.dataset.crown]),
            empty: [...svg.querySelectorAll('[data-empty]')].map((node) => node.dataset.node),
            words: all('[data-member]', (node) => [node.dataset.node, text(node, '.role')]),
            figures: all('[data-member]', (node) => [node.dataset.node, [...node.querySelectorAll('.figures')].map((line) => line.textContent)]),
            states: all('[data-node]', (node) => [node.dataset.node, node.dataset.state]),
            seen: all('[data-way]:not([data-way=asks], [data-seen=off])', (wire) => [wire.dataset.link, wire.dataset.seen]),
            wires: all('[data-way]', (wire) => [wire.dataset.link, [wire.dataset.state, text(wire, '.trouble')]]),
            cuts: all('[data-way][data-state=cut]:not([data-seen=off])', (wire) => [wire.dataset.link, wire.dataset.cut]),
            flows: all('[data-way]:not([data-flow=""])', (wire) => [wire.dataset.link, wire.dataset.flow]),
            leads: all('[data-endpoint]', (plate) => [plate.dataset.endpoint, text(plate, '.leads')]),
            zones: all('[data-zone]', (zone) => [zone.dataset.zone, [zone.dataset.state, text(zone, '.zone-words')]]),
            moves: [...svg.querySelectorAll('.crown-path[data-shown=yes]')].map((path) => path.dataset.between),
            app: text(svg, '[data-about]'),
            sentinels: all('.sentinel', (sentinel) => [sentinel.dataset.node, text(sentinel, '.sentinel-words')]),
            leader: [...svg.querySelectorAll('[data-leader]')].map((sentinel) => sentinel.dataset.node),
            list: [...document.querySelectorAll('cg-topology li')].map((item) => item.textContent),
        };
    }""")
    return found


After = Callable[..., dict[str, Any]]


@pytest.fixture
def after(visit_group: Callable[..., Page]) -> After:
    """What is drawn after these events: the same whether the feed brought them or they were part of
    the state that the page began with.
    """

    def told(*events: Event) -> dict[str, Any]:
        page = visit_group(*events)
        begun = drawn(page)
        page.context.close()
        live = visit_group()
        tell(live, *events)
        if any(isinstance(event, ReadingTaken) for event in events):
            # What a reading counted is drawn at most twice a second.
            eventually(lambda: drawn(live)["flows"] == begun["flows"])
        assert drawn(live) == begun
        live.context.close()
        return begun

    return told


def test_the_crown_is_where_the_primary_endpoint_leads(after: After) -> None:
    stands = after(*THIRD)

    assert stands["crowns"] == {"cache-001": "worn", "cache-002": "", "cache-003": ""}
    assert list(stands["words"].values()) == [
        "primary",
        "replica of cache-001",
        "replica of cache-001",
    ]
    assert stands["seen"] == {
        "primary-endpoint to cache-001": "on",
        "reader-endpoint to cache-002": "on",
        "reader-endpoint to cache-003": "on",
        "cache-001 to cache-002": "on",
        "cache-001 to cache-003": "on",
    }
    assert stands["leads"]["reader-endpoint"] == "to cache-002, cache-003"
    assert stands["list"] == [
        "cache-001, Redis 7.0.15: up, primary",
        "cache-002, Redis 7.0.15: up, replica of cache-001",
        "cache-003, Redis: up, replica of cache-001",
        "sentinel a, Sentinel 7.0.15: up",
        "sentinel b, Sentinel 7.0.15: up",
        "sentinel c, Sentinel 7.0.15: up",
        "primary endpoint: to cache-001",
        "reader endpoint: to cache-002, cache-003",
        "zone a: whole",
        "zone b: whole",
        "zone c: whole",
    ]


def test_no_server_wears_the_crown_between_the_kill_and_the_endpoints_move(after: After) -> None:
    assert list(after(*THIRD, KILLED)["crowns"].values()) == ["was", "", ""]
    assert list(after(*THIRD, KILLED, PROMOTED)["crowns"].values()) == ["was", "was", ""]

    stands = after(*THIRD, KILLED, PROMOTED, FOLLOWS, MOVED, LED)

    assert list(stands["crowns"].values()) == ["was", "worn", ""]
    assert stands["moves"] == ["cache-001 cache-002"]
    assert stands["seen"] == {
        "primary-endpoint to cache-001": "gone",
        "primary-endpoint to cache-002": "on",
        "reader-endpoint to cache-003": "on",
        "cache-002 to cache-003": "on",
    }
    assert stands["words"]["cache-001"] == "is down: kill -9"
    assert stands["states"]["cache-001"] == "down"
    assert "cache-001, Redis 7.0.15: is down: kill -9" in stands["list"]


def test_a_cut_zone_cuts_what_crosses_its_border_and_its_primary_goes_on(after: After) -> None:
    stands = after(*THIRD, CUT)

    assert stands["cuts"] == {
        "primary-endpoint to cache-001": "target",
        "cache-001 to cache-002": "source",
        "cache-001 to cache-003": "source",
    }
    assert stands["zones"]["zone a"] == ["cut", "cut off"]
    assert "zone a: cut off" in stands["list"]

    split = after(*THIRD, CUT, PROMOTED, FOLLOWS, MOVED)
    assert list(split["crowns"].values()) == ["was", "worn", ""]
    assert split["words"]["cache-001"] == "still calls itself primary"

    whole = LinkChanged(link="zone a", state="open")
    again = RoleChanged(server="cache-001", role="replica", of="cache-002")
    stands = after(*THIRD, CUT, PROMOTED, FOLLOWS, MOVED, whole, again)
    assert list(stands["crowns"].values()) == ["", "worn", ""]
    assert stands["words"]["cache-001"] == "replica of cache-002"


def test_a_slow_zone_and_a_slow_link_say_by_how_much(after: After) -> None:
    stands = after(
        LinkChanged(link="zone b", state="slow", delay_ms=20),
        LinkChanged(link="cache-001 to cache-003", state="slow", delay_ms=1500),
    )

    assert stands["zones"]["zone b"] == ["slow", "+20 ms each way"]
    assert stands["wires"]["cache-001 to cache-002"] == ["slow", ""]
    assert stands["wires"]["cache-001 to cache-003"] == ["slow", "+1.5 s"]


def test_a_place_without_a_replica_says_so_until_one_is_added(after: After) -> None:
    figures = ServerFiguresChanged(server="cache-003", lines=["lag 0 bytes", "x" * 40])
    up = ServerChanged(server="cache-003", state="up")
    empty = after(figures)
    added = after(up, RoleChanged(server="cache-003", role="replica", of=""), figures)
    taken = after(ServerChanged(server="cache-001", state="stopped"))

    assert (empty["empty"], empty["figures"]["cache-003"]) == (["cache-003"], ["", ""])
    assert empty["words"]["cache-003"] == "no replica here"
    assert added["empty"] == []
    assert added["words"]["cache-003"] == "replica of no server yet"
    assert added["figures"]["cache-003"] == ["lag 0 bytes", "x" * 32 + "…"]
    assert taken["empty"] == ["cache-001", "cache-003"]


def test_an_endpoint_that_leads_nowhere_says_so(after: After) -> None:
    readers = ["cache-001", "cache-002", "cache-003"]
    stands = after(
        EndpointMoved(endpoint="primary-endpoint", targets=[]),
        EndpointMoved(endpoint="reader-endpoint", targets=readers),
    )

    assert stands["leads"] == {
        "primary-endpoint": "to no server",
        "reader-endpoint": "to 3 servers in turn",
    }


def test_a_sentinel_has_its_last_word_and_the_leader_is_the_last_elected(after: After) -> None:
    stands = after(
        SentinelSaid(sentinel="sentinel-a", event="+elected-leader", words="leader, epoch 1"),
        SentinelSaid(sentinel="sentinel-b", event="+elected-leader", words="leader, epoch 2"),
        SentinelSaid(
            sentinel="sentinel-a",
            event="+sdown",
            words="has had no answer from cache-001 for as long as it waits",
        ),
        ServerChanged(server="sentinel-c", state="down", why="killed"),
    )

    assert stands["sentinels"] == {
        "sentinel-a": "no answer from cache-001",
        "sentinel-b": "leader, epoch 2",
        "sentinel-c": "is down",
    }
    assert stands["leader"] == ["sentinel-b"]


def counted(**flows: float) -> ReadingTaken:
    """A reading in which these were counted, by link: an underscore stands for a space."""
    return ReadingTaken(
        readings={}, flows={name.replace("_", " "): rate for name, rate in flows.items()}
    )


def test_what_travels_follows_from_the_reading(after: After) -> None:
    assert after()["flows"] == {}
    writes = counted(**{"to-primary_write": 200.0, "primary-endpoint_to_cache-001_write": 200.0})
    assert after(writes)["flows"] == {
        "to-primary": "write",
        "primary-endpoint to cache-001": "write",
    }
    assert after(writes, KILLED)["flows"] == {"to-primary": "write"}


def test_a_replica_that_answers_no_read_gets_no_dot_and_one_that_does_is_seen(
    after: After,
) -> None:
    reads = counted(**{"to-reader_hit": 400.0, "reader-endpoint_to_cache-002_hit": 400.0})

    stands = after(*THIRD, reads)
    moved = after(*THIRD, LED, reads)

    assert stands["flows"] == {"to-reader": "hit", "reader-endpoint to cache-002": "hit"}
    assert stands["seen"]["reader-endpoint to cache-003"] == "on"
    # Its clients are still connected, though the endpoint leads elsewhere now.
    assert moved["flows"] == stands["flows"]
    assert moved["seen"]["reader-endpoint to cache-002"] == "gone"


def test_clients_in_the_cut_zone_go_on_writing_to_the_primary_there(after: After) -> None:
    writes = counted(**{"to-primary_write": 200.0, "primary-endpoint_to_cache-001_write": 200.0})
    moved = counted(**{"to-primary_write": 200.0, "primary-endpoint_to_cache-002_write": 200.0})
    inside = SettingChanged(name="client_zone", label="", value="zone a", shown="")
    outside = SettingChanged(name="client_zone", label="", value="zone c", shown="")
    before = after(*THIRD, writes, inside, CUT)
    split = after(*THIRD, writes, inside, CUT, PROMOTED, FOLLOWS, MOVED)
    elsewhere = after(*THIRD, writes, outside, CUT, PROMOTED, FOLLOWS, MOVED, moved)

    assert before["zones"]["zone a"] == ["cut", "cut off, with the clients"]
    assert before["wires"]["primary-endpoint to cache-001"][0] == "open"
    assert before["wires"]["reader-endpoint to cache-002"][0] == "cut"
    there = {"to-primary": "write", "primary-endpoint to cache-001": "write"}
    assert before["flows"] == split["flows"] == there
    assert split["seen"]["primary-endpoint to cache-001"] == "gone"
    assert elsewhere["flows"] == {
        "to-primary": "write",
        "primary-endpoint to cache-002": "write",
    }


def test_the_application_says_its_zone_until_it_tells_something_else(after: After) -> None:
    zone = SettingChanged(name="client_zone", label="", value="zone b", shown="")
    delay = SettingChanged(name="zone_delay_ms", label="", value=20.0, shown="")
    told = ServerFiguresChanged(server="app", lines=["settings unchanged since the start"])

    assert after()["app"] == "knows two names, no server"
    assert after(zone, delay)["app"] == "in zone b, 20 ms between zones"
    assert after(zone, delay, told)["app"] == "settings unchanged since the start"


def test_what_a_server_tells_is_never_markup(after: After) -> None:
    stands = after(
        ServerFiguresChanged(server="cache-002", lines=["replicas <b>0</b>", "' & \" </script>"]),
        ServerChanged(server="cache-001", state="down", why="<i>you</i> killed it"),
    )

    assert stands["figures"]["cache-002"] == ["replicas <b>0</b>", "' & \" </script>"]
    assert stands["words"]["cache-001"] == "is down: <i>you</i> killed it"
