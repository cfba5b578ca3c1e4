"""The page "You": what the learner has done, a link to take it to another browser, and a way to
have it all deleted.
"""

from __future__ import annotations

import logging

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from labs.errors import LabsError, NotNow
from portal.accounts.calibration import calibration_of
from portal.accounts.learned import learned
from portal.accounts.records import (
    forget_learner,
    known_of,
    make_link,
    measured_predictions,
    open_links,
    owner_of,
    revoke,
    use_link,
)
from portal.web.arguments import form_key, new_key
from portal.web.caching import summary_name
from portal.web.history import history
from portal.web.learner import adopt, current_learner, forget, require_cookie, require_learner
from portal.web.notes import say_next
from portal.web.services import cache, client, course, db

bp = Blueprint("accounts", __name__)
log = logging.getLogger(__name__)
LARGEST_ID = 2**31 - 1
PRIVATE = {"Cache-Control": "no-store"}
DEAD_LINK = (
    "This link does not work, or no longer. Make a new one in the browser that you used before."
)


@bp.get("/me")
def me() -> ResponseReturnValue:
    """What the learner has read, proved, predicted and answered."""
    return _page()


@bp.post("/me/recovery")
def make_recovery() -> ResponseReturnValue:
    """A new recovery link, shown this once; the form that is sent again shows the same link."""
    secret = str(current_app.secret_key)
    try:
        token = make_link(db(), require_learner(), key=form_key(), secret=secret)
    except NotNow as error:
        return _page(link_problem=f"{error} {error.hint}", status=409)
    db().commit()
    return _page(url_for("accounts.recover", token=token, _external=True))


@bp.post("/me/recovery/<int:link>/revoke")
def revoke_recovery(link: int) -> ResponseReturnValue:
    """End one recovery link."""
    learner = current_learner()
    if learner is None or link > LARGEST_ID or not revoke(db(), learner, link):
        abort(404)
    db().commit()
    say_next("The link no longer works.", "here")
    return redirect(url_for("accounts.me"), 303)


@bp.post("/me/delete")
def delete_me() -> ResponseReturnValue:
    """Delete everything that is known, if the box is ticked."""
    learner = current_learner()
    if learner is None:
        abort(404)
    if request.form.get("sure") != "yes":
        return _page(problem="Tick the box if everything is to be deleted.", status=422)
    forget_learner(db(), learner)
    db().commit()
    cache().forget(summary_name(learner))
    _close_sandbox(learner)
    forget()
    say_next("Everything that the site had stored about you is deleted.", "here")
    return redirect(url_for("accounts.me"), 303)


@bp.get("/recover/<token>")
def recover(token: str) -> ResponseReturnValue:
    """Ask before this browser becomes the learner whose link this is."""
    owner = owner_of(db(), token)
    known = known_of(db(), owner) if owner else None
    if known is None:
        abort(404, DEAD_LINK)
    learner = current_learner()
    same = learner == owner
    mine = known_of(db(), learner) if learner and not same else None
    html = render_template(
        "accounts/recover.html", place="you", known=known, mine=mine, token=token, same=same
    )
    return html, PRIVATE


@bp.post("/recover/<token>")
def adopt_recovered(token: str) -> ResponseReturnValue:
    """Become the learner whose link this is; the link works once, so the cookie comes first."""
    require_cookie()
    owner = use_link(db(), token)
    if owner is None:
        abort(404, DEAD_LINK)
    db().commit()
    adopt(owner)
    say_next("This browser now goes on where the other one stopped.", "here")
    return redirect(url_for("accounts.me"), 303)


def _page(
    link: str = "", *, problem: str = "", link_problem: str = "", status: int = 200
) -> ResponseReturnValue:
    learner = current_learner()
    known = known_of(db(), learner) if learner else None
    links = open_links(db(), learner) if learner and known else []
    predictions = measured_predictions(db(), learner) if learner and known else []
    html = render_template(
        "accounts/me.html",
        place="you",
        known=known,
        learned=learned(course(), history()),
        calibration=calibration_of(predictions),
        links=links,
        link=link,
        key=new_key(),
        problem=problem,
        link_problem=link_problem,
    )
    return html, status, PRIVATE


def _close_sandbox(learner: str) -> None:
    """The learner's sandbox goes with them; if the labs can't be asked, it ends by itself."""
    try:
        sandbox = client(quick=True).find(learner)
        if sandbox:
            client(quick=True).call(
                sandbox, "close", deadline_s=1.0, reason="you had your data deleted"
            )
    except LabsError as exc:
        log.warning("a deleted learner's sandbox was not closed: %s", exc.kind)
