"""The course page, the lessons, and the posts that keep how far a learner has read."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from labs.client import catalogue
from labs.errors import LabsError
from labs.lab import Prediction as AskedPrediction
from portal.content.model import Lesson, Predict
from portal.learn.memory import (
    LessonMemory,
    keep_read,
    keep_section,
    memory_of,
    rows,
    where_to_go_on,
)
from portal.learn.own_figures import own_figures, with_own
from portal.learn.pieces import Pieces, figures, pieces
from portal.learn.puzzle import puzzle
from portal.web.fragments import is_htmx
from portal.web.guide import GuideStep, guide_of
from portal.web.history import Predicted, history, keep
from portal.web.learner import current_learner, require_learner
from portal.web.once import once
from portal.web.progress import LabProgress, progress_of
from portal.web.services import client, course, db

bp = Blueprint("learn", __name__)

STEP_WITHIN_S = 1.0
"""The start page waits no longer than this for the step that waits on a bench."""


@bp.get("/")
def index() -> str:
    """What this site is, where this learner goes on, a puzzle, and the contents of the course."""
    all_rows = rows(course(), history())
    bench, step = _open_bench()
    return render_template(
        "learn/index.html",
        place="course",
        course=course(),
        rows=all_rows,
        onward=where_to_go_on(all_rows),
        bench=bench,
        step=step,
        labs=catalogue(),
        hours=_hours(),
        puzzle=_puzzle(),
    )


@bp.get("/lessons/<slug>")
def lesson(slug: str) -> str:
    """One lesson, with the bench of one of its labs next to it."""
    found = _lesson_or_404(slug)
    labs = [lab for lab in found.labs if lab in catalogue()]
    asked = request.args.get("lab", "")
    return render_template(
        "learn/lesson.html",
        place="course",
        lesson=found,
        pieces=_pieces(found),
        course=course(),
        following=course().after(found),
        labs=labs,
        lab=asked if asked in labs else next(iter(labs), ""),
        known=catalogue(),
        asked=_asked(found),
        predicted=_predicted(found),
        memory=memory_of(found, history()),
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
    keep(learner)
    return "", 204


@bp.post("/lessons/<slug>/read")
def read(slug: str) -> ResponseReturnValue:
    """The learner says that the lesson is read."""
    found = _lesson_or_404(slug)
    learner = require_learner()
    keep_read(db(), learner, found)
    keep(learner)
    if not is_htmx():
        return redirect(url_for("learn.lesson", slug=slug, _anchor="end"), 303)
    following, memory = course().after(found), LessonMemory(read=True)
    return render_template("learn/_end.html", lesson=found, following=following, memory=memory)


def _lesson_or_404(slug: str) -> Lesson:
    found = course().lesson(slug)
    if found is None:
        abort(404)
    return found


def _pieces(found: Lesson) -> Pieces:
    """The lesson's pieces, with the learner's own figures next to those that they quote."""
    own = own_figures(figures(found))
    if not own:
        return pieces(found)
    return tuple(with_own(one, own) if isinstance(one, Markup) else one for one in pieces(found))


def _puzzle() -> Markup:
    """The puzzle, which is the same for everyone."""
    return once(
        "puzzle",
        lambda: render_template("learn/_puzzle.html", puzzle=puzzle(), course=course()),
    ).fill()


def _open_bench() -> tuple[LabProgress | None, GuideStep | None]:
    """The lab that the learner has open, with the progress in it, and the step of its guide that is
    next; None if none is, or if that isn't known.
    """
    learner, bench = current_learner(), None
    with suppress(LabsError):
        sandbox = client(quick=True).find(learner) if learner else None
        if sandbox is not None and sandbox.status == "open" and sandbox.lab in catalogue():
            bench = progress_of(catalogue()[sandbox.lab], history())
            state = client().call(sandbox, "state", deadline_s=STEP_WITHIN_S, history=False)
            if progress := state.get("guide"):
                steps = guide_of(bench.lab, progress, ())
                return bench, next((step for step in steps if step.state == "now"), None)
    return bench, None


def _hours() -> int:
    """About how long the written lessons and all labs take together."""
    minutes = sum(lesson.reading_minutes for lesson in course().written)
    return max(1, round((minutes + sum(lab.minutes for lab in catalogue().values())) / 60))


def _predicted(found: Lesson) -> dict[tuple[str, str], Predicted]:
    return {
        (lab, name): row
        for lab in {block.lab for block in found.blocks if isinstance(block, Predict)}
        for name, row in history().predictions.get(lab, {}).items()
    }


def _asked(found: Lesson) -> dict[tuple[str, str], AskedPrediction]:
    """The predictions in the lesson's text, as their labs define them."""
    return {
        (block.lab, prediction.name): prediction
        for block in found.blocks
        if isinstance(block, Predict) and block.lab in catalogue()
        for prediction in catalogue()[block.lab].predictions
        if prediction.name == block.name
    }
