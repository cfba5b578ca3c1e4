"""A bench on the wall: its guide if the presenter wants it, and text that grows by a key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Bench = Callable[..., Page]
SIZE = "() => parseFloat(getComputedStyle(document.documentElement).fontSize)"
SCREEN = "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720)])
def test_the_presenter_shows_the_guide_and_hides_it(bench: Bench, width: int, height: int) -> None:
    page = bench("cache-aside", "?view=projector", viewport={"width": width, "height": height})
    line = page.locator("cg-guide .guide-now")
    expect(line).to_have_count(0)

    page.get_by_role("link", name="Show the guide").click()

    expect(line).to_contain_text("Check 1 of 5 · Read item 42.")
    expect(line).to_be_in_viewport(ratio=1)
    expect(page.locator(".lit")).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("Do this").locator("visible=true")).to_have_count(0)
    assert page.evaluate(SCREEN) == [width, height]
    page.get_by_role("link", name="Hide the guide").click()
    expect(page.get_by_role("link", name="Show the guide")).to_be_visible()
    expect(line).to_have_count(0)


def test_the_guide_on_the_wall_goes_on_by_itself(bench: Bench) -> None:
    page = bench("cache-aside", "?view=projector&guide=show")

    page.locator(".lit").click()

    expect(page.locator("cg-guide .guide-now")).to_contain_text("Check 2 of 5")
    expect(page.locator(".lit")).to_have_count(1)


def test_plus_and_minus_change_the_size_of_the_text_which_stays(bench: Bench) -> None:
    page = bench("cache-aside", "?view=projector")
    usual = page.evaluate(SIZE)

    page.keyboard.press("+")
    page.keyboard.press("+")

    larger = page.evaluate(SIZE)
    assert larger > 1.2 * usual
    page.reload()
    assert page.evaluate(SIZE) == larger
    for _ in range(5):
        page.keyboard.press("-")
    assert page.evaluate(SIZE) == usual


def test_a_plus_that_is_typed_changes_no_size(bench: Bench) -> None:
    page = bench("cache-aside", "?view=projector&gear=step")
    usual = page.evaluate(SIZE)

    page.get_by_label("Item").first.press("+")

    assert page.evaluate(SIZE) == usual


def test_the_keys_do_nothing_on_another_page(bench: Bench) -> None:
    page = bench("cache-aside")
    usual = page.evaluate(SIZE)

    page.keyboard.press("+")

    assert page.evaluate(SIZE) == usual


def test_a_larger_text_leaves_the_drawing_its_room(bench: Bench) -> None:
    page = bench("failover", "?view=projector&guide=show", viewport={"width": 1920, "height": 1080})
    node = page.locator("svg.only-wide [data-node]").first
    usual = node.bounding_box()

    page.keyboard.press("+")
    page.keyboard.press("+")

    larger = node.bounding_box()
    assert usual and larger and larger["width"] > 0.6 * usual["width"]
    assert page.evaluate(SCREEN) == [1920, 1080]
