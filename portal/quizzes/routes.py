"""A lesson's questions on one page, each a form of its own; the answer to a form is the same card
with the reasons in it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from labs.client import SandboxInfo, catalogue
from labs.errors import BadInput, HostAway, LabsError
from labs.lab import Prediction
from portal.content.model import Lesson, Option, Question
from portal.holding import hold
from portal.models import Answer
from portal.predictions import predict, read_prediction, settle
from portal.quizzes.answers import add_attempt, by_key
from portal.quizzes.marking import Unanswerable, in_order, is_right, read_choice, read_number
from portal.web.arguments import form_key, new_key
from portal.web.errors import DATABASE_RETRY_S, WORDS, is_database_away, try_again
from portal.web.fragments import is_htmx
from portal.web.history import Answered, history, keep
from portal.web.learner import current_learner, require_learner
from portal.web.once import gap, once
from portal.web.services import client, course, db, release_db

bp = Blueprint("quizzes", __name__)
log = logging.getLogger(__name__)

MEASURE_DEADLINE_S = 30.0


@dataclass
class Card:
    """A question as one learner sees it, with what was typed and what is wrong with it."""

    lesson: Lesson
    question: Question
    options: list[Option]
    answer: Answer | Answered | None = None
    asked: Prediction | None = None
    again: bool = False
    problem: str = ""
    hint: str = ""
    bench: bool = False
    typed: dict[str, Any] = field(default_factory=dict)
    key: str = field(default_factory=new_key)

    @property
    def open(self) -> bool:
        """True while the form is shown; else the reasons and the right answer are."""
        return self.answer is None or self.again


class NeedsBench(Exception):
    """The answer is measured in a sandbox, and none is open; the hint says what to do."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


@bp.get("/lessons/<slug>/quiz")
def quiz(slug: str) -> str:
    """All questions of a lesson."""
    return _page(_lesson_or_404(slug), again=request.args.get("again", ""))


@bp.get("/lessons/<slug>/quiz/<question_id>")
def question(slug: str, question_id: str) -> ResponseReturnValue:
    """One question to be answered again, as a fragment."""
    lesson = _lesson_or_404(slug)
    asked = _question_or_404(lesson, question_id)
    if is_htmx():
        return _fragment(_card(lesson, asked, again=True))
    anchor = f"q-{question_id}"
    return redirect(url_for("quizzes.quiz", slug=slug, again=question_id, _anchor=anchor), 302)


@bp.post("/lessons/<slug>/quiz/<question_id>")
def answer(slug: str, question_id: str) -> ResponseReturnValue:
    """An answer to one question: kept, marked, explained."""
    lesson = _lesson_or_404(slug)
    asked = _question_or_404(lesson, question_id)
    card = _card(lesson, asked, again=True, stored=False)
    card.typed = {
        "chosen": request.form.getlist("choice"),
        "value": request.form.get("value", ""),
        "confidence": request.form.get("confidence", ""),
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
        card.problem = WORDS[503][0]
        again = try_again(DATABASE_RETRY_S)
        card.hint = f"Your answer was not kept. It stands here still. {again}"
        html, status = _answered(card, 503)
        return html, status, {"Retry-After": str(DATABASE_RETRY_S)}
    card.again = False
    if is_htmx():
        return _answered(card, 200)
    page = "learn.lesson" if request.form.get("from") == "lesson" else "quizzes.quiz"
    return redirect(url_for(page, slug=slug, _anchor=f"q-{question_id}"), 303)


@bp.app_template_global()
def question_card(lesson: Lesson, question_id: str) -> Markup:
    """For templates: one question in the text of a lesson. Before it is answered only the key of
    its form and the order of its options differ: the rest is rendered once.
    """
    card = _card(lesson, _question_or_404(lesson, question_id))
    if card.answer is not None:
        return Markup(_fragment(card, place="lesson"))
    values: dict[str, object] = {"key": card.key}
    for number, option in enumerate(card.options):
        values |= {f"key{number}": option.key, f"text{number}": option.text}
    return once(
        ("question", lesson.slug, question_id), lambda: _fragment(_with_gaps(card), place="lesson")
    ).fill(**values)


def _with_gaps(card: Card) -> Card:
    options = [
        replace(option, key=gap(f"key{number}"), text=gap(f"text{number}"))
        for number, option in enumerate(card.options)
    ]
    return replace(card, options=options, key=gap("key"))


def _mark(card: Card) -> Answer:
    """Keep the attempt, right or wrong."""
    if card.question.kind == "number":
        given = read_number(card.question, card.typed["value"])
    else:
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
        answer = client().call(sandbox, "measure", deadline_s=MEASURE_DEADLINE_S, prediction=name)
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


def _card(lesson: Lesson, asked: Question, *, again: bool = False, stored: bool = True) -> Card:
    lab = catalogue().get(asked.lab)
    predictions = lab.predictions if lab else ()
    return Card(
        lesson,
        asked,
        in_order(asked, current_learner()),
        answer=_answers(lesson).get(asked.id) if stored else None,
        asked=next((each for each in predictions if each.name == asked.prediction), None),
        again=again,
    )


def _answers(lesson: Lesson) -> dict[str, Answered]:
    """The learner's newest answers in this lesson, those to today's wording."""
    known = history().answers.get(lesson.slug, {})
    return {
        question.id: known[question.id]
        for question in lesson.questions
        if question.id in known and known[question.id].content_hash == question.content_hash
    }


def _answered(card: Card, status: int) -> tuple[str, int]:
    if is_htmx():
        return _fragment(card, place=request.form.get("from", "")), status
    return _page(card.lesson, given=card), status


def _fragment(card: Card, place: str = "") -> str:
    return render_template("quizzes/_question.html", card=card, place=place)


def _page(lesson: Lesson, *, again: str = "", given: Card | None = None) -> str:
    cards = [
        given
        if given and given.question.id == asked.id
        else _card(lesson, asked, again=asked.id == again)
        for asked in lesson.questions
    ]
    kept = [answer.right for answer in _answers(lesson).values()]
    return render_template(
        "quizzes/quiz.html",
        place="course",
        lesson=lesson,
        cards=cards,
        right=sum(kept),
        answered=len(kept),
    )


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
