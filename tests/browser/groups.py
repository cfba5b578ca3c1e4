"""The open bench of a replication group, without servers: what the tests of its drawing share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from redis import Redis

from labs.events import (
    EndpointMoved,
    Entry,
    Event,
    ReadingTaken,
    RoleChanged,
    ServerChanged,
    encode,
)
from labs.state import SandboxState
from tests.browser.conftest import WebServer, watched
from tests.web.answering_host import AnsweringHost
from tests.web.conftest import PostgresServer, RedisServer

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
FLOWN = ReadingTaken(
    readings={"flight_writes_per_s": 200.0, "flight_reads_per_s": 400.0},
    flows={
        "to-primary write": 200.0,
        "primary-endpoint to cache-001 write": 200.0,
        "to-reader hit": 400.0,
        "reader-endpoint to cache-002 hit": 400.0,
    },
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
    """The open bench of a group that stands well, after these events."""
    host = AnsweringHost(portal_redis)
    host.start()
    with watched(browser, site.url) as go:

        def opened(*events: Event, **options: Any) -> Page:
            host.answers["state"] = lambda request: {"reply": stood(*WELL, *events).to_data()}
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
