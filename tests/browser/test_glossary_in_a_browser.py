"""The glossary's page, and what a term shows in a lesson and on a bench: with the pointer, the
keyboard, a finger, and without a script.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

LESSON = "/lessons/cache-aside-in-code"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
Open = Callable[..., Page]


def note(page: Page) -> Locator:
    return page.get_by_role("tooltip")


def term(page: Page, name: str) -> Locator:
    return page.locator(f".prose a.term[href='/glossary#{name}']")


def ready(page: Page) -> Page:
    page.wait_for_load_state("networkidle")
    return page


def means(link: Locator) -> str:
    return link.get_attribute("data-means") or ""


def covers(page: Page, link: Locator) -> bool:
    """True if the note lies on its term, or leaves the window."""
    at: Any = note(page).bounding_box()
    own: Any = link.bounding_box()
    size = page.viewport_size or {"width": 0, "height": 0}
    is_inside = (
        at["x"] >= 0
        and at["y"] >= 0
        and at["x"] + at["width"] <= size["width"]
        and at["y"] + at["height"] <= size["height"]
    )
    is_apart = at["y"] >= own["y"] + own["height"] or at["y"] + at["height"] <= own["y"]
    return not (is_inside and is_apart)


def test_the_pointer_over_a_term_shows_what_it_means_and_may_go_to_the_note(visit: Open) -> None:
    page = ready(visit(LESSON))
    ttl = term(page, "ttl")

    ttl.hover()
    expect(note(page)).to_have_text(means(ttl))
    assert not covers(page, ttl)
    note(page).hover()
    page.wait_for_timeout(400)
    expect(note(page)).to_be_visible()
    page.get_by_role("heading", level=1).hover()
    expect(note(page)).to_be_hidden()


def test_the_keyboard_shows_it_and_escape_closes_it_and_keeps_the_place(visit: Open) -> None:
    page = ready(visit(LESSON))
    ttl = term(page, "ttl")

    page.keyboard.press("Tab")
    ttl.focus()
    expect(note(page)).to_have_text(means(ttl))
    expect(ttl).to_have_accessible_description(means(ttl))
    page.keyboard.press("Escape")
    expect(note(page)).to_be_hidden()
    expect(ttl).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary#ttl")


@pytest.mark.parametrize("name", ["cluster", "ttl", "hit-rate"])
def test_on_a_phone_the_first_tap_shows_it_and_the_second_follows_the_link(
    visit: Open, name: str
) -> None:
    page = ready(visit(LESSON, **PHONE))
    link = term(page, name)

    link.tap()
    expect(note(page)).to_have_text(means(link))
    assert not covers(page, link)
    assert page.url.endswith(LESSON)
    page.get_by_role("heading", level=1).tap()
    expect(note(page)).to_be_hidden()
    link.tap()
    link.tap()
    page.wait_for_url(f"**/glossary#{name}")


def test_each_term_of_a_lesson_has_its_note_in_the_window(visit: Open) -> None:
    page = ready(visit(LESSON, viewport={"width": 360, "height": 640}))
    page.keyboard.press("Tab")

    for link in page.locator(".prose a.term").all():
        link.focus()
        expect(note(page)).to_have_text(means(link))
        assert not covers(page, link), link.inner_text()


def test_without_a_script_a_term_leads_to_its_entry(visit: Open) -> None:
    page = visit(LESSON, java_script_enabled=False)

    term(page, "ttl").click()

    page.wait_for_url("**/glossary#ttl")
    expect(page.locator("#ttl")).to_be_in_viewport()
    expect(page.get_by_role("searchbox")).to_be_hidden()


def test_typing_narrows_the_page_and_says_when_nothing_is_left(visit: Open) -> None:
    page = ready(visit("/glossary"))
    field = page.get_by_role("searchbox", name="Find a term")

    field.fill("append-only")
    expect(page.locator("[data-entry]:visible dt a")).to_have_text(["AOF"])
    expect(page.locator("output")).to_have_text("1 term")
    expect(page.locator("[data-letter]:visible h2")).to_have_text(["A"])
    field.fill("zebra")
    expect(page.get_by_text("No term has “zebra” in its name or its text")).to_be_visible()
    page.get_by_role("button", name="Show all terms").click()
    expect(field).to_be_focused()
    expect(page.locator("output")).to_have_text(re.compile(r"^1\d\d terms$"))


def test_a_link_to_a_term_that_the_filter_hides_shows_it(visit: Open) -> None:
    page = ready(visit("/glossary"))
    page.get_by_role("searchbox").fill("append-only")

    page.locator("#aof .leads").get_by_role("link", name="fsync").click()

    expect(page.locator("#fsync")).to_be_in_viewport()


def test_the_guide_of_a_bench_shows_what_a_term_means(bench: Open) -> None:
    page = bench()
    link = page.locator("cg-guide a.term:visible").first

    link.hover()

    expect(note(page)).to_have_text(means(link))
    assert not covers(page, link)


@pytest.mark.parametrize("width", [360, 390, 1280, 1920])
def test_nothing_is_too_wide_and_nothing_jumps(visit: Open, width: int) -> None:
    page = visit("/", viewport={"width": width, "height": 900})
    page.add_init_script(
        "window.jumps = 0; new PerformanceObserver(list => { for (const shift of list.getEntries())"
        " window.jumps += shift.value; }).observe({ type: 'layout-shift', buffered: true });"
    )
    ready(page).goto("/glossary#ttl")
    ready(page)

    assert page.evaluate("window.jumps") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_axe_finds_nothing(visit: Open, scheme: str, width: int) -> None:
    page = visit("/glossary", viewport={"width": width, "height": 900}, color_scheme=scheme)

    assert Axe().run(ready(page)).response["violations"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_lesson_while_a_note_is_shown(visit: Open, scheme: str) -> None:
    page = ready(visit(LESSON, color_scheme=scheme))
    term(page, "ttl").hover()
    expect(note(page)).to_be_visible()

    serious = [
        violation["id"]
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert serious == []
