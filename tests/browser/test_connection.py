"""What a page says and does when its live stream does not get through, falls silent or is cut, and
when nothing gets through at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Open, WebServer, watched
from tests.browser.proxies import Proxy, proxy_to
from tests.waiting import WITHIN_S, eventually
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


@pytest.mark.parametrize("scripts", [(), (NO_WORKER,)], ids=["worker", "no worker"])
def test_behind_a_proxy_that_holds_streams_back_the_page_asks(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs, scripts: tuple[str, ...]
) -> None:
    proxy.streams = "buffer"
    page = begin(*scripts, until="polling")

    expect(line(page)).to_contain_text("asks every second")
    kill_cache(page, labs_host)
    expect(page.locator(DOWN)).to_be_attached(timeout=SOON_MS)
    page.locator("[data-fault-server=cache]").get_by_role("button", name="Restart").click()
    expect(page.locator(DOWN)).not_to_be_attached(timeout=SOON_MS)
    assert "lost" not in page.evaluate("() => window.seen")

    proxy.streams = ""
    shows(page, "live")
    expect(line(page)).to_contain_text("Every event arrives as it happens")


@pytest.mark.parametrize("scripts", [(), (NO_WORKER,)], ids=["worker", "no worker"])
def test_a_stream_that_falls_silent_is_noticed_and_another_taken(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs, scripts: tuple[str, ...]
) -> None:
    page = begin(*scripts)

    proxy.streams = "freeze"
    kill_cache(page, labs_host)

    expect(page.locator(DOWN)).to_be_attached(timeout=SOON_MS)
    shows(page, "polling")
    assert "silent" in page.evaluate("() => window.seen")
    proxy.streams = ""
    shows(page, "live")


def test_silence_of_everything_freezes_what_was_measured_until_it_ends(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs
) -> None:
    page = begin()
    tops = page.locator(".bench-body").bounding_box()

    proxy.everything = "freeze"
    expect(page.locator("cg-bench[data-frozen]")).to_be_attached(timeout=SOON_MS)
    expect(line(page).locator("[data-for]")).to_have_text(re.compile(r"^\d+ s$"))
    assert greyed(page, ".stage") and greyed(page, ".metrics") and not greyed(page, ".controls")
    kill_cache(page, labs_host)
    shows(page, "lost")
    expect(line(page)).to_contain_text("Check your network")
    assert greyed(page, ".stage")
    assert page.locator(DOWN).count() == 0

    proxy.everything = ""
    page.get_by_role("button", name="Ask now").click()
    shows(page, "live")
    expect(page.locator(DOWN)).to_be_attached(timeout=SOON_MS)
    assert not greyed(page, ".stage")
    assert page.evaluate("() => window.seen")[:3] == ["live", "silent", "lost"]
    said = page.evaluate("() => window.said")
    assert re.search(r"Nothing has arrived since \d\d:\d\d:\d\d", said["silent"])
    assert page.locator(".bench-body").bounding_box() == tops


def test_a_lost_portal_is_found_again_without_a_click(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs
) -> None:
    page = begin()

    proxy.everything = proxy.streams = "refuse"
    kill_cache(page, labs_host)
    shows(page, "lost")
    proxy.everything = proxy.streams = ""

    shows(page, "live")
    expect(page.locator(DOWN)).to_be_attached(timeout=SOON_MS)


def test_a_page_that_never_heard_anything_is_connecting_then_lost_then_live(
    begin: Begin, proxy: Proxy
) -> None:
    page = begin()
    proxy.only = re.compile(rb"GET /sandboxes/")
    proxy.everything = "freeze"
    page.reload(wait_until="commit")

    expect(line(page)).to_contain_text("The page opens its live stream")
    shows(page, "lost")
    proxy.everything = ""
    shows(page, "live")


def test_streams_that_are_cut_again_and_again_lose_and_repeat_nothing(
    begin: Begin, proxy: Proxy, labs_host: FakedLabs
) -> None:
    page = begin()
    sandbox = page.locator("cg-bench").get_attribute("data-sandbox")
    proxy.after, proxy.streams = 600, "cut"

    for value in range(10, 30):
        labs_host.client.call(str(sandbox), "set", name="ttl_s", value=value)
    expect(page.locator("[data-control=ttl_s] output")).to_have_text("29 s", timeout=SOON_MS)
    shows(page, "polling")
    labs_host.client.call(str(sandbox), "set", name="ttl_s", value=30)
    expect(page.locator("[data-control=ttl_s] output")).to_have_text("30 s", timeout=SOON_MS)

    assert page.locator(".timeline li", has_text="Time to live").count() == 21
    assert "lost" not in page.evaluate("() => window.seen")


def test_a_slow_network_is_live(begin: Begin, proxy: Proxy, labs_host: FakedLabs) -> None:
    proxy.delay_s = 0.2
    page = begin()

    kill_cache(page, labs_host)

    expect(page.locator(DOWN)).to_be_attached(timeout=SOON_MS)
    assert page.evaluate("() => window.seen") == ["live"]


def test_a_network_that_came_back_is_asked_at_once(begin: Begin, proxy: Proxy) -> None:
    page = begin()
    before = len(proxy.opened)

    page.evaluate("() => window.dispatchEvent(new Event('online'))")

    eventually(lambda: len(proxy.opened) > before)
    shows(page, "live")
    assert "silent" not in page.evaluate("() => window.seen")


def test_a_page_that_woke_after_its_patience_knows_at_once_that_it_knows_nothing(
    begin: Begin, proxy: Proxy
) -> None:
    page = begin(NO_WORKER)

    page.evaluate(
        """() => {
          const now = Date.now.bind(Date);
          Date.now = () => now() + 3_600_000;
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )

    assert page.evaluate("() => window.seen")[:2] == ["live", "silent"]
    shows(page, "live")


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

    expect(page.locator(".toast.error")).to_contain_text("does not know whether that was done")
    proxy.everything = ""
    page.locator("[data-fault-server=database]").get_by_role("button", name="Kill").click()
    expect(page.locator("svg.only-wide [data-node=database]")).to_have_attribute(
        "data-state", "down", timeout=SOON_MS
    )


def test_the_same_trouble_is_said_once(begin: Begin, proxy: Proxy) -> None:
    page = begin()
    proxy.only = re.compile(rb"^POST /sandboxes/")
    proxy.everything = "refuse"

    for name in ("cache", "database"):
        page.locator(f"[data-fault-server={name}]").get_by_role("button", name="Kill").click()
        expect(page.locator(".toast.error")).to_have_count(1)


def test_a_flight_that_never_arrives_is_said_to_be_missing(
    begin: Begin, browser: Browser, proxy: Proxy
) -> None:
    proxy.only = re.compile(rb"^GET /patterns/flights/")
    proxy.everything = "freeze"
    with watched(browser, proxy.url) as go:
        page = go("/patterns", problems_are_meant=True)

        expect(page.get_by_text("The portal did not answer").first).to_be_visible(timeout=SOON_MS)


@pytest.mark.parametrize("width", [345, 1280])
def test_no_state_moves_the_bench_and_axe_finds_nothing(
    begin: Begin, proxy: Proxy, width: int
) -> None:
    page = begin(viewport={"width": width, "height": 900})
    place = page.locator(".tabs").bounding_box()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for state in ("connecting", "live", "silent", "polling", "lost"):
            page.evaluate(
                """async (state) => {
                  const script = document.querySelector("script[src$='/js/bench.js']").src;
                  const { Connection } = await import(script.replace("bench.js", "connection.js"));
                  new Connection(document.querySelector("cg-bench"), () => {}).show(state, Date.now() - 754000);
                }""",
                state,
            )
            assert page.locator(".tabs").bounding_box() == place, state
            assert serious(page) == [], state


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
