"""What a learner finds on a bench."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

SOON_MS = 20_000


def open_the_bench(page: Page, title: str) -> Locator:
    """The bench of this title, opened and live."""
    button(page, "Open the bench").click()
    expect(page.locator("cg-bench[data-connection=live]")).to_be_visible(timeout=SOON_MS)
    return bench_of(page, title)


def bench_of(page: Page, title: str) -> Locator:
    """The part of the page that is the bench."""
    return page.get_by_role("region", name=f"Bench: {title}")


def button(place: Page | Locator, name: str) -> Locator:
    """A button by its whole name."""
    return place.get_by_role("button", name=name, exact=True)


def check(place: Page | Locator, claim: str) -> Locator:
    """The line of a check in the list."""
    return place.get_by_role("list", name="Checks").get_by_role("listitem").filter(has_text=claim)
