"""A failover as a learner sees it: kill the primary on the page, watch the crown move, read what it
cost, send it to somebody.
"""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open, unfold
from tests.browser.journeys.bench import SOON_MS, button, check, open_the_bench

OUT_OF_TILT_MS = 45_000


@pytest.fixture
def bench(visit: Open) -> Page:
    page = visit("/labs/failover")
    open_the_bench(page, "Failover")
    button(page, "Start the load").click()
    gear(page, "break")
    # On a machine that has just stalled no failover starts for half a minute.
    expect(page.locator("[data-tilt-line]")).to_be_hidden(timeout=OUT_OF_TILT_MS)
    return page


def gear(page: Page, name: str) -> None:
    page.locator(f"[data-gear-tab={name}]").click()


def crowned(page: Page) -> Locator:
    return page.locator('.topology.only-wide .node[data-crown="worn"]')


def test_the_primary_is_killed_and_the_crown_moves(bench: Page, visit: Open) -> None:
    expect(crowned(bench)).to_have_attribute("data-node", "cache-001")

    button(bench, "Kill the primary").click()
    expect(bench.locator('.only-wide [data-node="cache-001"]')).to_have_attribute(
        "data-state", "down"
    )
    expect(crowned(bench)).to_have_attribute(
        "data-node", re.compile("cache-00[23]"), timeout=SOON_MS
    )
    recorder = bench.get_by_role("region", name="Flight recorder")
    expect(recorder.get_by_text(re.compile(r"\d\.\d\d s without a write, \d+ lost"))).to_be_visible(
        timeout=SOON_MS
    )
    expect(bench.locator(".says")).to_contain_text(
        re.compile(
            r"No write was accepted for \d\.\d\d s\. \d+ of [\d,]+ acknowledged writes are lost"
        )
    )
    for claim in ("a replica is promoted", "the same endpoint", "number by number"):
        expect(check(bench, claim)).to_have_attribute("data-state", "met", timeout=SOON_MS)

    button(bench, "Bring back what is down").click()
    expect(check(bench, "comes back as a replica")).to_have_attribute(
        "data-state", "met", timeout=SOON_MS
    )
    assert not serious(bench)

    recorder.get_by_role("button", name=re.compile("Share as a link")).first.click()
    link = recorder.locator('[data-shared] a[href*="/flights/"]').first
    expect(link).to_be_visible()
    stranger = visit(str(link.get_attribute("href")))
    expect(
        stranger.get_by_role(
            "heading", name=re.compile("cache-001 was killed", re.IGNORECASE)
        ).first
    ).to_be_visible()
    expect(
        stranger.get_by_text(re.compile("no write accepted for", re.IGNORECASE)).first
    ).to_be_visible()


def test_the_page_comes_back_as_it_was_in_the_middle_of_a_failover(bench: Page) -> None:
    unfold(bench, "More controls")
    button(bench, "Freeze the primary").click()
    expect(crowned(bench)).to_have_attribute(
        "data-node", re.compile("cache-00[23]"), timeout=SOON_MS
    )
    now = crowned(bench).get_attribute("data-node")

    bench.reload()

    expect(crowned(bench)).to_have_attribute("data-node", str(now))
    expect(bench.locator('.only-wide [data-node="cache-001"]')).to_have_attribute(
        "data-state", "paused"
    )
    unfold(bench, "More controls")
    button(bench, "Let it go on").click()
    expect(bench.locator('.only-wide [data-node="cache-001"]')).to_have_attribute(
        "data-state", "up"
    )


def serious(page: Page) -> list[str]:
    return [
        violation["id"]
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
