"""The lab durability in a real browser on the whole site: write, cut the power, start again, and
read what is lost.
"""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open, unfold
from tests.browser.journeys.bench import SOON_MS, open_the_bench


def count(bench: Locator, station: str) -> Locator:
    return bench.locator(f"[data-station={station}] [data-count]")


def test_a_loss_of_power_takes_what_a_crash_left(visit: Open) -> None:
    page = visit("/labs/durability?gear=break&mode=no")
    bench = open_the_bench(page, "Durability")
    rows = bench.get_by_role("region", name="What each fault took").locator("tbody tr")

    bench.get_by_role("button", name="Write a thousand").click()
    expect(count(bench, "in_kernel")).to_have_text(re.compile(r"^1,\d{3}$"), timeout=SOON_MS)
    expect(count(bench, "on_disk")).to_have_text("0")

    bench.get_by_role("button", name="Crash the process").click()
    expect(bench.locator("svg.only-wide [data-node=redis]")).to_have_attribute("data-state", "down")
    expect(count(bench, "in_memory")).to_have_text("0")
    expect(count(bench, "in_kernel")).to_have_text(re.compile(r"^1,\d{3}$"))
    bench.get_by_role("button", name="Start it, and compare").click()
    expect(rows.first).to_contain_text("process crash", timeout=SOON_MS)
    expect(rows.first.locator("td").nth(5)).to_have_text("0")

    unfold(page, "More controls")
    bench.get_by_role("button", name="Cut the power").click()
    expect(bench.locator("svg.only-wide [data-node=redis] .why")).to_have_text(
        "is down: its power was cut"
    )
    bench.get_by_role("button", name="Start it, and compare").click()
    expect(rows.first).to_contain_text("power cut", timeout=SOON_MS)
    expect(rows.first.locator("td").nth(4)).to_have_text("0")
    check = (
        bench.get_by_role("list", name="Checks")
        .get_by_role("listitem")
        .filter(has_text="A loss of power takes what was not synced")
    )
    expect(check).to_contain_text("Met:", timeout=SOON_MS)


def test_a_write_is_walked_to_the_disk(visit: Open) -> None:
    page = visit("/labs/durability?mode=always")
    bench = open_the_bench(page, "Durability")

    bench.get_by_role("button", name="Start a request").click()
    expect(bench.locator("cg-code[data-function=write] .lit")).to_be_visible()
    bench.get_by_role("button", name="Run to the end").click()

    expect(bench.locator(".says")).to_contain_text("it is on the disk")
    expect(count(bench, "on_disk")).to_have_text("1", timeout=SOON_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("gear", ["step", "load", "break"])
def test_axe_finds_nothing(visit: Open, scheme: str, gear: str) -> None:
    page = visit(f"/labs/durability?gear={gear}", color_scheme=scheme)
    bench = open_the_bench(page, "Durability")
    bench.get_by_role("button", name="Write a thousand").click()
    expect(count(bench, "acknowledged")).to_have_text(re.compile(r"^1,\d{3}$"), timeout=SOON_MS)

    found = Axe().run(page)

    serious = [
        (v["id"], [node["target"] for node in v["nodes"]][:4])
        for v in found.response["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
