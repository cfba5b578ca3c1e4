"""Steps to put in order, pairs, a text to type and commands to follow, in a real browser: by
keyboard alone, without a script, on a phone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from portal.settings import ROOT
from tests.browser.conftest import Open, WebServer, watched
from tests.web.conftest import PostgresServer, RedisServer
from tests.web.faked_labs import FakedLabs
from tests.web.quiz_pages import PAIRS, STEPS

QUIZ = "/lessons/second/quiz"


@pytest.fixture(scope="module")
def samples(postgres: PostgresServer, redis_server: RedisServer) -> Iterator[WebServer]:
    """A web server with the sample lessons."""
    server = WebServer(postgres.url, redis_server.url)
    server.env["CACHEGROUND_LESSONS"] = str(ROOT / "tests" / "samples" / "lessons")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def visit(browser: Browser, samples: WebServer, labs_host: FakedLabs) -> Iterator[Open]:
    with watched(browser, samples.url) as go:
        yield go


def question(page: Page, name: str) -> Locator:
    """The card of a question."""
    return page.locator(f"#q-{name}")


def verdict(card: Locator) -> Locator:
    """What the card says of the answer."""
    return card.locator("cg-verdict")


def steps(card: Locator) -> list[str]:
    """The steps in the order in which they stand."""
    return card.locator("li label").all_text_contents()


def order_by_keyboard(page: Page, card: Locator) -> None:
    """Move each step to its place with the buttons, and send the order."""
    expect(card.get_by_role("button", name="Up: ")).to_have_count(len(STEPS))
    for place, step in enumerate(STEPS):
        for moved in range(steps(card).index(step) - place):
            up = card.get_by_role("button", name=f"Up: {step}")
            if not moved:
                up.focus()
            page.keyboard.press("Enter")
        assert steps(card)[place] == step
    card.get_by_role("button", name="Answer").press("Enter")


def match_by_keyboard(page: Page, card: Locator, pairs: dict[str, str]) -> None:
    """Type the beginning of each right side into its select, and send the pairs."""
    for left, right in pairs.items():
        card.get_by_label(left).focus()
        page.keyboard.type(right[:5])
    card.get_by_role("button", name="Answer").press("Enter")


def test_each_kind_is_answered_by_keyboard_alone(visit: Open) -> None:
    page = visit(QUIZ)

    order = question(page, "in-order")
    order_by_keyboard(page, order)
    expect(verdict(order)).to_have_text("Right")
    expect(verdict(order)).to_be_focused()

    match = question(page, "in-pairs")
    match_by_keyboard(page, match, PAIRS)
    expect(verdict(match)).to_have_text("Right")
    expect(verdict(match)).to_be_focused()

    question(page, "typed").get_by_label("Your answer").focus()
    page.keyboard.type("expire page:42 60")
    page.keyboard.press("Enter")
    expect(verdict(question(page, "typed"))).to_have_text("Right")

    trace = question(page, "traced")
    trace.get_by_label("(integer) -1").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(verdict(trace)).to_have_text("Right")
    expect(page.locator("#quiz-words")).to_have_text("4 of 4 right, 1 to go")


def test_a_step_that_is_moved_keeps_the_focus_and_its_place_is_said(visit: Open) -> None:
    page = visit(QUIZ)
    card = question(page, "in-order")
    expect(card.get_by_role("button", name="Up: ")).to_have_count(len(STEPS))
    second = steps(card)[1]

    card.get_by_role("button", name=f"Up: {second}").focus()
    page.keyboard.press("Enter")

    assert steps(card)[0] == second
    expect(card.get_by_role("status")).to_have_text(f"{second} 1st")
    expect(card.get_by_role("button", name=f"Up: {second}")).to_be_disabled()
    expect(card.get_by_role("button", name=f"Down: {second}")).to_be_focused()
    page.keyboard.press("Enter")
    assert steps(card)[1] == second
    expect(card.get_by_role("button", name=f"Down: {second}")).to_be_focused()


def test_in_the_text_of_a_lesson_the_steps_can_be_moved(visit: Open) -> None:
    page = visit("/lessons/second")
    card = question(page, "in-order")

    order_by_keyboard(page, card)

    expect(verdict(card)).to_have_text("Right")


def test_without_a_script_each_step_has_a_select(visit: Open) -> None:
    page = visit(QUIZ, java_script_enabled=False, problems_are_meant=True)
    card = question(page, "in-order")
    for step in list(STEPS)[:-1]:
        card.get_by_label(step).select_option(STEPS[step])

    card.get_by_role("button", name="Answer").click()

    expect(card.get_by_role("alert")).to_contain_text("1 line has none yet.")
    for step in list(STEPS)[:-1]:
        expect(card.get_by_label(step).locator("option:checked")).to_have_text(STEPS[step])
    card.get_by_label(list(STEPS)[-1]).select_option("4th")
    card.get_by_role("button", name="Answer").click()
    expect(verdict(card)).to_have_text("Right")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_nothing_is_too_wide(visit: Open, scheme: str, width: int) -> None:
    page = visit(QUIZ, color_scheme=scheme, viewport={"width": width, "height": 900})
    expect(question(page, "in-order").get_by_role("button", name="Up: ")).to_have_count(4)
    sound(page)

    question(page, "in-pairs").get_by_role("button", name="Answer").click()
    expect(question(page, "in-pairs").get_by_role("alert")).to_be_visible()
    question(page, "typed").get_by_role("button", name="Answer").click()
    expect(question(page, "typed").get_by_role("alert")).to_be_visible()
    sound(page)

    question(page, "in-order").get_by_role("button", name="Answer").click()
    crossed = dict(zip(PAIRS, [*list(PAIRS.values())[1:], *list(PAIRS.values())[:1]], strict=True))
    match_by_keyboard(page, question(page, "in-pairs"), crossed)
    question(page, "typed").get_by_label("Your answer").fill("EXPIRE page:42")
    question(page, "typed").get_by_role("button", name="Answer").click()
    question(page, "traced").get_by_label("(nil)").check()
    question(page, "traced").get_by_role("button", name="Answer").click()
    for name, said in (
        ("in-order", "Not this order"),
        ("in-pairs", "Not these pairs"),
        ("typed", "Not this answer"),
        ("traced", "Not this reply"),
    ):
        expect(verdict(question(page, name))).to_contain_text(said)
    sound(page)


def sound(page: Page) -> None:
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
