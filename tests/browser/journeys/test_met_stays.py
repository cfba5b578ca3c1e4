"""A check that was met stays met, with the reading that met it: after the lesson's next exercise,
after a reset, on the closed bench, on the next bench. On real servers.
"""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open, unfold
from tests.browser.journeys.bench import SOON_MS, bench_of, button, check, open_the_bench

LAB = "/labs/database-relief"
TITLE = "Database relief"
CLAIM = "At the same load the database gets at least 80 % fewer queries"


def choose(bench: Locator, control: str, option: str) -> None:
    bench.get_by_role("group", name=control, exact=True).get_by_text(option, exact=True).click()


def reading_of(item: Locator) -> str:
    return item.locator("[data-message]").inner_text()


def counted_as_met(page: Page) -> int:
    found = re.match(r"(\d+) of 4 met", page.locator("[data-met]").inner_text())
    assert found
    return int(found[1])


def test_what_was_met_stays_met_with_its_reading(visit: Open) -> None:
    page = visit(f"{LAB}?gear=load")
    bench = open_the_bench(page, TITLE)
    relief = check(bench, CLAIM)
    expect(relief.locator(".hint")).to_contain_text("Set “Cache” to “off”")

    button(bench, "Start the load").click()
    expect(relief.locator(".hint")).to_contain_text("Set “Cache” to “on”", timeout=SOON_MS)
    choose(bench, "Cache", "on")
    expect(relief).to_have_attribute("data-state", "met", timeout=SOON_MS)
    expect(relief.locator(".when")).to_have_text(re.compile(r"Met at \d\d:\d\d\."))
    reading, met = reading_of(relief), counted_as_met(page)
    assert re.match(r"Postgres counted \d+ queries a second without the cache", reading)
    expect(relief.locator(".counted table")).to_be_hidden()
    relief.get_by_text("How this was counted").click()
    expect(relief.get_by_role("row", name="Queries that the cache saved")).to_contain_text("%")

    # The lesson's next exercise: another read, for which the load has not run without the cache.
    unfold(page, "More controls")
    bench.get_by_label("What is read").select_option("row")
    expect(relief.locator(".so-now")).to_be_visible(timeout=SOON_MS)
    expect(relief).to_have_attribute("data-state", "met")
    assert reading_of(relief) == reading and counted_as_met(page) >= met

    bench.locator(".bench-foot summary").click()
    button(bench, "Yes, start afresh").click()
    expect(relief.locator(".so-now")).to_contain_text("No load has run", timeout=SOON_MS)
    expect(relief).to_have_attribute("data-state", "met")
    assert reading_of(relief) == reading and counted_as_met(page) >= met

    button(bench, "Close the bench").click()
    expect(button(page, "Open the bench")).to_be_visible(timeout=SOON_MS)
    closed = check(bench_of(page, TITLE), CLAIM)
    expect(closed).to_have_attribute("data-state", "met")
    assert reading_of(closed) == reading and counted_as_met(page) >= met

    again = check(open_the_bench(page, TITLE), CLAIM)
    expect(again).to_have_attribute("data-state", "met")
    expect(again.locator(".so-now")).to_be_hidden()
    assert reading_of(again) == reading and counted_as_met(page) >= met
