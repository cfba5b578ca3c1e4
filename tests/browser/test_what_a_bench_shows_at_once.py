"""What the page itself shows at once: the number of a fader that moves, the tick of a new check."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from labs.events import CheckChanged
from tests.browser.conftest import unfold
from tests.browser.groups import tell

Bench = Callable[..., Page]


def test_a_fader_shows_a_number_as_the_rest_of_the_page_does(bench: Bench) -> None:
    page = bench("write-through", "?gear=load")
    unfold(page, "More controls")
    shown = page.locator("[data-control=rate_per_s] output")
    expect(shown).to_have_text("400/s")

    page.get_by_role("slider", name="Requests wanted").evaluate(
        "fader => { fader.value = fader.max; fader.dispatchEvent(new Event('input', "
        "{ bubbles: true })); }"
    )

    expect(shown).to_have_text("5,000/s")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_tick_of_a_check_that_is_newly_met_is_drawn_once(bench: Bench, motion: str) -> None:
    page = bench(reduced_motion=motion)
    check = page.locator("[data-check=first-read-misses]")
    tick = check.locator(".tick")
    tick.evaluate(
        "tick => tick.addEventListener('animationstart', () => { "
        "tick.dataset.drawn = Number(tick.dataset.drawn ?? 0) + 1; })"
    )
    met = CheckChanged(check="first-read-misses", claim="", status="met", message="Seen.")

    tell(page, met)
    expect(tick).to_be_visible()
    if motion == "no-preference":
        expect(check).not_to_have_attribute("data-new-tick", "")
    tell(page, met)

    expect(tick).to_have_css("stroke-dasharray", "none")
    drawn = tick.get_attribute("data-drawn")
    assert drawn == ("1" if motion == "no-preference" else None)
