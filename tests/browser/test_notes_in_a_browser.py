"""The page of the exam notes: its lines by their addresses, and how it looks at each width."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

Open = Callable[..., Page]


def test_the_keyboard_gives_a_line_its_address_and_leads_to_its_lesson(visit: Open) -> None:
    page = visit("/notes")

    page.get_by_role("link", name="Line A12").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/notes#a12")
    expect(page.locator("#a12")).to_be_in_viewport()
    page.keyboard.press("Tab")  # from the top of the line that was jumped to
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.wait_for_url("**/lessons/redis-durability-and-backup")


@pytest.mark.parametrize("width", [360, 390, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_nothing_is_too_wide_and_nothing_jumps(
    visit: Open, scheme: str, width: int
) -> None:
    page = visit("/", viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.add_init_script(
        "window.jumps = 0; new PerformanceObserver(list => { for (const shift of list.getEntries())"
        " window.jumps += shift.value; }).observe({ type: 'layout-shift', buffered: true });"
    )
    page.goto("/notes#a12")
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.jumps") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []
    expect(page.locator("#a12")).to_be_in_viewport()
