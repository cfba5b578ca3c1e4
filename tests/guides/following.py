"""A learner who does what the guide on the page says, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, TimeoutError as NotInTime, expect

from tests.guides.hands import Hand, Mouse

STEP_S = 90.0
"""For one step, with all that its servers do and the time to live of what they store."""
AGAIN_S, ATTEMPTS = 1.0, 3


class Lost(AssertionError):
    """The guide can't be followed from here."""


def follow(page: Page, pause: Callable[[], None], hand: Hand | None = None) -> int:
    """Do each step of the guide of the open bench, with a mouse or with another hand; how many
    there were. Raises Lost.
    """
    guide = page.locator("cg-guide")
    done = 0
    while (number := int(guide.get_attribute("data-current") or 0)) != 0:
        pause()
        _do(page, number, hand or Mouse())
        done = number
    return done


def _do(page: Page, number: int, hand: Hand) -> None:
    """Do this step and wait until another one is the current one. What is stepped, and what the
    guide says to press `until` something, is pressed again while it isn't; so is a prediction that
    says why it could not be measured, as on a machine that stalls. A step with nothing to press may
    end by itself.
    """
    step = page.locator(f'cg-guide [data-step="{number}"]')
    later = page.locator(f'cg-guide:not([data-current="{number}"])')
    expect(step.or_(later).filter(visible=True).first).to_be_visible()
    if not _is_current(page, number):
        return
    use = step.get_attribute("data-use-of") or ""
    fields = json.loads(step.get_attribute("data-fields") or "{}")
    words = f"Step {number}: {step.inner_text()}"
    repeats = use.startswith("step:") or "Press it until" in words
    end, attempts = time.monotonic() + STEP_S, 1
    while True:
        if use:
            try:
                _use(hand, _lit(page, number, words), use, fields)
            except (NotInTime, Lost):
                if _is_current(page, number):  # else the step was done meanwhile
                    raise
        again_at = time.monotonic() + (AGAIN_S if repeats else STEP_S)
        while time.monotonic() < min(again_at, end):
            if not _is_current(page, number):
                return
            if use.startswith("prediction:") and attempts < ATTEMPTS and _has_failed(page):
                end, attempts = time.monotonic() + STEP_S, attempts + 1
                break
            page.wait_for_timeout(50)
        if time.monotonic() >= end:
            raise Lost(
                f"{words}\nwas done, and the guide did not go on. {_problems(page)} {_checks(page)}"
            )


def _is_current(page: Page, number: int) -> bool:
    return page.locator("cg-guide").get_attribute("data-current") == str(number)


def _lit(page: Page, number: int, words: str) -> Locator:
    """The control that the guide lights: the one thing that a learner looks for."""
    lit = page.locator(f'.lit[data-lit="{number}"]')
    try:
        lit.first.wait_for(state="visible", timeout=8_000)
    except NotInTime as exc:
        raise Lost(f"{words}\nlights no control that can be seen. {_checks(page)}") from exc
    return lit.first


def _use(hand: Hand, control: Locator, use: str, fields: dict[str, Any]) -> None:
    kind = use.partition(":")[0]
    if kind == "setting":
        _set(hand, control, fields["value"])
    elif kind == "console":
        line = control.get_by_role("textbox")
        hand.write(line, str(fields["command"]))
        line.press("Enter")
    elif kind == "prediction":
        card = control.locator("xpath=ancestor::section[1]")
        answers = card.locator("input[name=value]")
        if answers.count() and answers.first.get_attribute("type") == "radio":
            hand.tick(answers.first)
        elif answers.count():
            hand.write(answers.first, "1")
        hand.press(control)
    else:
        for name, value in fields.items():
            _fill(hand, control, name, value)
        if control.is_enabled():
            hand.press(control)


def _set(hand: Hand, form: Locator, value: Any) -> None:
    """Set a control of the lab."""
    choice = form.locator(f'input[type=radio][value="{value}"]')
    text = form.locator("input[type=text]")
    if choice.count():
        hand.tick(choice)
    elif form.locator("select").count():
        hand.pick(form.locator("select"), str(value))
    elif text.count():
        hand.write(text, str(value))
        text.press("Tab")
    else:
        fader = form.locator("input[type=range]")
        hand.slide(fader, _place_of(fader, float(value)))


def _place_of(fader: Locator, value: float) -> str:
    """Where a fader shows this value: a logarithmic one has places."""
    place = fader.evaluate(
        """(input, value) => {
          const stops = JSON.parse(input.dataset.stops ?? "[]");
          const near = stops.find(([, stop]) => Math.abs(stop / value - 1) < 1e-6);
          if (stops.length && !near) throw new Error(`the fader has no place for ${value}`);
          return String(near ? near[0] : value);
        }""",
        value,
    )
    return str(place)


def _fill(hand: Hand, control: Locator, name: str, value: Any) -> None:
    """Fill in a field of the form that the button sends, wherever on the page either stands."""
    owner = control.evaluate("button => button.form.id")
    form = (
        control.page.locator(f'[id="{owner}"]')
        if owner
        else control.locator("xpath=ancestor::form[1]")
    )
    field = form.locator(f'[name="{name}"]')
    if owner:
        field = field.or_(control.page.locator(f'[form="{owner}"][name="{name}"]'))
    field = field.first
    if field.get_attribute("type") == "hidden":
        return
    if field.get_attribute("type") == "radio":
        chosen = form.locator(f'input[name="{name}"][value="{value}"]')
        if owner:
            named = f'input[form="{owner}"][name="{name}"][value="{value}"]'
            chosen = chosen.or_(control.page.locator(named))
        hand.tick(chosen)
    elif field.evaluate("input => input.tagName") == "SELECT":
        hand.pick(field, str(value))
    else:
        hand.write(field, f"{value:g}" if isinstance(value, float) else str(value))


def _has_failed(page: Page) -> bool:
    """True once for each sentence that says why a prediction could not be measured."""
    new = page.locator(".prediction .problem:not([data-read])")
    if not new.count():
        return False
    new.first.evaluate("sentence => sentence.setAttribute('data-read', '')")
    return True


def _problems(page: Page) -> str:
    """Why predictions could not be measured, as the page says it; empty if none says so."""
    return " ".join(page.locator(".prediction .problem").all_inner_texts())


def _checks(page: Page) -> str:
    """What the page says of its checks, for the message of a failure."""
    return "Checks:\n" + "\n".join(page.locator("cg-checks li").all_inner_texts())
