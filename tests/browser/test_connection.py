"""What a page says and does when its live stream does not get through, falls silent or is cut, and
when nothing gets through at all.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.behind_a_proxy import (
    DOWN,
    NO_WORKER,
    SOON_MS,
    Begin,
    begin,
    greyed,
    kill_cache,
    line,
    proxy,
    quick_server,
    serious,
    shows,
)
from tests.browser.proxies import Proxy
from tests.waiting import eventually
from tests.web.faked_labs import FakedLabs

__all__ = ["begin", "proxy", "quick_server"]


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
    assert (
        greyed(page, ".stage") and greyed(page, "[data-readings]") and not greyed(page, ".controls")
    )
    kill_cache(page, labs_host)
    shows(page, "lost")
    expect(line(page)).to_contain_text("Check your network")
    assert greyed(page, ".stage")
    assert page.locator(DOWN).count() == 0

    proxy.everything = ""
    # The page may have asked by itself before a hand is there.
    page.locator("[data-ask-now]").first.evaluate("button => button.click()")
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


@pytest.mark.parametrize("width", [345, 1280, 1536, 1920])
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
            if width in (345, 1280):  # the wide ones have the same colours and names
                assert serious(page) == [], state
