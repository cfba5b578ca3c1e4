"""The start page in a browser: the puzzle by keyboard, by buttons and by dragging, and without a
script.
"""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

PAGES = ("/", "/labs", "/me")


def steps(page: Page) -> Locator:
    return page.locator("cg-puzzle [data-worker]")


def order_of(page: Page) -> str:
    return "".join(page.locator("cg-puzzle [data-worker] .who").all_inner_texts())


def test_a_stale_order_is_found_with_the_keyboard_alone(visit: Any) -> None:
    page = visit("/")
    store = page.get_by_role("button", name="A Store in the cache")
    store.focus()

    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(store).to_be_focused()
    assert order_of(page) == "AABBBA"
    play = page.get_by_role("button", name="Play this order")
    for _ in range(3):
        page.keyboard.press("Tab")
    while not play.evaluate("button => button === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    outcome = page.locator("cg-puzzle output")
    expect(outcome).to_contain_text("Stale.")
    expect(outcome).to_contain_text("You have tried 2 orders and found 1 of 3.")
    expect(page.locator("[data-order=AABBBA] .mark.stale")).to_have_count(1)
    expect(page.get_by_role("link", name="Run them on your own")).to_have_attribute(
        "href", "http://" + page.url.split("/")[2] + "/labs/write-through-race?order=AABBBA"
    )


def test_a_step_is_moved_with_the_buttons_and_keeps_to_its_worker_s_order(visit: Any) -> None:
    page = visit("/")
    later = page.get_by_role("button", name="Later")
    steps(page).nth(2).get_by_role("button").click()

    later.click()
    later.click()

    assert order_of(page) == "AABBAB"
    expect(page.locator("[data-end]")).to_contain_text("A: Store in the cache is step 5 of 6 now.")
    expect(steps(page).nth(4).locator("[data-left]")).to_be_empty()
    steps(page).nth(0).get_by_role("button").click()
    later.click()
    assert order_of(page) == "AABBAB"
    expect(page.locator("[data-end]")).to_contain_text("Each worker takes its own steps in order.")


def test_a_step_is_dragged(visit: Any) -> None:
    page = visit("/")
    card = steps(page).nth(2).get_by_role("button")
    target = steps(page).nth(5).bounding_box()
    begin = card.bounding_box()
    assert target and begin

    page.mouse.move(begin["x"] + 40, begin["y"] + 10)
    page.mouse.down()
    page.mouse.move(begin["x"] + 40, target["y"] + 20, steps=8)
    page.mouse.up()

    assert order_of(page) == "AABBBA"
    expect(steps(page).nth(5).get_by_role("button")).to_be_focused()


def test_finding_all_says_why_and_a_reload_keeps_what_was_tried(visit: Any) -> None:
    page = visit("/")
    found = page.locator("[data-all-found]")
    stale = ("AABBBA", "ABABBA", "BAABBA")
    for order in stale:
        expect(found).to_be_hidden()
        arrange(page, order)
        page.get_by_role("button", name="Play this order").click()

    expect(found).to_be_visible()
    expect(found).to_contain_text("You found all 3.")
    page.reload()
    expect(page.locator("[data-score]")).to_have_text("You have tried 4 orders and found 3 of 3.")


def arrange(page: Page, wanted: str) -> None:
    """Move steps with the arrow keys until this order stands there."""
    for place, letter in enumerate(wanted):
        now = order_of(page)
        at = now.index(letter, place)
        steps(page).nth(at).get_by_role("button").focus()
        for _ in range(at - place):
            page.keyboard.press("ArrowUp")
    assert order_of(page) == wanted


def test_without_a_script_the_result_and_the_answer_are_text(visit: Any) -> None:
    page = visit("/", java_script_enabled=False)

    expect(page.get_by_text("The cache has nothing.")).to_be_visible()
    answer = page.locator("noscript p")
    expect(answer).to_be_visible()
    expect(answer).to_contain_text("A A B B B A, A B A B B A, B A A B B A")
    expect(page.get_by_role("button", name="Play this order")).to_be_hidden()
    expect(page.locator(".tries")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(visit: Any, path: str, scheme: str) -> None:
    page = visit(path, color_scheme=scheme)

    found = Axe().run(page)

    assert [
        (v["id"], [node["target"] for node in v["nodes"]][:4]) for v in found.response["violations"]
    ] == []


@pytest.mark.parametrize("width", [345, 360, 768, 1152, 1280, 1920])
def test_no_page_scrolls_sideways(visit: Any, width: int) -> None:
    for path in PAGES:
        page = visit(path, viewport={"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("width", [345, 390, 768, 1280])
def test_the_page_of_a_learner_with_guesses_fits(visit: Any, sql: Any, width: int) -> None:
    page = visit("/me", viewport={"width": width, "height": 800})
    page.request.post("/lessons/why-a-cache/read", headers={"Sec-Fetch-Site": "same-origin"})
    sql(
        "INSERT INTO prediction (learner_id, lab, name, value, confidence, at, measured, held, "
        "measured_at) SELECT id, 'write-through-race', 'write-through-two-writers', '9', "
        "'fairly', now(), '4', false, now() FROM learner"
    )

    page.reload()

    expect(page.get_by_text("The middle guess was 2.2 times off")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert [violation["id"] for violation in found.response["violations"]] == []
