"""A quiz in a real browser: it counts at once, it can be done by keyboard and without a script, and
two measurements wait for each other.
"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open

QUIZ = "/lessons/cache-aside-in-code/quiz"
RIGHT = "The application, which then stores the answer in ElastiCache"
WRONG = "RDS, which gets notice of the miss and pushes the row"
MEASURED_MS = 15_000


def question(page: Page, name: str) -> Locator:
    """The card of a question of the quiz."""
    return page.locator(f"#q-{name}")


def answer(card: Locator, value: str) -> None:
    """Type a number and send it."""
    card.get_by_label("Your number").fill(value)
    card.get_by_role("button").click()


def states(page: Page) -> list[str]:
    """The state of each box that is not open, with its number."""
    boxes = page.locator("#quiz-boxes > li").all()
    found = [(n, box.get_attribute("data-state")) for n, box in enumerate(boxes, 1)]
    return [f"{n} {state}" for n, state in found if state != "open"]


def test_each_answer_counts_at_once(visit: Open) -> None:
    page = visit(QUIZ)
    expect(page.locator("#quiz-words")).to_have_text("26 questions")

    first = question(page, "who-falls-back")
    first.get_by_label(WRONG).check()
    first.get_by_role("button", name="Answer").click()

    expect(first.get_by_role("status")).to_contain_text("Not this one")
    expect(page.locator("#quiz-words")).to_have_text("0 of 1 right, 25 to go")
    expect(first.locator("[data-verdict=chosen]")).to_contain_text(WRONG)
    expect(first.locator("[data-verdict=right]")).to_contain_text(RIGHT)
    expect(first.locator(".why")).to_have_count(2)

    answer(question(page, "trips-of-a-miss"), "3")

    expect(page.locator("#quiz-words")).to_have_text("1 of 2 right, 24 to go")
    assert states(page) == ["1 wrong", "5 right"]
    page.reload()
    expect(page.locator("#quiz-words")).to_have_text("1 of 2 right, 24 to go")
    assert states(page) == ["1 wrong", "5 right"]


def test_right_and_wrong_never_wear_the_accent(visit: Open) -> None:
    page = visit(QUIZ)
    for value in ("3", "2"):
        name = "trips-of-a-miss" if value == "3" else "mean-latency"
        answer(question(page, name), value)
        expect(question(page, name).get_by_role("status")).to_be_visible()

    accent = page.evaluate(
        """() => {
          const probe = document.body.appendChild(document.createElement("p"));
          probe.style.color = "var(--accent)";
          const { color } = getComputedStyle(probe);
          probe.remove();
          return color;
        }"""
    )
    worn = page.evaluate(
        """() => [...document.querySelectorAll("[data-verdict], [data-verdict] *, .told")].flatMap((one) => {
          const style = getComputedStyle(one);
          return [style.color, style.borderTopColor, style.backgroundColor, style.stroke];
        })"""
    )

    assert worn and accent not in worn


def test_an_answer_by_keyboard_keeps_the_place(visit: Open) -> None:
    page = visit(QUIZ)
    first = question(page, "who-falls-back")
    first.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")

    expect(first.get_by_role("status")).to_be_focused()
    page.keyboard.press("Tab")
    expect(first.get_by_role("link", name="Next question")).to_be_focused()
    page.keyboard.press("Enter")
    expect(question(page, "measure-ten-reads")).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(question(page, "measure-ten-reads").get_by_label("Your number")).to_be_focused()


def test_a_verdict_takes_no_focus_from_another_question(visit: Open) -> None:
    page = visit("/labs/cache-aside")
    page.get_by_role("button", name="Open the bench").click()
    page.wait_for_selector("cg-bench[data-phase=open]")
    page.goto(QUIZ)
    measured = question(page, "measure-stale-for")
    answer(measured, "3")
    expect(measured.locator("cg-measuring")).to_have_text("Measuring on your servers…")

    other = question(page, "trips-of-a-miss").get_by_label("Your number")
    other.focus()
    expect(measured.get_by_role("status")).to_have_text("Right", timeout=MEASURED_MS)

    expect(other).to_be_focused()


def test_without_a_script_the_page_leads_back_to_the_question(visit: Open) -> None:
    page = visit(QUIZ, java_script_enabled=False)

    answer(question(page, "trips-of-a-miss"), "3")

    assert page.url.endswith("/quiz#q-trips-of-a-miss")
    expect(page.locator("#quiz-words")).to_have_text("1 of 1 right, 25 to go")
    expect(question(page, "trips-of-a-miss").get_by_role("status")).to_have_text("Right")


def test_the_second_measurement_waits_and_says_so(visit: Open) -> None:
    page = visit("/labs/cache-aside")
    page.get_by_role("button", name="Open the bench").click()
    page.wait_for_selector("cg-bench[data-phase=open]")
    page.goto(QUIZ)
    first, second = (question(page, f"measure-{name}") for name in ("stale-for", "ten-reads"))

    answer(first, "3")
    expect(first.locator("cg-measuring")).to_have_text("Measuring on your servers…")
    height = second.bounding_box()
    answer(second, "1")
    expect(second.locator("cg-measuring")).to_have_text(
        "Waiting: another measurement runs in your sandbox."
    )
    assert height and second.bounding_box() == height

    for card in (first, second):
        expect(card.get_by_role("status")).to_have_text("Right", timeout=MEASURED_MS)
    expect(page.locator("#quiz-words")).to_have_text("2 of 2 right, 24 to go")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_axe_finds_nothing_and_nothing_is_too_wide(visit: Open, scheme: str, width: int) -> None:
    page = visit(QUIZ, color_scheme=scheme, viewport={"width": width, "height": 900})
    answer(question(page, "trips-of-a-miss"), "3")
    expect(page.locator("#quiz-words")).to_have_text("1 of 1 right, 25 to go")
    answer(question(page, "mean-latency"), "2")
    expect(page.locator("#quiz-words")).to_have_text("1 of 2 right, 24 to go")

    found = Axe().run(page)

    assert not found.response["violations"], found.generate_report()
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
