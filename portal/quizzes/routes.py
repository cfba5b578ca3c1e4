"""A lesson's questions on one page, each a form of its own; the answer to a form is the same card
with the reasons in it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from labs.client import SandboxInfo
from labs.errors import BadInput, HostAway, LabsError
from labs.lab import MEASURED_WITHIN_S
from portal.content.model import Choice, Lesson, Option, Question, Row
from portal.holding import hold
from portal.models import Answer
from portal.predictions import predict, read_prediction, settle
from portal.quizzes.answers import add_attempt, by_key
from portal.quizzes.cards import Card, Score, card_of, cards_of
from portal.quizzes.marking import (
    Unanswerable,
    is_right,
    read_choice,
    read_number,
    read_rows,
    read_typed,
)
from portal.web.arguments import form_key
from portal.web.errors import is_database_away, try_again, why_not_saved
from portal.web.fragments import is_htmx
from portal.web.history import keep
from portal.web.learner import require_learner
from portal.web.once import gap, once
from portal.web.services import client, course, db, release_db

bp = Blueprint("quizzes", __name__)
log = logging.getLogger(__name__)
_Each = TypeVar("_Each", Option, Row, Choice)
ROW = "row-"
"""How the name of the field of a row begins; the row's key follows."""


class NeedsBench(Exception):
    """The answer is measured in a sandbox, and none is open; the hint says what to do."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


@bp.get("/lessons/<slug>/quiz")
def quiz(slug: str) -> str:
    """All questions of a lesson; `again` is the id of one that is asked once more, or "missed"."""
    return _page(_lesson_or_404(slug), again=request.args.get("again", ""))


@bp.get("/lessons/<slug>/quiz/<question_id>")
def question(slug: str, question_id: str) -> ResponseReturnValue:
    """One question to be answered again, as a fragment."""
    lesson = _lesson_or_404(slug)
    asked = _question_or_404(lesson, question_id)
    if is_htmx():
        return _fragment(card_of(lesson, asked, again=True))
    anchor = f"q-{question_id}"
    return redirect(url_for("quizzes.quiz", slug=slug, again=question_id, _anchor=anchor), 302)


@bp.post("/lessons/<slug>/quiz/<question_id>")
def answer(slug: str, question_id: str) -> ResponseReturnValue:
    """An answer to one question: kept, marked, explained."""
    lesson = _lesson_or_404(slug)
    asked = _question_or_404(lesson, question_id)
    card = card_of(lesson, asked, again=True)
    card.typed = {
        "chosen": request.form.getlist("choice"),
        "value": request.form.get("value", ""),
        "confidence": request.form.get("confidence", ""),
        "placed": {
            name.removeprefix(ROW): choice
            for name, choice in request.form.items()
            if name.startswith(ROW)
        },
    }
    card.key = form_key()
    try:
        card.answer = _measure(card) if asked.kind == "measure" else _mark(card)
    except (Unanswerable, BadInput) as exc:
        card.problem, card.hint = str(exc), getattr(exc, "hint", "")
        return _answered(card, 422)
    except NeedsBench as exc:
        card.problem, card.hint, card.bench = str(exc), exc.hint, True
        return _answered(card, 409)
    except SQLAlchemyError as exc:
        if not is_database_away(exc):
            raise
        log.error(
            "an answer was not kept, the database is away: %r", str(exc.__cause__ or exc)[:256]
        )
        card.problem, _, retry_after_s = why_not_saved(exc)
        again = try_again(retry_after_s)
        card.hint = f"Your answer was not kept. It stands here still. {again}"
        html, status = _answered(card, 503)
        return html, status, {"Retry-After": str(retry_after_s)}
    card.again = False
    if is_htmx():
        return _answered(card, 200)
    page = "learn.lesson" if request.form.get("from") == "lesson" else "quizzes.quiz"
    return redirect(url_for(page, slug=slug, _anchor=f"q-{question_id}"), 303)


@bp.app_template_global()
def question_card(lesson: Lesson, question_id: str) -> Markup:
    """For templates: one question in the text of a lesson. Before it is answered only the key of
    its form and the order of what can be chosen differ: the rest is rendered once.
    """
    card = card_of(lesson, _question_or_404(lesson, question_id))
    if card.answer is not None:
        return Markup(_fragment(card, place="lesson"))
    values: dict[str, object] = {"key": card.key}
    shuffled: Mapping[str, Sequence[Option | Row | Choice]] = {
        "option": card.options,
        "row": card.rows,
        "choice": card.choices,
    }
    for name, given in shuffled.items():
        for number, each in enumerate(given):
            shown = each.plain if isinstance(each, Choice) else each.text
            values |= {f"{name}{number}key": each.key, f"{name}{number}text": shown}
    return once(
        ("question", lesson.slug, question_id), lambda: _fragment(_with_gaps(card), place="lesson")
    ).fill(**values)


def _with_gaps(card: Card) -> Card:
    def gaps(name: str, given: list[_Each]) -> list[_Each]:
        return [
            replace(each, key=gap(f"{name}{number}key"), text=gap(f"{name}{number}text"))
            for number, each in enumerate(given)
        ]

    return replace(
        card,
        options=gaps("option", card.options),
        rows=gaps("row", card.rows),
        choices=gaps("choice", card.choices),
        key=gap("key"),
    )


def _mark(card: Card) -> Answer:
    """Keep the attempt, right or wrong."""
    match card.question.kind:
        case "number":
            given = read_number(card.question, card.typed["value"])
        case "fill":
            given = read_typed(card.typed["value"])
        case "order" | "match":
            given = read_rows(card.question, card.typed["placed"])
        case _:
            given = read_choice(card.question, card.typed["chosen"])
    return _keep(card, require_learner(), given, right=is_right(card.question, given))


def _keep(card: Card, learner: str, given: dict[str, Any], *, right: bool) -> Answer:
    kept = add_attempt(
        db(),
        learner=learner,
        lesson=card.lesson,
        question=card.question,
        answer=given,
        right=right,
        key=card.key,
    )
    keep(learner)
    return kept


def _measure(card: Card) -> Answer:
    """Keep the prediction, have it measured in the learner's sandbox, then keep the attempt."""
    if card.asked is None:
        raise NeedsBench("This lab is still to come.", "Its other questions can be answered.")
    lab, name = card.question.lab, card.question.prediction
    wanted = read_prediction(
        lab, name, raw=card.typed["value"], confidence=card.typed["confidence"] or "fairly"
    )
    learner = require_learner()
    if (before := by_key(db(), learner, card.key)) is not None:
        return before
    sandbox = _open_sandbox(learner, lab)
    predict(db(), learner, wanted, key=card.key)
    keep(learner)
    release_db()
    try:
        answer = client().call(sandbox, "measure", deadline_s=MEASURED_WITHIN_S, prediction=name)
    except LabsError as exc:
        raise NeedsBench(
            f"It could not be measured: {exc}", exc.hint or "Your number stands here; try again."
        ) from exc
    measured = answer["value"]
    hold(db(), learner)
    settle(db(), learner=learner, lab=lab, name=name, measured=measured)
    given = {"value": wanted.value, "measured": measured}
    return _keep(card, learner, given, right=card.asked.holds(wanted.value, measured))


def _open_sandbox(learner: str, lab: str) -> SandboxInfo:
    try:
        sandbox = client().find(learner)
    except HostAway as exc:
        raise NeedsBench(str(exc), exc.hint) from exc
    if sandbox is None or sandbox.lab != lab or sandbox.status != "open":
        raise NeedsBench(
            "This is measured on your own bench, and it isn't open.",
            "Open it, then come back: your number stands here.",
        )
    return sandbox


def _answered(card: Card, status: int) -> tuple[str, int]:
    if not is_htmx():
        return _page(card.lesson, given=card), status
    place = request.form.get("from", "")
    if card.open:
        return _fragment(card, place=place), status
    score = _with_next_lesson(Score(_with_given(card, cards_of(card.lesson))))
    return _fragment(card, place=place, is_new=True, **score), status


def _fragment(card: Card, place: str = "", **context: Any) -> str:
    return render_template("quizzes/_question.html", card=card, place=place, **context)


def _page(lesson: Lesson, *, again: str = "", given: Card | None = None) -> str:
    cards = cards_of(lesson, [again])
    score = Score(_with_given(given, cards) if given else cards)
    return render_template(
        "quizzes/quiz.html", place="course", lesson=lesson, **_with_next_lesson(score)
    )


def _with_given(given: Card, cards: tuple[Card, ...]) -> tuple[Card, ...]:
    """The cards with the one that was just filled in; a right answer of before still counts."""
    return tuple(
        given if card.question is given.question and card.state != "right" else card
        for card in cards
    )


def _with_next_lesson(score: Score) -> dict[str, Any]:
    """What the score and the card at the end of the quiz say."""
    return {"score": score, "following": course().after(score.cards[0].lesson)}


def _lesson_or_404(slug: str) -> Lesson:
    lesson = course().lesson(slug)
    if lesson is None or not lesson.questions:
        abort(404)
    return lesson


def _question_or_404(lesson: Lesson, question_id: str) -> Question:
    asked = lesson.question(question_id)
    if asked is None:
        abort(404)
    return asked
