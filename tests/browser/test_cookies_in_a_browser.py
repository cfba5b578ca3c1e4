"""The first click of a visitor whose browser keeps cookies, and of one whose browser does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Open, WebServer, watched
from tests.browser.proxies import Proxy, proxy_to
from tests.waiting import eventually
from tests.web.faked_labs import FakedLabs

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def refusing(web_server: WebServer) -> Iterator[Proxy]:
    """The site for a browser that gets no cookie."""
    with proxy_to(web_server.port) as proxy:
        proxy.without_cookies = True
        yield proxy


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_who_refuses_cookies_reads_how_to_allow_them(
    browser: Browser, refusing: Proxy, labs_host: FakedLabs, sql: Ask, scripts: bool
) -> None:
    with watched(browser, refusing.url) as go:
        page = go("/labs/cache-aside", problems_are_meant=True, java_script_enabled=scripts)
        page.get_by_role("button", name="Open the bench").click()
        expect(page.get_by_text("Allow cookies for this site")).to_be_visible()

        page.goto("/lessons/why-a-cache/quiz")
        page.get_by_role("radio").first.check()
        page.get_by_role("button", name="Answer").first.click()
        expect(page.get_by_text("Allow cookies for this site")).to_be_visible()

    assert sql("SELECT count(*) FROM learner") == [(0,)]
    assert not labs_host.line.calls


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_double_click_opens_one_bench_of_one_learner(
    visit: Open, labs_host: FakedLabs, sql: Ask, scripts: bool
) -> None:
    page = visit("/labs/cache-aside", java_script_enabled=scripts)

    page.get_by_role("button", name="Open the bench").dblclick()

    expect(page.locator("cg-bench[data-phase=open]")).to_be_attached()
    eventually(lambda: [host.open for host in labs_host.client.hosts()] == [1])
    assert sql("SELECT count(*) FROM learner") == [(1,)]
