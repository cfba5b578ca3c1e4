"""What is pressed right after a change of a control comes after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.faked_labs import FakedLabs

CHANGE_AND_PRESS = """(button) => {
    const control = document.querySelector("[data-control=ttl_s]");
    const fader = control.querySelector("input[type=range]");
    fader.value = fader.max;
    fader.dispatchEvent(new Event("change", { bubbles: true }));
    document.querySelector(button).click();
}"""


@pytest.mark.parametrize(
    ("button", "call", "said"),
    [
        ("[hx-post$='/reset'] button", "reset", "Everything is as at the start."),
        ("[data-load-off] button, button[data-load-off]", "load", ""),
    ],
    ids=["start afresh", "start the load"],
)
def test_what_is_pressed_right_after_a_change_is_done_after_it(
    bench: Callable[..., Page], labs_host: FakedLabs, button: str, call: str, said: str
) -> None:
    page = bench(query="?gear=load")

    page.evaluate(CHANGE_AND_PRESS, button)

    if said:
        expect(page.locator("[data-outcome]", has_text=said)).to_have_count(1)
        expect(page.locator("[data-control=ttl_s] output")).to_have_text("60 s")
    else:
        expect(page.locator("[data-load-on]").first).to_be_visible()
        expect(page.locator("[data-control=ttl_s] output")).to_have_text("300 s")
    asked = [name for name, _, _ in labs_host.line.calls if name in ("set", call)]
    assert asked == ["set", call]
