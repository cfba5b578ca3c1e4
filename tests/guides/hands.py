"""How a learner uses the controls of a page: with a mouse, or with the keyboard alone."""

from __future__ import annotations

import json
from typing import Protocol

from playwright.sync_api import Locator

MOST_TABS = 250
"""More stops than any page with a bench has."""


class Hand(Protocol):
    """What following a guide asks of a hand."""

    def press(self, button: Locator) -> None:
        """Press a button."""

    def write(self, field: Locator, text: str) -> None:
        """Write this into a field, in the place of what stands there."""

    def tick(self, radio: Locator) -> None:
        """Choose one of several buttons of a group."""

    def pick(self, select: Locator, value: str) -> None:
        """Choose from a list."""

    def slide(self, fader: Locator, place: str) -> None:
        """Move a fader to this place."""


class Mouse:
    """A hand with a mouse; it writes with the keyboard."""

    def press(self, button: Locator) -> None:
        button.click()

    def write(self, field: Locator, text: str) -> None:
        field.fill(text)

    def tick(self, radio: Locator) -> None:
        radio.check(force=True)

    def pick(self, select: Locator, value: str) -> None:
        select.select_option(value)

    def slide(self, fader: Locator, place: str) -> None:
        fader.evaluate(
            """(input, place) => {
              input.value = place;
              input.dispatchEvent(new Event("input", { bubbles: true }));
              input.dispatchEvent(new Event("change", { bubbles: true }));
            }""",
            place,
        )


class Keyboard:
    """A hand without a mouse: the tab key leads to every control, and keys use it."""

    def press(self, button: Locator) -> None:
        self._reach(button)
        button.page.keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        self._reach(field)
        field.page.keyboard.press("ControlOrMeta+a")
        field.page.keyboard.type(text)

    def tick(self, radio: Locator) -> None:
        """The tab key leads to one button of the group; the arrow keys choose another one."""
        if radio.is_checked():
            return
        name = radio.get_attribute("name")
        group = radio.locator("xpath=ancestor::fieldset[1]").locator(f"input[name='{name}']")
        self._reach(group.and_(radio.page.locator(":checked")))
        for _ in range(group.count()):
            radio.page.keyboard.press("ArrowRight")
            if radio.is_checked():
                return
        raise AssertionError("the arrow keys do not reach this choice")

    def pick(self, select: Locator, value: str) -> None:
        self._reach(select)
        keys = select.page.keyboard
        keys.press("Home")
        for _ in range(select.locator("option").count()):
            if select.input_value() == value:
                return
            keys.press("ArrowDown")
        raise AssertionError(f"the arrow keys do not reach {value}")

    def slide(self, fader: Locator, place: str) -> None:
        self._reach(fader)
        step = float(fader.get_attribute("step") or 1)
        stops = [at for at, _ in json.loads(fader.get_attribute("data-stops") or "[]")]
        now, to = float(fader.input_value()), float(place)
        if stops:  # one key is one value, which may have many places
            steps = stops.index(to) - max(n for n, at in enumerate(stops) if at <= now)
        else:
            steps = round((to - now) / step)
        for _ in range(abs(steps)):
            fader.page.keyboard.press("ArrowRight" if steps > 0 else "ArrowLeft")
        assert float(fader.input_value()) == float(place)

    def _reach(self, control: Locator) -> None:
        """Press the tab key until the focus is there."""
        page = control.page
        for _ in range(MOST_TABS):
            if control.evaluate("control => control === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the tab key does not reach {control}")
