"""The course page, the lessons, and the posts that remember how far somebody has read."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from labs import Prediction as AskedPrediction, catalogue
from portal.content import Lesson, Predict
from portal.learn.memory import LessonMemory, Memories, keep_read, keep_section, recall, rows, where_stopped
from portal.learn.pieces import pieces
from portal.learn.ruler import draw
from portal.models import Prediction
from portal.predictions import latest_of_labs
from portal.web.caching import summary_name
from portal.web.errors import is_database_away
from portal.web.fragments import is_htmx
from portal.web.learner import current_learner, require_learner
from portal.web.pages import own_page
from portal.web.parts import cache, course, db, shelf

bp = Blueprint("learn", __name__)
log = logging.getLogger(__name__)


@bp.app_template_filter("spelled")
def spelled(number: int) -> str:
    """A small number in words, as a sentence has it; larger ones as digits."""
    words = "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()
    return words[number] if 0 <= number < len(words) else str(number)


@bp.get("/")
def index() -> str:
    """The contents of the course, with what this learner remembers of it."""
    all_rows = rows(course(), _memories().lessons)
    return render_template("learn/index.html", place="course", course=course(), rows=all_rows, stopped=where_stopped(all_rows), ruler=draw(course()))


@bp.get("/lessons/<slug>")
def lesson(slug: str) -> str:
    """One lesson, with the bench of one of its labs beside it."""
    found = _lesson_or_404(slug)
    learner = current_learner()
    if learner is not None:
        memories = _memories()
        return own_page(learner, memories.stamp, lambda: _page(found, memories)) if memories.stamp else _page(found, memories)
    if request.cookies or request.query_string:
        return _page(found, Memories())
    return shelf().get(f"lesson:{slug}", lambda: _page(found, Memories()))


def _page(found: Lesson, memories: Memories) -> str:
    labs = [lab for lab in found.labs if lab in catalogue()]
    asked = request.args.get("lab", "")
    return render_template(
        "learn/lesson.html", place="course", lesson=found, pieces=pieces(found), course=course(), following=course().after(found),
        labs=labs, lab=asked if asked in labs else next(iter(labs), ""), known=catalogue(), asked=_asked(found), predicted=_predicted(found),
        memory=memories.lessons.get(found.slug, LessonMemory()),
    )


@bp.post("/lessons/<slug>/progress")
def progress(slug: str) -> tuple[str, int]:
    """A section came into view."""
    found = _lesson_or_404(slug)
    anchor = request.form.get("section", "")
    if anchor not in found.anchors:
        abort(422, "This lesson has no such section.")
    learner = require_learner()
    keep_section(db(), learner, found, anchor)
    db().commit()
    cache().forget(summary_name(learner))
    return "", 204


@bp.post("/lessons/<slug>/read")
def read(slug: str) -> BaseResponse:
    """The learner says that the lesson is read."""
    found = _lesson_or_404(slug)
    learner = require_learner()
    keep_read(db(), learner, found)
    db().commit()
    cache().forget(summary_name(learner))
    if is_htmx():
        return _finished(found)
    return redirect(url_for("learn.lesson", slug=slug, _anchor="end"), 303)


def _finished(found: Lesson) -> Response:
    return make_response(render_template("learn/_end.html", lesson=found, following=course().after(found), memory=LessonMemory(read=True)))


def _lesson_or_404(slug: str) -> Lesson:
    found = course().lesson(slug)
    if found is None:
        abort(404)
    return found


def _memories() -> Memories:
    """What is remembered of the learner who asks. A lesson can be read without Postgres, so its absence is no error here."""
    learner = current_learner()
    if learner is None:
        return Memories()
    try:
        return recall(cache(), db, course(), learner)
    except SQLAlchemyError as exc:
        if not is_database_away(exc):
            raise
        log.warning("progress can't be read: the database is away")
        return Memories()


def _predicted(found: Lesson) -> dict[tuple[str, str], Prediction]:
    learner = current_learner()
    asked = [block.lab for block in found.blocks if isinstance(block, Predict)]
    if learner is None or not asked:
        return {}
    try:
        return latest_of_labs(db(), learner=learner, labs=asked)
    except SQLAlchemyError as exc:
        if not is_database_away(exc):
            raise
        return {}


def _asked(found: Lesson) -> dict[tuple[str, str], AskedPrediction]:
    """The predictions that the lesson asks for, as their labs define them."""
    labs = catalogue()
    blocks = [block for block in found.blocks if isinstance(block, Predict) and block.lab in labs]
    return {(block.lab, block.name): prediction for block in blocks for prediction in labs[block.lab].predictions if prediction.name == block.name}
