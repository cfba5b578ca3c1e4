"""A bench behind a proxy that can be given faults, on a portal whose pages lose their patience soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Open, WebServer, watched
from tests.browser.proxies import Proxy, proxy_to
from tests.waiting import WITHIN_S
from tests.web.conftest import PostgresServer, RedisServer
from tests.web.faked_labs import FakedLabs, FakedSandbox

SOON_MS = WITHIN_S * 1000
DOWN = "svg.only-wide [data-node=cache][data-state=down]"
NO_WORKER = "delete window.SharedWorker"
NO_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined })"
REMEMBER = """() => {
  const bench = document.querySelector("cg-bench");
  window.seen = [bench.dataset.connection];
  window.said = {};
  new MutationObserver(() => {
    if (window.seen.at(-1) !== bench.dataset.connection) window.seen.push(bench.dataset.connection);
    window.said[bench.dataset.connection] = bench.querySelector("[data-connection]").innerText;
  }).observe(bench, { attributeFilter: ["data-connection"] });
}"""

Begin = Callable[..., Page]


@pytest.fixture(scope="module")
def quick_server(postgres: PostgresServer, redis_server: RedisServer) -> Iterator[WebServer]:
    """The portal with short times."""
    server = WebServer(postgres.url, redis_server.url, app="tests.browser.quick_site:create()")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def proxy(quick_server: WebServer) -> Iterator[Proxy]:
    """What stands between browser and portal."""
    with proxy_to(quick_server.port) as made:
        yield made


@pytest.fixture
def begin(browser: Browser, proxy: Proxy, labs_host: FakedLabs) -> Iterator[Begin]:
    """An open bench behind the proxy, which is without faults until a test gives it one."""
    with ExitStack() as stack:
        go: Open = stack.enter_context(watched(browser, proxy.url))

        def opened(*scripts: str, until: str = "live", **options: Any) -> Page:
            context = browser.new_context(
                base_url=proxy.url, **{"viewport": {"width": 1280, "height": 900}, **options}
            )
            stack.callback(context.close)
            for script in scripts:
                context.add_init_script(script)
            page = go("/labs/cache-aside?gear=break", context=context, problems_are_meant=True)
            page.get_by_role("button", name="Open the bench").click()
            page.wait_for_selector("cg-bench[data-phase=open]")
            shows(page, until)
            page.evaluate(REMEMBER)
            return page

        yield opened
        proxy.streams = proxy.everything = ""


def shows(page: Page, state: str) -> None:
    expect(page.locator("cg-bench")).to_have_attribute("data-connection", state, timeout=SOON_MS)


def kill_cache(page: Page, labs: FakedLabs) -> None:
    sandbox = page.locator("cg-bench").get_attribute("data-sandbox")
    assert sandbox
    labs.client.call(FakedSandbox(labs, sandbox).id, "server", name="cache", verb="kill")


def line(page: Page) -> Any:
    return page.locator("[data-connection]:not(cg-bench)")


def serious(page: Page) -> list[Any]:
    found = Axe().run(page)
    return [
        (v["id"], [node["target"] for node in v["nodes"]][:4])
        for v in found.response["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def greyed(page: Page, where: str) -> bool:
    return bool(
        page.locator(where).first.evaluate("(part) => getComputedStyle(part).filter !== 'none'")
    )
