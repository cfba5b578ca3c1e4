"""Every lab's guide, followed literally in a browser, reaches every check of the lab."""

from __future__ import annotations

import random

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from labs.catalogue import catalogue
from tests.guides.following import follow
from tests.guides.hands import Keyboard

LABS = sorted(lab.id for lab in catalogue().values() if lab.guide)
SHORTEST_S, LONGEST_S = 3.0, 8.0
"""How long a person looks at a step before the hand is at the control."""


@pytest.mark.parametrize("lab", LABS)
def test_a_guide_that_is_followed_reaches_every_check(visit, lab, request):
    person = random.Random(lab)
    page = visit(f"/labs/{lab}")
    page.get_by_role("button", name="Open the bench").click()
    page.wait_for_selector("cg-bench[data-phase=open]")

    def pause() -> None:
        if request.config.getoption("--slow"):
            page.wait_for_timeout(1000 * person.uniform(SHORTEST_S, LONGEST_S))

    steps = follow(page, pause)

    assert steps == len(catalogue()[lab].guide)
    every_check_is_met(page, lab)
    page.get_by_role("button", name="Close the bench").click()
    expect(page.get_by_role("button", name="Open the bench")).to_be_visible()


def test_a_whole_lab_is_done_with_the_keyboard_alone_and_axe_finds_nothing(visit):
    page, keyboard = visit("/labs/cache-aside"), Keyboard()
    keyboard.press(page.get_by_role("button", name="Open the bench"))
    page.wait_for_selector("cg-bench[data-phase=open]")
    expect(page.locator(".lit")).to_be_visible()
    assert violations(page) == []

    steps = follow(page, lambda: None, keyboard)

    assert steps == len(catalogue()["cache-aside"].guide)
    every_check_is_met(page, "cache-aside")
    assert violations(page) == []
    keyboard.press(page.get_by_role("button", name="Close the bench"))
    expect(page.get_by_role("button", name="Open the bench")).to_be_visible()


def every_check_is_met(page, lab):
    checks = page.locator("cg-checks [data-check]")
    expect(checks).to_have_count(len(catalogue()[lab].checks))
    expect(page.locator('cg-checks [data-check]:not([data-state="met"])')).to_have_count(0)
    tiles = page.locator(".end-card .proved > li")
    expect(tiles).to_have_count(checks.count())
    expect(tiles.locator(".value")).to_have_count(checks.count())


def violations(page):
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += Axe().run(page).response["violations"]
    return [(one["id"], [node["target"] for node in one["nodes"]][:4]) for one in found]
