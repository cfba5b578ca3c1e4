"""Flights of the flight recorder: of a learner's own sandbox to look at and to save, and those that
were shared, for anybody with the address.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from labs.client import SandboxInfo, catalogue, find
from portal.access import needs
from portal.bench.sharing import share, shared, shared_by, unshare
from portal.models import SharedRecord
from portal.web.fragments import is_htmx
from portal.web.learner import current_learner
from portal.web.services import client, db

bp = Blueprint("records", __name__)
GONE = (
    "There is no flight at this address, or no longer: the learner who shared it may have deleted "
    "it."
)


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
    state = client().call(sandbox, "state", history=False)
    return render_template(
        "bench/_flights.html", records=state.get("records", []), sandbox=sandbox.id
    )


@bp.get("/sandboxes/<sandbox>/records/<name>.json")
@needs("watch")
def record(sandbox: SandboxInfo, name: str) -> Response:
    """A record of the learner's own sandbox, as a file."""
    response = Response(
        json.dumps(_record(sandbox, name), separators=(",", ":")), mimetype="application/json"
    )
    return _as_file(response, f"{find(sandbox.lab).id}-{name}.json")


@bp.post("/sandboxes/<sandbox>/records/<name>/share")
@needs("act")
def share_record(sandbox: SandboxInfo, name: str) -> BaseResponse:
    """Share a record of the learner's own sandbox with everyone who gets its address."""
    row = share(db(), current_learner() or abort(404), _record(sandbox, name))
    db().commit()
    if is_htmx():
        return make_response(
            render_template(
                "bench/_shared.html",
                address=url_for("records.flight", address=row.id, _external=True),
            )
        )
    return redirect(url_for("records.flight", address=row.id), 303)


@bp.get("/flights")
def flights() -> Response:
    """Flights of files, opened by the browser itself; two shared ones on one axis (`a`, `b`);
    what the learner shares.
    """
    asked = [request.args.get(side, "") for side in ("a", "b")]
    found = [_shared(address) for address in asked if address]
    learner = current_learner()
    own = shared_by(db(), learner) if learner else []
    return _unlisted(
        render_template(
            "bench/flights.html", place="labs", flights=found, own=own, labs=catalogue()
        )
    )


@bp.get("/flights/<address>")
def flight(address: str) -> Response:
    """A shared flight, for anybody who has its address."""
    row = _shared(address)
    return _unlisted(
        render_template(
            "bench/flight.html",
            place="labs",
            flight=row,
            mine=row.learner_id == current_learner(),
            labs=catalogue(),
        )
    )


@bp.get("/flights/<address>.json")
def flight_file(address: str) -> Response:
    """A shared flight as a file."""
    row = _shared(address, whole=True)
    response = Response(row.document, mimetype="application/json")
    response.headers["X-Robots-Tag"] = "noindex"
    response.set_etag(row.digest)
    response.make_conditional(request)
    return _as_file(response, f"{row.lab}-{row.head['name']}.json")


@bp.post("/flights/<address>/delete")
def delete_flight(address: str) -> BaseResponse:
    """Delete one of the learner's own shared flights; its address leads nowhere from then on."""
    learner = current_learner()
    if learner is None or not unshare(db(), learner, address):
        abort(404, GONE)
    db().commit()
    flash("The flight is no longer shared. Its link leads nowhere now.", "here")
    return redirect(url_for("records.flights"), 303)


def _record(sandbox: SandboxInfo, name: str) -> object:
    return client().call(sandbox, "record", name=name[:80]).get("record")


def _shared(address: str, *, whole: bool = False) -> SharedRecord:
    row = shared(db(), address, whole=whole)
    if row is None:
        abort(404, GONE)
    return row


def _as_file(response: Response, name: str) -> Response:
    safe = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "-"
        for letter in name
    )[:120]
    response.headers["Content-Disposition"] = f'attachment; filename="{safe}"'
    return response


def _unlisted(html: str) -> Response:
    response = make_response(html)
    response.headers["X-Robots-Tag"] = "noindex"
    return response
