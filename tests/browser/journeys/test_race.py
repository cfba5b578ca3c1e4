"""The write-through race as a learner runs it: find a stale order, send its link to somebody,
choose a cure and prove it. With a mouse, by keyboard, without a script.
"""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.journeys.bench import SOON_MS, button, check

LAB = "/labs/write-through-race"


def opened(page: Page) -> Page:
    button(page, "Open the bench").click()
    expect(page.locator("cg-bench[data-connection=live]")).to_be_visible(timeout=SOON_MS)
    return page


def steps(page: Page) -> Locator:
    return page.get_by_role("list", name="Steps, first to last").get_by_role("listitem")


def order_of(page: Page) -> str:
    return "".join(page.locator(".card-of-step .letter").all_inner_texts())


def orders(page: Page) -> Locator:
    return page.get_by_role("region", name="Orders and how they ended").locator("tbody tr")


def test_a_stale_order_is_found_sent_as_a_link_and_cured(visit: Open) -> None:
    page = opened(visit(LAB))
    expect(steps(page)).to_have_count(6)
    expect(page.get_by_text("These steps have not been taken in this order yet.")).to_be_visible()

    # All orders, and of those the stale ones.
    button(page, "Run all orders").click()
    expect(orders(page)).to_have_count(20, timeout=SOON_MS)
    page.get_by_text("Stale", exact=False).and_(page.locator(".race-filter label")).click()
    expect(orders(page)).to_have_count(3)
    expect(check(page, "Some order of write-through")).to_contain_text("Met:")
    link = orders(page).first.get_by_role("link").get_attribute("href")
    assert link is not None

    # Played again here, and drawn.
    orders(page).first.get_by_role("link").click()
    expect(page.locator(".race-end[data-outcome=stale]")).to_contain_text(
        "Stale, for up to 60 s", timeout=SOON_MS
    )
    expect(steps(page).last).to_contain_text("stale: version 1 cached, 2 committed")
    expect(steps(page).last.locator("svg .shape.stale")).to_have_count(1)
    expect(steps(page).nth(2)).to_contain_text("ms")
    expect(page).to_have_url(re.compile(r"order=AABBBA"))

    # Somebody else opens the link: the same order stands there, and one press plays it.
    other = opened(visit(link))
    assert order_of(other) == "AABBBA"
    button(other, "Play this order").click()
    expect(other.locator(".race-end[data-outcome=stale]")).to_contain_text(
        "version 1", timeout=SOON_MS
    )

    # A cure, for both pairs.
    page.get_by_label("Strategy").select_option("lease")
    expect(steps(page)).to_have_count(8)
    expect(page.get_by_text("Nothing yet: run all orders.")).to_be_visible()
    button(page, "Run all orders").click()
    expect(page.locator("[data-count=stale]")).to_have_text("0", timeout=SOON_MS)
    expect(check(page, "A lease survives")).not_to_contain_text("Met:")
    page.get_by_label("Who races").select_option("two-writers")
    expect(page.get_by_text("Nothing yet: run all orders.")).to_be_visible()
    button(page, "Run all orders").click()
    expect(check(page, "A lease survives")).to_contain_text("Met:", timeout=SOON_MS)
    expect(check(page, "An order that a row lock forbids")).to_contain_text("Met:")
    expect(page.locator("[data-count=impossible]")).to_have_text("40")
    survivors = page.locator("[data-table=survivors] tbody tr")
    expect(
        survivors.filter(has_text="Lease").filter(has_text="survives every order")
    ).to_have_count(2)
    expect(survivors.filter(has_text="stale in 3, for at most 60 s")).to_have_count(1)


def test_steps_are_dragged_to_another_place(visit: Open) -> None:
    page = opened(visit(LAB))
    first, last = page.locator(".card-of-step").first, page.locator(".card-of-step").last

    held, there = last.bounding_box(), first.bounding_box()
    assert held and there
    page.mouse.move(held["x"] + 60, held["y"] + held["height"] / 2)
    page.mouse.down()
    page.mouse.move(there["x"] + 60, there["y"] + there["height"] / 2, steps=12)
    page.mouse.up()

    assert order_of(page) == "BAAABB"
    button(page, "Play this order").click()
    expect(page.locator(".race-end[data-outcome=fresh]")).to_be_visible(timeout=SOON_MS)
    expect(page).to_have_url(re.compile(r"order=BAAABB"))


def test_an_order_is_made_and_played_with_the_keyboard_alone(visit: Open) -> None:
    page = opened(visit(LAB))
    tab_to(page, "Awrite cache")

    for place in (4, 5, 6):
        page.keyboard.press("ArrowDown")
        expect(page.locator("[data-moved]")).to_have_text(f"A write cache is step {place} of 6.")
        assert focused(page) == "Awrite cache"
    page.keyboard.press("ArrowDown")
    assert order_of(page) == "AABBBA"
    tab_to(page, "Play this order")
    page.keyboard.press("Enter")

    expect(page.locator(".race-end[data-outcome=stale]")).to_be_visible(timeout=SOON_MS)
    tab_to(page, "Run all orders")
    page.keyboard.press("Enter")
    expect(orders(page)).to_have_count(20, timeout=SOON_MS)
    tab_to(page, "Replay order 1, AAABBB")
    page.keyboard.press("Enter")
    expect(page.locator(".race-end[data-outcome=fresh]")).to_be_visible(timeout=SOON_MS)


def test_a_step_that_can_t_go_further_says_so_and_keeps_the_focus(visit: Open) -> None:
    page = opened(visit(LAB))
    tab_to(page, "Aread DB")

    page.keyboard.press("ArrowUp")

    expect(page.locator("[data-moved]")).to_contain_text("a worker’s own steps keep their order")
    assert focused(page) == "Aread DB"
    button(page, "Later").click()
    assert focused(page) == "Later"


def test_an_order_that_is_typed_is_arranged_at_once_and_played_with_one_press(visit: Open) -> None:
    page = opened(visit(LAB))
    button(page, "Play this order").click()
    expect(page.locator(".race-end")).to_have_attribute("data-outcome", "fresh", timeout=SOON_MS)

    page.get_by_label("Order, in letters").fill("aab")

    assert order_of(page) == "AABABB"
    expect(page.locator(".race-end")).to_have_attribute("data-outcome", "")
    page.get_by_label("Order, in letters").fill("aabbba")
    button(page, "Play this order").click()
    expect(page.locator(".race-end")).to_have_attribute("data-outcome", "stale", timeout=SOON_MS)
    expect(page.get_by_label("Order, in letters")).to_have_value("AABBBA")


def test_an_order_that_a_lock_forbids_is_told_in_the_drawing(visit: Open) -> None:
    page = opened(visit(f"{LAB}?race=two-writers&order=ABAABB"))

    button(page, "Play this order").click()

    expect(page.locator(".race-end[data-outcome=impossible]")).to_contain_text(
        "B waits for the row lock of A", timeout=SOON_MS
    )
    expect(steps(page).nth(1)).to_contain_text("waits for A")
    assert order_of(page) == "ABAABB"


def test_a_wrong_order_in_a_link_is_told(visit: Open) -> None:
    page = visit(f"{LAB}?order=XYZ", problems_are_meant=True)

    expect(page.get_by_text("An order is a row of the workers’ letters")).to_be_visible()


def test_it_works_without_a_script(visit: Open) -> None:
    page = visit(LAB, java_script_enabled=False)
    button(page, "Open the bench").click()
    for _ in range(20):
        if page.get_by_label("Order, in letters").count():
            break
        page.wait_for_timeout(200)
        page.goto(page.url)

    page.get_by_label("Order, in letters").fill("AABBBA")
    button(page, "Play this order").click()
    said = page.locator("[data-toasts]")
    expect(said).to_contain_text("the cache holds version 1")
    button(page, "Run all orders").click()
    expect(said).to_contain_text("20 orders of a reader and a writer")


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 1536, "height": 1100}},
        {"viewport": {"width": 1536, "height": 1100}, "color_scheme": "dark"},
        {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True},
        {"viewport": {"width": 1920, "height": 1080}, "reduced_motion": "reduce"},
    ],
    ids=["light", "dark", "phone", "projector"],
)
def test_nobody_is_shut_out_and_nothing_is_cut_off(visit: Open, look: dict[str, object]) -> None:
    page = opened(
        visit(
            f"{LAB}?order=AABBBA" + ("&view=projector" if "reduced_motion" in look else ""), **look
        )
    )
    button(page, "Play this order").click()
    expect(page.locator(".race-end[data-outcome=stale]")).to_be_visible(timeout=SOON_MS)
    button(page, "Run all orders").click()
    expect(orders(page)).to_have_count(20, timeout=SOON_MS)

    found = Axe().run(page)

    assert not found.response["violations"], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def focused(page: Page) -> str:
    return str(page.evaluate("() => document.activeElement.textContent.trim()"))


def tab_to(page: Page, name: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if focused(page) == name:
            return
    pytest.fail(f"the keyboard does not reach {name}")
