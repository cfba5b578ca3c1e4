"""What is pressed right after a change of a control comes after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from labs.events import SettingChanged
from tests.browser.conftest import unfold
from tests.waiting import eventually
from tests.web.faked_labs import FakedLabs, FakedSandbox

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
        (
            "[hx-post$='/reset'] button",
            "reset",
            "All data and settings are as they were at the start.",
        ),
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


def test_an_arrow_key_moves_a_logarithmic_fader_by_one_value(
    bench: Callable[..., Page], labs_host: FakedLabs
) -> None:
    page = bench(query="?gear=load")
    fader, shown = page.locator("#control-ttl_s"), page.locator("[data-control=ttl_s] output")
    unfold(page, "More controls")
    fader.focus()

    for keys, words in (("ArrowLeft ArrowDown", "58 s"), ("ArrowRight ArrowUp ArrowUp", "61 s")):
        for key in keys.split():
            fader.press(key)
        expect(shown).to_have_text(words)
        expect(fader).to_have_attribute("aria-valuetext", words)

    fader.press("End")
    fader.press("ArrowRight")
    expect(shown).to_have_text("300 s")
    eventually(lambda: _last(labs_host) == ("set", {"name": "ttl_s", "value": 300.0}))


def test_an_older_value_that_is_told_does_not_move_a_fader_back(
    bench: Callable[..., Page], labs_host: FakedLabs
) -> None:
    page = bench(query="?gear=load")
    page.wait_for_selector("cg-bench[data-connection=live]")
    held: list[Route] = []
    page.route("**/settings", lambda route: held.append(route))
    unfold(page, "More controls")

    page.locator("#control-ttl_s").press("ArrowLeft")
    eventually(lambda: page.wait_for_timeout(10) or held)
    sandbox = page.locator("cg-bench").get_attribute("data-sandbox") or ""
    for name, value in (("ttl_s", 120), ("clients", 7)):
        FakedSandbox(labs_host, sandbox).tell(
            SettingChanged(name=name, label=name, value=value, shown=f"{value} told")
        )

    expect(page.locator("[data-control=clients] output")).to_have_text("7 told")
    expect(page.locator("[data-control=ttl_s] output")).to_have_text("59 s")
    for route in held:
        route.fulfill(status=204)


def _last(labs_host: FakedLabs) -> tuple[str, dict[str, Any]]:
    call, _, arguments = labs_host.line.calls[-1]
    return call, arguments
