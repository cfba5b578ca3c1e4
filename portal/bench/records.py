"""Flights of the flight recorder: of a learner's own sandbox to look at and to save, and those that
were shared, for anybody with the address.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from labs.client import SandboxInfo, catalogue, find
from portal.access import needs
from portal.bench.sharing import share, shared, shared_by, unshare
from portal.models import SharedRecord
from portal.web.compression import keep_plain
from portal.web.fragments import is_htmx
from portal.web.learner import current_learner
from portal.web.notes import say_next
from portal.web.services import client, db

bp = Blueprint("records", __name__)
GONE = (
    "There is no flight at this address, or no longer: the learner who shared it may have deleted "
    "it."
)
UNLISTED = {"X-Robots-Tag": "noindex"}


@bp.app_template_filter("moment")
def moment(at: float) -> str:
    """Unix seconds as a date and a time."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@bp.app_template_filter("titled")
def titled(words: str) -> str:
    """Words as a title begins, unless they begin with the name of a server."""
    return words if re.match(r"[^ ]*[-0-9]", words) else words[:1].upper() + words[1:]


@bp.get("/sandboxes/<sandbox>/records")
@needs("watch")
def records(sandbox: SandboxInfo) -> str:
    """The flights of a sandbox as a fragment, newest first."""
    kept = client().call(sandbox, "state", history=False).get("records", [])
    return render_template("bench/_flights.html", records=kept, sandbox=sandbox.id)


@bp.get("/sandboxes/<sandbox>/records/<name>.json")
@needs("watch")
def record(sandbox: SandboxInfo, name: str) -> Response:
    """A record of the learner's own sandbox, as a file."""
    text = json.dumps(_record(sandbox, name), separators=(",", ":"))
    return _file(text, f"{find(sandbox.lab).id}-{name}.json")


@bp.post("/sandboxes/<sandbox>/records/<name>/share")
@needs("act")
def share_record(sandbox: SandboxInfo, name: str) -> ResponseReturnValue:
    """Share a record of the learner's own sandbox with everyone who gets its address."""
    row = share(db(), current_learner() or abort(404), _record(sandbox, name))
    db().commit()
    if is_htmx():
        keep_plain()
        address = url_for("records.flight", address=row.id, _external=True)
        return render_template("bench/_shared.html", address=address)
    return redirect(url_for("records.flight", address=row.id), 303)


@bp.get("/flights")
def flights() -> ResponseReturnValue:
    """Flights of files; two shared ones on one axis (`a`, `b`); what the learner shares."""
    asked = [request.args.get(side, "") for side in ("a", "b")]
    found = [_shared(address) for address in asked if address]
    learner = current_learner()
    own = shared_by(db(), learner) if learner else []
    if own:
        keep_plain()
    html = render_template(
        "bench/flights.html", place="labs", flights=found, own=own, labs=catalogue()
    )
    return html, UNLISTED if found else {}


@bp.get("/flights/<address>")
def flight(address: str) -> ResponseReturnValue:
    """A shared flight, for anybody who has its address."""
    row = _shared(address)
    mine = row.learner_id == current_learner()
    html = render_template(
        "bench/flight.html", place="labs", flight=row, mine=mine, labs=catalogue()
    )
    return html, UNLISTED


@bp.get("/flights/<address>.json")
def flight_file(address: str) -> ResponseReturnValue:
    """A shared flight as a file."""
    row = _shared(address, whole=True)
    response = _file(row.document, f"{row.lab}-{row.head['name']}.json")
    response.headers.update(UNLISTED)
    response.set_etag(row.digest)
    return response.make_conditional(request)


@bp.post("/flights/<address>/delete")
def delete_flight(address: str) -> ResponseReturnValue:
    """Delete one of the learner's own shared flights; its address leads nowhere from then on."""
    learner = current_learner()
    if learner is None or not unshare(db(), learner, address):
        abort(404, GONE)
    db().commit()
    say_next("The flight is no longer shared. Its link leads nowhere now.", "here")
    return redirect(url_for("records.flights"), 303)


def _record(sandbox: SandboxInfo, name: str) -> object:
    return client().call(sandbox, "record", name=name[:80]).get("record")


def _shared(address: str, *, whole: bool = False) -> SharedRecord:
    row = shared(db(), address, whole=whole)
    if row is None:
        abort(404, GONE)
    return row


def _file(text: str, name: str) -> Response:
    safe = re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:120]
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    return Response(text, mimetype="application/json", headers=headers)
