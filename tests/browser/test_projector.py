"""A bench on the wall: its guide if the presenter wants it, and text that grows by a key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from labs.catalogue import find
from labs.events import GuideMoved
from tests.browser.groups import tell

Bench = Callable[..., Page]
SIZE = "() => parseFloat(getComputedStyle(document.documentElement).fontSize)"
SCREEN = "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"


def prediction_of(lab: str) -> int:
    """The first step of its guide that asks for a prediction, from 0."""
    return next(n for n, step in enumerate(find(lab).guide) if step.use.kind == "prediction")


def come_to(page: Page, number: int) -> None:
    """As if every step before this one were done."""
    tell(page, GuideMoved(current=number, done=list(range(number))))


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


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720)])
@pytest.mark.parametrize("lab", ["failover", "sessions"])
def test_a_prediction_that_the_guide_asks_for_is_on_the_wall(
    bench: Bench, lab: str, width: int, height: int
) -> None:
    viewport = {"width": width, "height": height}
    page = bench(lab, "?view=projector&guide=show", viewport=viewport)

    come_to(page, prediction_of(lab))

    card = page.locator(".controls .prediction")
    expect(card.get_by_role("heading")).to_be_in_viewport(ratio=1)
    commit = card.get_by_role("button", name="Commit and run").and_(page.locator(".lit"))
    expect(commit).to_be_in_viewport(ratio=1)
    assert card.evaluate("card => parseFloat(getComputedStyle(card).fontSize)") >= 16
    assert page.evaluate(SCREEN) == [width, height]


def test_a_prediction_on_the_wall_is_answered_and_goes_after_the_next_step(bench: Bench) -> None:
    page = bench("sessions", "?view=projector&guide=show")
    number = prediction_of("sessions")
    come_to(page, number)
    card = page.locator(".controls .prediction")

    card.get_by_label("Your number").fill("1")
    card.get_by_role("button", name="Commit and run").click()

    expect(card.get_by_text("You said")).to_be_visible()
    come_to(page, number + 1)
    expect(card.get_by_text("You said")).to_be_visible()
    expect(page.locator(".act")).to_be_visible()
    come_to(page, number + 2)
    expect(card).to_have_count(0)


def test_without_the_guide_no_prediction_is_on_the_wall(bench: Bench) -> None:
    page = bench("sessions", "?view=projector")

    expect(page.locator(".prediction")).to_have_count(0)


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
