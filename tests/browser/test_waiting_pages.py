"""Tabs that share the few connections of a browser, and pages that wait for an answer: each says
what it waits for, and has an end.
"""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.behind_a_proxy import (
    DOWN,
    NO_LOCKS,
    NO_WORKER,
    SOON_MS,
    Begin,
    begin,
    kill_cache,
    line,
    proxy,
    quick_server,
    shows,
)
from tests.browser.conftest import unfold, watched
from tests.browser.proxies import Proxy
from tests.waiting import eventually
from tests.web.faked_labs import FakedLabs

__all__ = ["begin", "proxy", "quick_server"]


def test_seven_tabs_without_a_shared_worker_leave_connections_for_requests(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs
) -> None:
    first = begin(NO_WORKER)
    pages = [first]
    for _ in range(6):
        page = first.context.new_page()
        page.goto("/labs/cache-aside?gear=break")
        pages.append(page)
    for page in pages:
        expect(page.locator("cg-bench")).to_have_attribute(
            "data-connection", re.compile("live|polling"), timeout=SOON_MS
        )

    assert [page.locator("cg-bench").get_attribute("data-connection") for page in pages].count(
        "live"
    ) == 2
    eventually(lambda: proxy.open_streams == 2)
    pages[6].locator("[data-fault-server=cache]").get_by_role("button", name="Kill").click()
    for page in pages:
        expect(page.locator(DOWN)).to_be_attached(timeout=SOON_MS)
    for page in pages[:2]:
        page.close()
    eventually(
        lambda: (
            [page.locator("cg-bench").get_attribute("data-connection") for page in pages[2:]].count(
                "live"
            )
            == 2
        )
    )


def test_a_hidden_tab_passes_its_stream_on(begin: Begin, proxy: Proxy) -> None:
    page = begin(NO_WORKER)

    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    shows(page, "polling")
    eventually(lambda: proxy.open_streams == 0)
    page.evaluate(
        """() => {
          delete document.hidden;
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    shows(page, "live")


def test_without_worker_and_locks_the_page_asks(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs
) -> None:
    page = begin(NO_WORKER, NO_LOCKS, until="polling")

    kill_cache(page, labs_host)

    expect(page.locator(DOWN)).to_be_attached(timeout=SOON_MS)
    assert not proxy.opened


def test_a_worker_that_never_answers_is_done_without(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs
) -> None:
    proxy.only = re.compile(rb"feed-worker")
    proxy.everything = "freeze"

    page = begin()

    kill_cache(page, labs_host)
    expect(page.locator(DOWN)).to_be_attached(timeout=SOON_MS)


def test_a_bench_that_waits_in_the_queue_says_that_nothing_answers(
    begin: Begin, browser: Browser, proxy: Proxy, labs_host: FakedLabs
) -> None:
    labs_host.queue("first")
    with watched(browser, proxy.url) as go:
        page = go("/labs/cache-aside", problems_are_meant=True)
        page.get_by_role("button", name="Open the bench").click()
        expect(page.get_by_text("You are number 2 in the queue")).to_be_visible()

        proxy.everything = "freeze"
        expect(line(page)).to_contain_text("No answer since", timeout=SOON_MS)
        expect(page.locator(".toast")).to_have_count(0)
        labs_host.let_in()
        proxy.everything = ""

        expect(page.locator("cg-bench[data-phase=open]")).to_be_attached(timeout=SOON_MS)


def test_an_ended_sandbox_is_said_as_soon_as_the_portal_answers(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs
) -> None:
    page = begin()
    sandbox = page.locator("cg-bench").get_attribute("data-sandbox")
    proxy.only = re.compile(rb"GET /labs/")
    proxy.everything = "refuse"

    labs_host.client.call(str(sandbox), "close", reason="It was time.")
    shows(page, "lost")
    proxy.everything = ""

    expect(page.get_by_role("heading", name="It was time.")).to_be_visible(timeout=SOON_MS)


def said(page: Page) -> Locator:
    """What a bench says of an action that went wrong."""
    return page.locator("[data-outcome].error")


def test_an_action_without_an_answer_is_given_up_and_may_be_tried_again(
    begin: Begin, proxy: Proxy
) -> None:
    page = begin()
    page.clock.install()
    proxy.only = re.compile(rb"^POST /sandboxes/")
    proxy.everything = "freeze"

    with page.expect_request("**/servers/cache"):
        page.locator("[data-fault-server=cache]").get_by_role("button", name="Kill").click()
    page.clock.fast_forward(20_000)

    expect(said(page)).to_contain_text("does not know whether that was done")
    proxy.everything = ""
    unfold(page, "More controls")
    page.locator("[data-fault-server=database]").get_by_role("button", name="Kill").click()
    expect(page.locator("svg.only-wide [data-node=database]")).to_have_attribute(
        "data-state", "down", timeout=SOON_MS
    )


def test_the_same_trouble_is_said_once(begin: Begin, proxy: Proxy) -> None:
    page = begin()
    proxy.only = re.compile(rb"^POST /sandboxes/")
    proxy.everything = "refuse"

    unfold(page, "More controls")
    for name in ("cache", "database"):
        page.locator(f"[data-fault-server={name}]").get_by_role("button", name="Kill").click()
        expect(said(page)).to_have_count(1)
        expect(page.locator(".toast")).to_have_count(0)


def test_a_command_without_an_answer_stands_in_the_line_again(begin: Begin, proxy: Proxy) -> None:
    page = begin()
    unfold(page, "Console")
    commands = page.get_by_label("Command for cache")
    proxy.only = re.compile(rb"^POST /sandboxes/[^ ]*/console/")
    proxy.everything = "refuse"

    commands.fill("GET a\nGET b")
    commands.press("Enter")
    expect(said(page)).to_contain_text("does not know whether that was done")
    expect(commands).to_have_value("GET a\nGET b")

    proxy.everything = ""
    commands.press("Enter")
    expect(page.locator(".console-of[data-server=cache] .turn")).to_have_count(2)
    expect(commands).to_have_value("")


def test_a_completion_without_an_answer_is_said(begin: Begin, proxy: Proxy) -> None:
    page = begin()
    unfold(page, "Console")
    commands = page.get_by_label("Command for cache")
    proxy.only = re.compile(rb"^POST /sandboxes/[^ ]*/complete")
    proxy.everything = "refuse"

    commands.fill("GETD")
    commands.press("Tab")
    said = page.locator(".console-of[data-server=cache] .options")
    expect(said).to_contain_text("nothing was completed")
    expect(commands).to_have_value("GETD")

    proxy.everything = ""
    commands.press("Tab")
    expect(commands).to_have_value("GETDEL ")
    expect(said).to_be_hidden()


def test_a_flight_that_never_arrives_is_said_to_be_missing(
    begin: Begin, browser: Browser, proxy: Proxy
) -> None:
    proxy.only = re.compile(rb"^GET /patterns/flights/")
    proxy.everything = "freeze"
    with watched(browser, proxy.url) as go:
        page = go("/patterns", problems_are_meant=True)

        expect(page.get_by_text("The portal did not answer").first).to_be_visible(timeout=SOON_MS)
