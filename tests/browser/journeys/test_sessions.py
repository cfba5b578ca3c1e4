"""The lab sessions in a real browser on the whole site: log in on one instance, be served by the
other, kill it, still be in.
"""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.journeys.bench import SOON_MS, check, open_the_bench

OTHER = {"A": "B", "B": "A"}


def press(window: Locator, name: str) -> str:
    """Press a button of a browser window, wait for the response: who answered."""
    line = window.locator("[data-show=line]")
    before = line.inner_text()
    window.get_by_role("button", name=name, exact=True).click()
    expect(line).not_to_have_text(before, timeout=SOON_MS)
    return window.locator("[data-show=instance]").inner_text()


def test_logged_in_on_one_instance_served_by_the_other_and_still_in_when_the_first_is_dead(
    visit: Open,
) -> None:
    page = visit("/labs/sessions")
    bench = open_the_bench(page, "Sessions")
    mia = bench.get_by_role("region", name="Mia’s browser")
    still = bench.get_by_role("region", name="Who is still logged in").last

    press(mia, "Add to the cart")
    first = press(mia, "Log in")
    expect(mia.get_by_text(f"Logged in as Mia, by {first}")).to_be_visible()
    expect(still.get_by_role("row").nth(1)).to_contain_text(re.compile(r"session:.+Mia"))
    expect(still.get_by_text("logged in")).to_have_count(2)

    second = press(mia, "Open a page")
    assert second == OTHER[first]
    expect(mia.locator(".shop-message")).to_have_text("Hello again, Mia.")
    expect(check(bench, "the browser is recognised by the other")).to_contain_text(
        "Met:", timeout=SOON_MS
    )
    expect(check(bench, "The login makes a new id")).to_contain_text("Met:")
    expect(bench.locator("svg.only-wide .wire.live.hit").first).to_be_attached()

    bench.get_by_role("button", name=f"Kill Instance {first}").click()
    expect(bench.locator(f"svg.only-wide [data-node=instance-{first.lower()}]")).to_have_attribute(
        "data-state", "down"
    )
    expect(still.get_by_text("down")).to_have_count(2)
    for _ in range(2):
        assert press(mia, "Open a page") == second
        expect(mia.get_by_text(f"Logged in as Mia, by {first}")).to_be_visible()
    expect(check(bench, "With the instance of the login killed")).to_contain_text(
        "Met:", timeout=SOON_MS
    )

    # The time to live is counted by the store, and is seen to run out.
    left = still.locator("[data-session=first] .left")
    expect(left).to_have_text(re.compile(r"^\d+ s$"))
    before = left.inner_text()
    expect(left).not_to_have_text(before)


def test_what_the_shop_answers_is_shown_as_text(visit: Open) -> None:
    page = visit("/labs/sessions")
    bench = open_the_bench(page, "Sessions")
    mia = bench.get_by_role("region", name="Mia’s browser")

    press(mia, "Log in")
    mia.get_by_text("The response, as it came").click()

    expect(mia.locator("[data-show=set_cookie]")).to_contain_text("HttpOnly; Secure; SameSite=Lax")
    expect(mia.get_by_text("X-Instance:")).to_be_visible()
    page.reload()
    expect(bench.get_by_role("region", name="Mia’s browser").locator(".shop-message")).to_have_text(
        "Welcome, Mia."
    )


def test_it_is_walked_with_the_keyboard_alone(visit: Open) -> None:
    page = visit("/labs/sessions")
    tab_to(page, "Open the bench")
    page.keyboard.press("Enter")
    expect(page.locator("cg-bench[data-connection=live]")).to_be_visible(timeout=SOON_MS)
    mia = page.get_by_role("region", name="Mia’s browser")

    tab_to(page, "Log in", mia)
    page.keyboard.press("Enter")
    expect(mia.get_by_text("Logged in as Mia")).to_be_visible()
    tab_to(page, "Open a page")
    page.keyboard.press("Enter")
    expect(mia.locator(".shop-message")).to_have_text("Hello again, Mia.")
    tab_to(page, "Kill Instance A")
    page.keyboard.press("Enter")
    expect(page.locator(":focus")).to_have_text("Restart Instance A")
    page.keyboard.press("Enter")

    expect(page.locator("svg.only-wide [data-node=instance-a]")).to_have_attribute(
        "data-state", "up", timeout=SOON_MS
    )
    expect(page.locator(":focus")).to_have_text("Kill Instance A")


def tab_to(page: Page, name: str, place: Locator | None = None) -> None:
    """Press the tab key until this has the focus: in this place, or the first one that comes."""
    for _ in range(200):
        page.keyboard.press("Tab")
        focused = (place or page).locator(":focus")
        if focused.count() and focused.evaluate("focused => focused.textContent.trim()") == name:
            return
    pytest.fail(f"the keyboard does not reach {name}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("gear", ["step", "load", "break"])
def test_axe_finds_nothing(visit: Open, scheme: str, gear: str) -> None:
    page = visit(f"/labs/sessions?gear={gear}", color_scheme=scheme)
    bench = open_the_bench(page, "Sessions")
    press(bench.get_by_role("region", name="Mia’s browser"), "Log in")

    found = Axe().run(page)

    serious = [
        (v["id"], [node["target"] for node in v["nodes"]][:4])
        for v in found.response["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize("width", [345, 360, 768, 1152])
def test_it_does_not_scroll_sideways(visit: Open, width: int) -> None:
    page = visit("/labs/sessions", viewport={"width": width, "height": 800})
    bench = open_the_bench(page, "Sessions")
    press(bench.get_by_role("region", name="Mia’s browser"), "Log in")

    for gear in ("step", "load", "break"):
        page.goto(f"/labs/sessions?gear={gear}")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, gear


@pytest.mark.parametrize("gear", ["step", "load", "break"])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720)])
def test_the_projector_view_is_one_screen(visit: Open, gear: str, width: int, height: int) -> None:
    page = visit("/labs/sessions", viewport={"width": width, "height": height})
    open_the_bench(page, "Sessions")

    page.goto(f"/labs/sessions?view=projector&gear={gear}")

    assert page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    ) == [width, height]
    expect(page.locator("svg.only-wide")).to_be_in_viewport()
