"""Nothing on a page with a bench lies over anything else, and what a hand is on stays there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from labs.catalogue import catalogue
from portal.content.loading import load
from portal.settings import ROOT
from tests.browser.conftest import Open

Bench = Callable[..., Page]
OPENS = re.compile("Open the bench|Close it and open this one")
WIDTHS = (1280, 1366, 1440, 1536, 1920)
NEXT_TO_TEXT = (1280, 1536, 1920)
"""The compact bench at its narrowest and at a usual width, and the full one."""
LESSONS = {
    lesson.slug: [lab for lab in lesson.labs if lab in catalogue()]
    for lesson in load(ROOT / "lessons").written
}

OVERLAPS = """() => {
  const seen = (panel) => {
    let { left, top, right, bottom } = panel.getBoundingClientRect();
    for (let box = panel.parentElement; box; box = box.parentElement) {
      const { overflowY, display } = getComputedStyle(box);
      if (display === "contents" || overflowY === "visible" || box === document.documentElement || box === document.body) continue;
      const edge = box.getBoundingClientRect();
      [left, top, right, bottom] = [Math.max(left, edge.left), Math.max(top, edge.top), Math.min(right, edge.right), Math.min(bottom, edge.bottom)];
    }
    return { left, top, right, bottom };
  };
  const panels = [...document.querySelectorAll("main .panel, main .card, main .bench-head, main .bench-foot, main .notice, main .prose > *, .site-head")]
    .filter((panel) => panel.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }));
  const boxes = panels.map(seen);
  const found = [];
  panels.forEach((one, index) => panels.slice(index + 1).forEach((other, after) => {
    const [a, b] = [boxes[index], boxes[index + 1 + after]];
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1.5 && down > 1.5 && !one.contains(other) && !other.contains(one)) found.push(`${one.className || one.localName} and ${other.className || other.localName}: ${Math.round(across)} x ${Math.round(down)}`);
  }));
  return found;
}"""
SCROLLERS = "() => [document.scrollingElement, ...document.querySelectorAll('cg-bench, cg-bench .look, cg-bench .stage')]"
SCROLL = (
    f"(part) => {{ for (const box of ({SCROLLERS})()) box.scrollTop = part * box.scrollHeight; }}"
)


def overlaps(page: Page, widths: tuple[int, ...] = WIDTHS) -> list[str]:
    """What lies over what, in all tabs, at every width and wherever the page is scrolled to."""
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 864})
        for tab in page.locator("[data-gear-tab]").all():
            tab.click()
            for part in (0, 0.3, 0.6, 1):
                page.evaluate(SCROLL, part)
                where = f"{width} px, {tab.inner_text()}, at {part}"
                found += [f"{where}: {pair}" for pair in page.evaluate(OVERLAPS)]
            page.evaluate(SCROLL, 0)
    return found


@pytest.mark.parametrize("lab", sorted(catalogue()))
def test_no_panel_of_a_lab_lies_over_another(bench: Bench, lab: str) -> None:
    page = bench(lab)

    assert overlaps(page) == []


@pytest.mark.parametrize("slug", sorted(slug for slug, labs in LESSONS.items() if labs))
def test_no_panel_next_to_a_lesson_lies_over_another(visit: Open, slug: str) -> None:
    page = visit(f"/lessons/{slug}")

    found = []
    for lab in LESSONS[slug]:
        page.goto(f"/lessons/{slug}?lab={lab}")
        page.get_by_role("button", name=OPENS).click()
        expect(page.locator(f"cg-bench[data-lab={lab}][data-phase=open]")).to_be_visible()
        found += [f"{lab}, {pair}" for pair in overlaps(page, NEXT_TO_TEXT)]
    assert found == []


@pytest.mark.parametrize("lab", sorted(lab.id for lab in catalogue().values() if lab.guide))
def test_the_first_screen_shows_the_lit_control_and_little_else(bench: Bench, lab: str) -> None:
    page = bench(lab, viewport={"width": 1536, "height": 864})
    page.set_viewport_size({"width": 1536, "height": 864})

    expect(page.locator(".lit")).to_be_in_viewport(ratio=1)
    assert page.locator(".more").get_attribute("open") is None
    in_row = page.locator(".controls .lit").count()  # else it stands in the lab's own view
    if in_row and page.locator(".more .gear:not([hidden])").count():  # an empty fold is not shown
        expect(page.locator(".more > summary")).to_be_in_viewport(ratio=1)
    buttons = page.locator(".act button:visible")
    assert buttons.count() <= 3
    expect(
        page.locator("cg-bench .button.primary:visible:not(.bench-predictions *)")
    ).to_have_count(0)


def test_the_next_line_takes_the_place_of_the_start(bench: Bench) -> None:
    page = bench()
    start = page.get_by_role("button", name="Start a request")
    before = start.bounding_box()

    start.click()

    after = page.get_by_role("button", name="Next line")
    expect(after).to_be_visible()
    assert after.bounding_box() == before
    box = page.get_by_role("button", name="Run to the end").bounding_box()
    assert before and box and box["x"] >= before["x"] + before["width"]


def test_a_longer_sentence_moves_nothing(bench: Bench) -> None:
    page = bench()
    place = "() => document.querySelector('.act').getBoundingClientRect().top"
    before = page.evaluate(place)

    page.evaluate(
        "() => { document.querySelector('.says').textContent = 'A sentence of many words. '.repeat(5); }"
    )

    assert page.evaluate(place) == before


def test_a_tab_moves_no_part_of_the_page(bench: Bench) -> None:
    page = bench()
    order = """() => [...document.querySelectorAll('.stage, .controls, .of-checks, .code-panel, .drawers')]
      .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((part) => part.className)"""
    before = page.evaluate(order)

    for tab in ("Load", "Break"):
        page.get_by_role("link", name=tab).click()
        assert page.evaluate(order) == before
