"""Commit to a prediction, then have it measured.

What was predicted is in Postgres before anything runs.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from labs.client import SandboxInfo, find
from labs.errors import BadInput, LabsError
from labs.lab import MEASURED_WITHIN_S, Lab, Prediction as AskedPrediction
from portal.bench.places import page_of_form, page_url, with_word
from portal.bench.words import BENCH_CLOSED, MEASURING
from portal.holding import hold
from portal.models import Prediction
from portal.predictions import latest, predict, read_prediction, settle
from portal.web.arguments import form_key, new_key
from portal.web.fragments import is_htmx
from portal.web.history import Predicted, keep
from portal.web.learner import current_learner, require_learner
from portal.web.notes import say_next
from portal.web.once import gap, once
from portal.web.services import client, db, release_db

bp = Blueprint("predictions", __name__)


@bp.app_template_global()
def prediction_card(lab: Lab, asked: AskedPrediction, row: Predicted | None) -> Markup:
    """For templates: a prediction. Before one is made only the key of its form and the page that it
    leads back to differ: the rest is rendered once.
    """
    if row is not None:
        return Markup(_card(lab, asked, row))
    return once(
        ("prediction", lab.id, asked.name),
        lambda: _card(lab, asked, None, key=gap("key"), page_url=lambda: gap("next")),
    ).fill(next=page_url(), key=new_key())


@bp.get("/labs/<lab_id>/predictions/<name>")
def card(lab_id: str, name: str) -> str:
    """The card of a prediction, as it stands; `again` shows the empty form."""
    lab = find(lab_id)
    asked, learner = lab.find_prediction(name), current_learner()
    row = (
        latest(db(), learner=learner, lab=lab_id, name=name)
        if learner and not request.args.get("again")
        else None
    )
    return _card(lab, asked, row)


@bp.post("/labs/<lab_id>/predictions/<name>")
def commit(lab_id: str, name: str) -> ResponseReturnValue:
    """Store value and confidence, then run the experiment; `measure` alone runs what waits."""
    lab = find(lab_id)
    asked = lab.find_prediction(name)
    made: Prediction | None = None
    if request.form.get("measure"):
        learner = require_learner()
    else:
        typed = {name: request.form.get(name, "") for name in ("value", "confidence")}
        try:
            wanted = read_prediction(
                lab_id, name, raw=typed["value"], confidence=typed["confidence"]
            )
        except BadInput as error:
            return _refused(lab, asked, typed, error)
        learner = require_learner()
        made = predict(db(), learner, wanted, key=form_key())
        keep(learner)
    problem = ""
    if made is None or made.measured_at is None:
        problem = _measure(lab_id, learner, name)
    if is_htmx():
        row = latest(db(), learner=learner, lab=lab_id, name=name)
        opens = _way_to_open(lab_id, name) if problem == BENCH_CLOSED else None
        return _card(lab, asked, row, problem=problem, opens=opens)
    if problem:
        say_next(problem, "error")
    return redirect(f"{page_of_form(lab_id)}#predict-{lab_id}-{name}", 303)


@bp.get("/labs/<lab_id>/predictions/<name>/progress")
def progress(lab_id: str, name: str) -> str:
    """What becomes of a measurement that was asked for, as a sentence: it runs, or waits; empty if
    it does neither, or if that isn't known.
    """
    asked, learner = find(lab_id).find_prediction(name), current_learner()
    if learner is None:
        return ""
    try:
        info = _open_sandbox(lab_id, learner)
        now = client().call(info, "state")["measuring"] if info else {"running": "", "waiting": ()}
    except LabsError:
        return ""
    if now["running"] == asked.name:
        return MEASURING["running"]
    if asked.name in now["waiting"]:
        return MEASURING["waiting" if now["running"] or now["waiting"][0] != asked.name else "busy"]
    return ""


def _measure(lab_id: str, learner: str, name: str) -> str:
    """Run the experiment and write down what came out; why it could not be run, if it couldn't."""
    release_db()
    try:
        info = _open_sandbox(lab_id, learner)
        if info is None:
            return BENCH_CLOSED
        measured = client().call(info, "measure", deadline_s=MEASURED_WITHIN_S, prediction=name)
    except LabsError as error:
        return f"{error} {error.hint}".strip()
    hold(db(), learner)
    settle(db(), learner=learner, lab=lab_id, name=name, measured=measured["value"])
    keep(learner)
    return ""


def _refused(
    lab: Lab, asked: AskedPrediction, typed: dict[str, str], error: BadInput
) -> tuple[str, int]:
    """The same form with what was typed and what is wrong with it."""
    html = _card(
        lab, asked, None, key=form_key(), typed=typed, problem=f"{error} {error.hint}".strip()
    )
    if not is_htmx():
        html = render_template(
            "bench/prediction.html",
            card=Markup(html),
            asked=asked,
            back=page_of_form(lab.id),
            place="labs",
        )
    return html, 422


def _card(
    lab: Lab, asked: AskedPrediction, row: Prediction | Predicted | None, **context: object
) -> str:
    return render_template(
        "bench/_prediction.html",
        lab=lab,
        prediction=asked,
        row=row,
        **({"key": new_key(), "typed": {}, "problem": "", "opens": None} | context),
    )


def _way_to_open(lab_id: str, name: str) -> dict[str, str]:
    """Where the form of a card opens the bench in its place on the page, and where that leads to
    without a script.
    """
    page = page_url()
    on = "lesson" if page.startswith("/lessons/") else None
    back = with_word(page, "lab", lab_id) if on else page
    return {
        "url": url_for("actions.open_sandbox", lab_id=lab_id, on=on),
        "next": f"{back}#predict-{lab_id}-{name}",
    }


def _open_sandbox(lab_id: str, learner: str) -> SandboxInfo | None:
    """The learner's open sandbox of this lab, if there is one."""
    info = client().find(learner)
    is_open = info is not None and info.lab == lab_id and info.status == "open"
    return info if is_open else None
