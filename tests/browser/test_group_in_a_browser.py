"""The drawing of a replication group moves with the events, says what the server would say, and
keeps still where that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from labs.client import find
from labs.events import (
    EndpointMoved,
    Entry,
    Event,
    LinkChanged,
    ReadingTaken,
    RoleChanged,
    SentinelSaid,
    ServerChanged,
    ServerTold,
    SettingChanged,
    encode,
)
from labs.state import SandboxState
from portal import drawing
from portal.drawing.group import Group
from portal.drawing.standing import Standing
from tests.browser.conftest import Open, WebServer, watched
from tests.web.conftest import AnsweringHost, PostgresServer, RedisServer

LAB = "sample-group"
WELL: tuple[Event, ...] = (
    *(
        ServerChanged(server=name, state="up", version="7.0.15")
        for name in ("cache-001", "cache-002", "sentinel-a", "sentinel-b", "sentinel-c")
    ),
    RoleChanged(server="cache-001", role="primary"),
    RoleChanged(server="cache-002", role="replica", of="cache-001"),
    EndpointMoved(endpoint="primary-endpoint", targets=["cache-001"]),
    EndpointMoved(endpoint="reader-endpoint", targets=["cache-002"]),
)
INSIDE = SettingChanged(name="client_zone", label="The clients live in", value="zone a", shown="a")
FLOWN = ReadingTaken(readings={"flight_writes_per_s": 200.0, "flight_reads_per_s": 400.0})
FAILOVER: tuple[Event, ...] = (
    LinkChanged(link="zone b", state="slow", delay_ms=20.0),
    LinkChanged(link="cache-001 to cache-002", state="slow", delay_ms=1500.0),
    ServerChanged(server="cache-003", state="starting", why="copies the data set of its primary"),
    ServerChanged(server="cache-003", state="up"),
    RoleChanged(server="cache-003", role="replica", of=""),
    RoleChanged(server="cache-003", role="replica", of="cache-001"),
    EndpointMoved(endpoint="reader-endpoint", targets=["cache-001", "cache-002", "cache-003"]),
    ServerTold(
        server="cache-002",
        lines=["reads 400/s", "lag 0 bytes and a line that is too long for this drawing"],
    ),
    SettingChanged(name="zone_delay_ms", label="Delay between zones", value=20.0, shown="20 ms"),
    INSIDE,
    LinkChanged(link="zone a", state="cut"),
    SentinelSaid(
        sentinel="sentinel-b",
        event="+sdown",
        words="has had no answer from cache-001 for as long as it waits",
    ),
    SentinelSaid(sentinel="sentinel-c", event="+elected-leader", words="leader, epoch 1"),
    RoleChanged(server="cache-002", role="primary"),
    RoleChanged(server="cache-003", role="replica", of="cache-002"),
    EndpointMoved(endpoint="primary-endpoint", targets=["cache-002"]),
    ServerTold(server="app", lines=["settings unchanged since the start"]),
    SettingChanged(name="client_zone", label="The clients live in", value="zone c", shown="c"),
    ServerChanged(server="cache-001", state="down", why="killed"),
    LinkChanged(link="zone a", state="open"),
    ServerChanged(server="cache-001", state="up"),
    RoleChanged(server="cache-001", role="replica", of="cache-002"),
    ServerChanged(server="cache-002", state="paused", why="you paused it"),
    ServerChanged(server="sentinel-a", state="down", why="killed"),
    ServerChanged(server="cache-003", state="stopped"),
    RoleChanged(server="cache-003", role="none"),
    EndpointMoved(endpoint="reader-endpoint", targets=[]),
)


@pytest.fixture(scope="module")
def site(
    sample_labs: None, postgres: PostgresServer, redis_server: RedisServer
) -> Iterator[WebServer]:
    """A site that has the sample labs, too."""
    server = WebServer(postgres.url, redis_server.url)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def visit_group(
    browser: Browser, site: WebServer, portal_redis: Redis, sql: object
) -> Iterator[Callable[..., Page]]:
    """The open bench of a group that stands well."""
    host = AnsweringHost(portal_redis)
    host.answers["state"] = lambda request: {"reply": stood(*WELL).to_data()}
    host.start()
    with watched(browser, site.url) as go:

        def opened(**options: Any) -> Page:
            page = go(f"/labs/{LAB}", **options)
            page.request.post(f"/labs/{LAB}/sandbox", headers={"Sec-Fetch-Site": "same-origin"})
            learner = next(
                cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "learner"
            )
            host.open(learner.split(".")[0], LAB)
            page.reload()
            page.wait_for_selector("cg-bench[data-phase=open] cg-topology:defined")
            return page

        yield opened
    host.stop()


def stood(*events: Event) -> SandboxState:
    state = SandboxState()
    for seq, event in enumerate(events, 1):
        state.apply(Entry(seq, 1.0, event))
    return state


def tell(page: Page, *events: Event) -> None:
    """As if the feed had brought it."""
    for event in events:
        page.evaluate(
            "(entry) => document.querySelector('cg-bench').dispatchEvent(new "
            "CustomEvent(`feed:${entry.type}`, { detail: entry }))",
            encode(Entry(1, 1.0, event)),
        )


def drawn(page: Page) -> dict[str, Any]:
    """What the wide drawing wears and says."""
    found: dict[str, Any] = page.evaluate("""() => {
        const svg = document.querySelector('svg.group.only-wide');
        const all = (selector, read) => Object.fromEntries([...svg.querySelectorAll(selector)].map(read));
        const text = (element, selector) => element.querySelector(selector).textContent.trim();
        return {
            caches: all('[data-member]', (node) => [node.dataset.node, [node.dataset.state, node.dataset.crown, 'empty' in node.dataset, text(node, '.role'), ...(
                'empty' in node.dataset ? ['', ''] : [...node.querySelectorAll('.told')].map((line) => line.textContent))]]),
            wires: all('[data-way]', (wire) => [wire.dataset.link, [wire.dataset.seen, wire.dataset.state, wire.dataset.cut, wire.dataset.flow, text(wire, '.trouble')]]),
            endpoints: all('[data-endpoint]', (plate) => [plate.dataset.endpoint, text(plate, '.leads')]),
            zones: all('[data-zone]', (zone) => [zone.dataset.zone, [zone.dataset.state, text(zone, '.zone-words')]]),
            moves: all('.crown-path', (path) => [path.dataset.between, path.dataset.shown === 'yes']),
            app: text(svg, '[data-about]'),
            sentinels: all('.sentinel', (sentinel) => [sentinel.dataset.node, text(sentinel, '.sentinel-words')]),
            leader: [...svg.querySelectorAll('[data-leader]')].map((sentinel) => sentinel.dataset.node),
        };
    }""")
    return found


def asked_for(state: SandboxState) -> dict[str, Any]:
    """The same, as the server would draw it."""
    topology = find(LAB).topology
    stands = Standing(topology, state.to_data())
    plan = drawing.wide(topology)
    assert isinstance(plan, Group)
    return {
        "caches": {
            name: [
                stands.state_of(name),
                stands.crown(name),
                stands.empty(name),
                stands.words(name),
                *stands.told(name),
            ]
            for name in ("cache-001", "cache-002", "cache-003")
        },
        "wires": {
            way.link: [
                stands.seen(way),
                stands.way_state(way),
                stands.cut_at(way),
                stands.flow(way),
                stands.delay(way.link) if stands.link_state(way.link) == "slow" else "",
            ]
            for way in plan.ways
        },
        "endpoints": {plate.node.name: stands.leads(plate.node.name) for plate in plan.plates},
        "zones": {
            zone.name: [stands.link_state(zone.name), stands.zone_words(zone.name)]
            for zone in plan.zones
        },
        "moves": {
            f"{move.source} {move.target}": stands.moved(move.source, move.target)
            for move in plan.moves
        },
        "app": stands.app_words("app"),
        "sentinels": {
            box.node.name: stands.sentinel_words(box.node.name) for box in plan.sentinels
        },
        "leader": [box.node.name for box in plan.sentinels if stands.is_leader(box.node.name)],
    }


def test_after_every_event_the_page_says_what_the_server_would(
    visit_group: Callable[..., Page],
) -> None:
    page, state = visit_group(), stood(*WELL)
    assert drawn(page) == asked_for(state)

    for seq, event in enumerate([FLOWN, *FAILOVER], state.seq + 1):
        state.apply(Entry(seq, 1.0, event))
        tell(page, event)
        if isinstance(event, ReadingTaken):
            page.wait_for_selector("svg.only-wide [data-flow=write]", state="attached")
        assert drawn(page) == asked_for(state), event


def test_the_crown_moves_along_its_path_and_then_is_there(visit_group: Callable[..., Page]) -> None:
    page = visit_group()
    tell(
        page,
        ServerChanged(server="cache-001", state="down", why="killed"),
        RoleChanged(server="cache-002", role="primary"),
    )

    tell(page, EndpointMoved(endpoint="primary-endpoint", targets=["cache-002"]))

    expect(page.locator("svg.only-wide .moving")).to_have_count(1)
    expect(page.locator("svg.only-wide .moving")).to_have_count(0)
    expect(page.locator("svg.only-wide [data-node=cache-002] .rank")).to_be_visible()
    expect(page.locator("[data-tells-endpoint=primary-endpoint]")).to_have_text(
        "primary-endpoint: to cache-002"
    )
    expect(page.locator("[data-tells=cache-001]")).to_have_text("cache-001: is down: killed")


def test_nothing_moves_where_no_motion_is_wanted(visit_group: Callable[..., Page]) -> None:
    page = visit_group(reduced_motion="reduce")
    tell(
        page,
        ServerChanged(server="cache-001", state="down"),
        RoleChanged(server="cache-002", role="primary"),
        EndpointMoved(endpoint="primary-endpoint", targets=["cache-002"]),
    )
    tell(page, FLOWN)

    expect(page.locator("svg.only-wide [data-link=to-primary] .took")).to_have_text("200/s")
    assert page.evaluate("() => document.getAnimations().length") == 0
    expect(page.locator("svg.only-wide [data-node=cache-002] .rank")).to_be_visible()


def test_dots_go_through_the_endpoint_to_the_primary_and_say_that_they_are_a_sample(
    visit_group: Callable[..., Page],
) -> None:
    page = visit_group()
    tell(page, FLOWN)

    expect(page.locator(".sampled")).to_have_text(
        "Dots are a sample, about 1 of 50; the numbers are exact."
    )
    lead = page.locator(
        'svg.only-wide [data-link="primary-endpoint to cache-001"] .link'
    ).get_attribute("d")
    begins = "(text) => (text.match(/[0-9.]+/g) ?? []).slice(0, 2).join()"
    page.wait_for_function(
        "(d) => [...document.querySelectorAll('svg.only-wide .dot.write')].some((dot) => "
        f"({begins})(dot.style.offsetPath) === ({begins})(d))",
        arg=lead,
    )
    expect(page.locator("svg.only-wide .dot.hit").first).to_be_attached()
    tell(page, LinkChanged(link="zone a", state="cut"))
    assert page.locator('.dots [data-on="primary-endpoint to cache-001"]').count() == 0
    tell(page, ReadingTaken(readings={"flight_writes_per_s": 0.0, "flight_reads_per_s": 0.0}))
    expect(page.locator(".sampled")).to_be_empty()
    expect(page.locator("svg.only-wide .dot")).to_have_count(0)


@pytest.mark.parametrize("width", [345, 360, 640, 768, 1024, 1440])
def test_every_word_of_a_group_has_room_and_can_be_read(visit: Open, width: int) -> None:
    page = visit("/patterns", viewport={"width": width, "height": 900})

    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    small, outside = page.evaluate("""() => {
        const small = [], outside = [];
        for (const svg of document.querySelectorAll('.scheme-light svg.group')) {
            if (!svg.getClientRects().length) continue;
            const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
            for (const text of svg.querySelectorAll('text')) {
                if (!text.textContent.trim() || !text.getClientRects().length) continue;
                for (const part of [text, ...text.querySelectorAll('tspan')]) if (parseFloat(getComputedStyle(part).fontSize) * scale < 11) small.push(part.textContent);
                const box = (text.closest('.node, .plate')?.querySelector('rect') ?? svg).getBoundingClientRect();
                const words = text.getBoundingClientRect();
                if (words.left < box.left || words.right > box.right) outside.push(text.textContent.trim());
            }
        }
        return [small, outside];
    }""")

    assert not outside
    assert not small
