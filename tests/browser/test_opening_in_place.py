"""A bench opens where it stands: the page keeps its place, and the hand is on the first control."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.waiting import eventually
from tests.web.faked_labs import FakedLabs

Bench = Callable[..., Page]
LESSON = "/lessons/cache-aside-in-code"


def test_an_opened_bench_keeps_the_place_and_has_the_focus(visit: Open) -> None:
    page = visit(LESSON, viewport={"width": 1536, "height": 864})
    page.wait_for_selector("cg-bench:defined")
    page.evaluate("() => scrollTo(0, 700)")

    page.get_by_role("button", name="Open the bench").press("Enter")

    expect(page.locator("cg-bench[data-phase=open]")).to_be_visible()
    expect(page.locator(".act :focus")).to_be_visible()
    assert page.evaluate("() => scrollY") == 700


def test_one_click_sets_a_bench_up_and_another_takes_it_back(visit: Open) -> None:
    page = visit(LESSON, viewport={"width": 1536, "height": 864})
    set_up = page.get_by_role("button", name="Set up the bench for this").nth(1)

    set_up.click()
    expect(page.locator("[data-control=ttl_s] output")).to_have_text("10 s")
    page.evaluate(
        "() => htmx.ajax('POST', document.querySelector('[data-control=ttl_s]').action, { values: { name: 'ttl_s', value: '60' }, swap: 'none' })"
    )
    expect(page.locator("[data-control=ttl_s] output")).to_have_text("60 s")
    set_up.click()

    expect(page.locator("[data-set-up]")).to_contain_text("“Time to live” at 60 s")
    expect(page.locator(".act :focus")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-control=ttl_s] output")).to_have_text("60 s")
    expect(page.locator("[data-set-up]")).to_have_count(0)


@pytest.mark.parametrize(
    ("lesson", "tab"), [("cache-aside-in-code", "break"), ("why-a-cache", "load")]
)
def test_the_bench_stays_in_the_tab_that_the_box_asks_for(
    visit: Open, lesson: str, tab: str
) -> None:
    page = visit(f"/lessons/{lesson}", viewport={"width": 1536, "height": 864})
    page.wait_for_selector("cg-bench:defined")
    box = page.locator(f"form[data-opens]:has([name=gear][value={tab}]) button").last
    chosen = page.locator("cg-bench [data-gear-tab][aria-current]")

    box.click()

    expect(page.locator(".act :focus")).to_be_visible()
    expect(chosen).to_have_attribute("data-gear-tab", tab)
    page.locator("[data-gear-tab]:not([aria-current])").first.click()
    box.click()
    expect(page.locator("cg-bench[data-tab]")).to_be_visible()
    expect(page.locator(".act :focus")).to_be_visible()
    expect(chosen).to_have_attribute("data-gear-tab", tab)


def test_the_divider_moves_with_the_arrow_keys_and_stays(bench: Bench) -> None:
    page = bench(viewport={"width": 1536, "height": 864})
    page.goto(LESSON)
    handle, text = page.get_by_role("separator"), page.locator("article")
    width = text.evaluate("text => text.clientWidth")

    handle.press("ArrowRight")

    assert text.evaluate("text => text.clientWidth") > width
    wider = text.evaluate("text => text.clientWidth")
    page.reload()
    assert text.evaluate("text => text.clientWidth") == wider


def test_a_bench_that_is_no_more_says_so_and_offers_to_open_again(
    bench: Bench, labs_host: FakedLabs
) -> None:
    page = bench(problems_are_meant=True)
    sandbox = page.locator("cg-bench").get_attribute("data-sandbox")
    page.evaluate("() => document.querySelector('cg-bench').feed?.destroy()")
    labs_host.client.call(str(sandbox), "close", reason="You closed your bench.")

    page.get_by_role("button", name="Start a request").click()

    expect(page.get_by_role("button", name="Open it again")).to_be_visible()


def test_the_way_back_from_the_bench_leads_to_the_place_in_the_text(visit: Open) -> None:
    page = visit(LESSON, viewport={"width": 390, "height": 844})
    page.evaluate("() => scrollTo(0, 2500)")
    page.get_by_role("link", name="Go to the bench").click()
    expect(page.locator("#bench")).to_be_in_viewport()
    page.get_by_role("button", name="Open the bench").click()
    expect(page.locator("cg-bench[data-phase=open]")).to_be_visible()

    page.locator(".bench-head [data-to-text]").click()

    eventually(lambda: abs(page.evaluate("() => scrollY") - 2500) <= 1)
    expect(page.get_by_role("link", name="Go to the bench")).to_be_focused()


def test_a_bench_set_up_from_the_text_leads_back_to_that_place(visit: Open) -> None:
    page = visit(LESSON, viewport={"width": 390, "height": 844})
    set_up = page.get_by_role("button", name="Set up the bench for this").first
    set_up.scroll_into_view_if_needed()
    before = page.evaluate("() => scrollY")
    set_up.click()
    expect(page.locator("cg-bench[data-phase=open]")).to_be_in_viewport()

    page.locator(".bench-head [data-to-text]").click()

    eventually(lambda: abs(page.evaluate("() => scrollY") - before) <= 1)


def test_a_prediction_in_the_text_opens_the_bench_and_keeps_the_guess(visit: Open) -> None:
    page = visit(LESSON, viewport={"width": 1536, "height": 864})
    page.wait_for_selector("cg-bench:defined")
    card = page.locator("#predict-cache-aside-ten-reads")
    card.get_by_label("Your number").fill("1")
    card.get_by_role("button", name="Commit and run").click()

    card.get_by_role("button", name="Open the bench").click()

    expect(page.locator("cg-bench[data-phase=open]")).to_be_visible()
    measure = card.get_by_role("button", name="Measure it")
    expect(measure).to_be_focused()
    expect(card.get_by_text("open the bench")).to_have_count(0)
    measure.press("Enter")
    expect(card).to_contain_text("Your guess was right")
