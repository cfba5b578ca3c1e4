"""Commit to a prediction, then have it measured.

What was predicted is in Postgres before anything runs.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from labs.client import SandboxInfo, find
from labs.errors import LabsError, NotNow
from labs.lab import Lab, Prediction as AskedPrediction
from portal.bench.places import page_of_form, page_url
from portal.holding import hold
from portal.predictions import latest, predict, settle
from portal.web.fragments import is_htmx
from portal.web.history import Predicted, keep
from portal.web.learner import current_learner, require_learner
from portal.web.once import gap, once
from portal.web.services import client, db, release_db

bp = Blueprint("predictions", __name__)
MEASURING_S = 45.0


@bp.app_template_global()
def prediction_card(lab: Lab, asked: AskedPrediction, row: Predicted | None) -> Markup:
    """For templates: a prediction in the text of a lesson; rendered once until one is made."""

    def render(**context: object) -> str:
        return render_template(
            "bench/_prediction.html", lab=lab, prediction=asked, row=row, **context
        )

    if row is not None:
        return Markup(render())
    return once(
        ("prediction", lab.id, asked.name), lambda: render(page_url=lambda: gap("next"))
    ).fill(next=page_url())


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
    return render_template("bench/_prediction.html", lab=lab, prediction=asked, row=row)


@bp.post("/labs/<lab_id>/predictions/<name>")
def commit(lab_id: str, name: str) -> ResponseReturnValue:
    """Store value and confidence, then run the experiment; `measure` alone runs what waits."""
    lab = find(lab_id)
    asked, learner = lab.find_prediction(name), require_learner()
    if not request.form.get("measure"):
        predict(
            db(),
            learner=learner,
            lab=lab_id,
            name=name,
            raw=request.form.get("value", ""),
            confidence=request.form.get("confidence", ""),
        )
        keep(learner)
    release_db()
    problem = ""
    try:
        info = _sandbox(lab_id, learner)
        measured = client().call(info, "measure", deadline_s=MEASURING_S, prediction=name)
    except LabsError as error:
        problem = f"{error} {error.hint}".strip()
    else:
        hold(db(), learner)
        settle(db(), learner=learner, lab=lab_id, name=name, measured=measured["value"])
        keep(learner)
    if is_htmx():
        row = latest(db(), learner=learner, lab=lab_id, name=name)
        return render_template(
            "bench/_prediction.html", lab=lab, prediction=asked, row=row, problem=problem
        )
    if problem:
        flash(problem, "error")
    return redirect(f"{page_of_form(lab_id)}#predict-{lab_id}-{name}", 303)


def _sandbox(lab_id: str, learner: str) -> SandboxInfo:
    info = client().find(learner)
    if info is None or info.lab != lab_id or info.status != "open":
        raise NotNow("It is measured on your own servers.", hint="Open the bench, then run it.")
    return info
