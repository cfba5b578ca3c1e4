"""The shop's page: two phones that show what was really answered, also when the price is old."""

from threading import Event

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.waiting import WITHIN_S


def phone(page, title):
    return page.get_by_role("region", name=title)


@pytest.fixture
def shop(bench):
    page = bench("cache-aside", "?invalidate=none")
    page.get_by_role("link", name="Open the shop").click()
    page.wait_for_selector("cg-shop:defined")
    return page


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def test_both_phones_show_the_product_and_who_answered(shop):
    press(shop, "Reload both phones")
    expect(phone(shop, "Phone 1")).to_contain_text("answered by the database")
    expect(phone(shop, "Phone 2")).to_contain_text("Lamp")

    press(shop, "Reload phone 1")

    expect(phone(shop, "Phone 1")).to_contain_text("answered by the cache")


def test_an_old_price_is_seen(shop):
    press(shop, "Reload both phones")
    expect(phone(shop, "Phone 1")).to_contain_text("€ 24.90")

    press(shop, "Change the price")
    press(shop, "Reload both phones")

    expect(phone(shop, "Phone 1")).to_contain_text("old price")
    expect(phone(shop, "Phone 2")).not_to_contain_text("old price")


def test_the_page_stays_after_a_reload(shop):
    press(shop, "Reload both phones")
    expect(phone(shop, "Phone 2")).to_contain_text("Lamp")

    shop.reload()

    expect(phone(shop, "Phone 2")).to_contain_text("Lamp")
    shop.get_by_role("link", name="Back to the bench").click()
    expect(shop.get_by_role("link", name="Open the shop")).to_be_visible()


def test_a_shop_without_servers_says_how_to_open_them(visit):
    page = visit("/labs/cache-aside/shop")

    expect(page.get_by_role("button", name="Open the bench")).to_be_visible()


def test_a_step_whose_control_is_elsewhere_leads_to_its_tab_of_the_bench(shop):
    expect(shop.locator(".lit")).to_have_count(0)

    shop.get_by_role("link", name="On the bench, tab Step").click()

    expect(shop.locator("[data-gear-tab][aria-current]")).to_have_attribute("data-gear-tab", "step")
    expect(shop.locator(".act .lit")).to_be_in_viewport()


def test_a_step_whose_control_is_here_is_lit_here(shop):
    expect(shop.locator("[data-on-bench]")).to_be_visible()
    for _ in range(2):
        shop.evaluate(
            """() => htmx.ajax('POST', document.querySelector('[data-use="action:reload-phone-1"]').getAttribute('hx-post').replace('reload-phone-1', 'read'), { values: { item: 42 }, swap: 'none' })"""
        )

    expect(shop.locator(".lit")).to_have_text("Change the price")
    expect(shop.locator("[data-on-bench]")).to_be_hidden()


def test_a_page_that_has_not_arrived_shows_wells_and_how_long_it_waits(shop, labs_host):
    asked = Event()
    labs_host.line.before["action"] = lambda: asked.wait(WITHIN_S)
    press(shop, "Reload both phones")

    for title in ("Phone 1", "Phone 2"):
        expect(phone(shop, title).locator("[aria-busy=true]")).to_contain_text("has been loading")
        expect(phone(shop, title)).not_to_contain_text("No page is loaded")
    asked.set()

    expect(phone(shop, "Phone 2")).to_contain_text("Lamp")
    expect(shop.locator("[aria-busy=true]")).to_have_count(0)


def test_a_page_that_will_not_come_leaves_the_phone_as_it_was(visit):
    page = visit("/labs/cache-aside", problems_are_meant=True)
    page.get_by_role("button", name="Open the bench").click()
    page.get_by_role("link", name="Open the shop").click()
    page.wait_for_selector("cg-shop:defined")
    held = []
    page.route("**/actions/reload-both-phones", lambda route: held.append(route))
    press(page, "Reload both phones")
    expect(phone(page, "Phone 1")).to_contain_text("has been loading")

    held[0].abort()

    expect(phone(page, "Phone 1")).to_contain_text("No page is loaded yet.")


def test_the_box_of_the_app_in_the_drawing_opens_the_shop(bench):
    page = bench("cache-aside")
    box = page.locator(".only-wide .to-shop")

    page.get_by_role("link", name="the shop as its customers see it").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    focused = box.locator(".case").evaluate("box => getComputedStyle(box).strokeWidth")
    box.click()

    expect(page.get_by_role("heading", name="Two customers, one product")).to_be_visible()
    assert focused == "3px"
    page.go_back()
    page.get_by_role("link", name="the shop as its customers see it").press("Enter")
    expect(page.get_by_role("heading", name="Two customers, one product")).to_be_visible()


def test_nothing_hinders_anybody(shop):
    press(shop, "Reload both phones")
    expect(phone(shop, "Phone 2")).to_contain_text("Lamp")

    found = Axe().run(shop).response["violations"]
    assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")]
