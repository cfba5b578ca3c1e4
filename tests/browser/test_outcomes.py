"""What became of an action stands where the action was, stays there, pushes nothing; a toast covers
no control. That a refused action writes no error into the console, every test here watches.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import unfold

Bench = Callable[..., Page]
UNDER_THE_DRAWING = "cg-controls .act > [data-outcome]"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def action(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True).first


def boxes(page: Page) -> Any:
    """Where every control is that can be seen."""
    return page.evaluate("""() => [...document.querySelectorAll('cg-bench button, cg-bench input')]
        .filter((one) => one.checkVisibility({ visibilityProperty: true }))
        .map((one) => { const r = one.getBoundingClientRect(); return [one.textContent.trim(), r.left, r.top + scrollY]; })""")


def test_the_outcome_of_an_action_stands_in_its_place_and_pushes_nothing(bench: Bench) -> None:
    page = bench(query="?gear=step")
    before = boxes(page)

    action(page, "Read it").click()

    said = page.locator("[data-outcome]", has_text="Item 42:")
    expect(said).to_have_count(1)
    expect(said).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)
    assert boxes(page) == before


def test_it_stays_until_the_next_action_also_when_the_bench_is_drawn_again(bench: Bench) -> None:
    page = bench(query="?gear=step")
    action(page, "Read it").click()
    said = page.locator("[data-outcome]", has_text="Item 42:")
    expect(said).to_have_count(1)

    page.evaluate("() => document.querySelector('cg-bench').redraw()")
    page.wait_for_function("() => !document.querySelector('cg-bench').drawing")
    expect(said).to_have_count(1)

    unfold(page, "More controls")
    action(page, "Flush the cache").click()
    expect(said).to_have_count(0)
    expect(page.locator("[data-outcome]", has_text="The cache is empty.")).to_have_count(1)


def test_a_refused_action_is_said_in_the_same_place_and_is_no_error_of_the_page(
    bench: Bench,
) -> None:
    page = bench(query="?gear=break")
    page.locator("[data-fault-server=cache]").get_by_role("button", name="Kill").click()
    expect(page.locator("svg.only-wide [data-node=cache]")).to_have_attribute("data-state", "down")
    page.locator("[data-gear-tab=step]").click()
    unfold(page, "More controls")

    action(page, "Flush the cache").click()

    said = page.locator("[data-outcome].error")
    expect(said).to_contain_text("The cache is not up. Restart it first.")
    expect(said.locator(".mark.error")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)


def test_the_nearest_place_is_that_of_the_form_then_of_the_group(bench: Bench) -> None:
    page = bench(query="?gear=step")
    page.evaluate("""() => {
        const form = [...document.querySelectorAll('button')].find((one) => one.textContent.trim() === 'Read it').form;
        const line = document.createElement('p');
        line.dataset.outcome = line.className = '';
        form.append(line);
    }""")

    action(page, "Read it").click()

    expect(page.locator("form [data-outcome]")).to_contain_text("Item 42:")
    expect(page.locator(UNDER_THE_DRAWING)).to_be_empty()


def test_what_the_drawing_says_already_is_not_said_twice(bench: Bench) -> None:
    page = bench(query="?gear=step")
    unfold(page, "More controls")
    page.evaluate(
        """() => { document.querySelector('.says').textContent = 'The cache is empty. It was emptied.'; }"""
    )

    with page.expect_response("**/actions/flush") as answer:
        action(page, "Flush the cache").click()
    assert "The cache is empty." in (answer.value.header_value("outcome") or "")
    expect(action(page, "Flush the cache")).to_be_enabled()

    expect(page.locator("[data-outcome]", has_text="The cache is empty.")).to_have_count(0)


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 1280, "height": 800}},
        {"viewport": {"width": 1920, "height": 1080}},
        PHONE,
    ],
    ids=["1280", "1920", "phone"],
)
def test_one_toast_at_a_time_and_it_covers_no_control(bench: Bench, look: dict[str, Any]) -> None:
    page = bench(query="?gear=break", **look)
    height = page.evaluate("() => document.documentElement.scrollHeight")
    for top in range(0, height, 400):
        page.evaluate(f"() => scrollTo(0, {top})")
        for words in ("The first thing that happened.", "The portal did not answer. Look again."):
            page.evaluate(
                "(text) => document.dispatchEvent(new CustomEvent('htmx:after:request', { detail: { ctx: { request: { action: '' }, "
                "response: { raw: { headers: { get: () => text } } } } } }))",
                json.dumps({"text": words, "sense": "error"}),
            )
        expect(page.locator(".toast")).to_have_count(1)
        expect(page.locator(".toast")).to_contain_text("Look again.")
        covered = page.evaluate("""() => {
            const toast = document.querySelector('.toast').getBoundingClientRect();
            return [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
                .filter((one) => !one.closest('.toasts') && one.checkVisibility())
                .filter((one) => { const r = one.getBoundingClientRect();
                    return r.width > 1 && r.left < toast.right && r.right > toast.left && r.top < toast.bottom && r.bottom > toast.top; })
                .map((one) => one.outerHTML.slice(0, 80));
        }""")
        assert covered == [], f"at {top} px"
