"""The story of the quiz: a question of each kind, wrong and then right."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Locator

from portal.content.loading import load
from portal.content.model import Question
from portal.settings import ROOT
from scripts.photographs.camera import Photographer

LESSON = "cache-aside-in-code"
CHOOSE = "(select, value) => { select.value = value; }"
"""Also for a select that a script has hidden."""


def kinds(camera: Photographer, context: BrowserContext) -> None:
    """A question of each kind that is marked without a bench: the first of the lesson."""
    asked = load(ROOT / "lessons").lessons[LESSON].questions
    first = {each.kind: each for each in reversed(asked) if each.kind != "measure"}
    page = context.new_page()
    for verdict in ("wrong", "right"):
        for kind, question in first.items():
            name, card = f"quiz-{kind}-{verdict}", f"#q-{question.id}"
            if camera.wants(name):
                page.goto(f"/lessons/{LESSON}/quiz?again={question.id}")
                answer(page.locator(card), question, is_right=verdict == "right")
                page.locator(f"{card} cg-verdict").wait_for()
                page.locator(card).evaluate("(card) => card.scrollIntoView({block: 'start'})")
                camera.take(page, name, phone_of=card)


def answer(card: Locator, question: Question, *, is_right: bool) -> None:
    """Fill in the right answer, or a wrong one, and send it."""
    for option in question.options:
        if option.right is is_right:
            card.locator(f"input[value='{option.key}']").check()
    for row, other in zip(question.rows, question.rows[1:] + question.rows[:1], strict=True):
        select = card.locator(f"select[name='row-{row.key}']")
        select.evaluate(CHOOSE, (row if is_right else other).belongs)
    if question.accepts:
        card.get_by_label("Your answer").fill(question.accepts[0] if is_right else "GET")
    elif question.kind == "number":
        value = question.answer if is_right else question.answer + question.tolerance + 1
        card.get_by_label("Your number").fill(f"{value:.12g}")
    card.get_by_role("button", name="Answer", exact=True).click()
