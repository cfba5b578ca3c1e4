"""A prediction that can mean two numbers, in a real browser: what was typed stays, and both
readings are there.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("width", [1280, 360])
def test_what_can_mean_two_numbers_stays_in_the_form(bench, width):
    page = bench(viewport={"width": width, "height": 900})
    card = page.locator("#predict-cache-aside-ten-reads")
    field = card.get_by_label("Your number")

    field.fill("1,234")
    card.get_by_text("Certain").click()
    field.press("Enter")

    expect(card.get_by_role("alert")).to_contain_text("“1,234” can mean 1234 or 1.234.")
    expect(field).to_have_value("1,234")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(card.get_by_label("Certain")).to_be_checked()
    expect(field).to_be_focused()

    field.fill("0,5")
    field.press("Enter")

    expect(card).to_contain_text("Measured on your servers")
