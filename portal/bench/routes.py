"""Pages and fragments of the benches: looking only.

What a learner does to a sandbox is in `actions`, predictions in `predictions`.
"""

from __future__ import annotations

import csv
import io
import time
from collections import ChainMap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from labs.client import METRICS, SandboxInfo, catalogue, find
from labs.errors import BadInput, LabsError
from labs.events import encode
from labs.lab import Lab
from portal.access import needs
from portal.bench import log_scale, values, views
from portal.bench.ending import end_of
from portal.bench.flight import RULES
from portal.bench.look import look, look_at
from portal.bench.places import page_url
from portal.bench.still import next_to_lesson, still
from portal.bench.view import Bench
from portal.bench.words import (
    CHECKS,
    CONNECTION,
    GUIDE,
    NO_REPLICA,
    engine_words,
    for_scripts,
    in_words,
)
from portal.content.numbers import keep_units
from portal.web.arguments import whole_number
from portal.web.guide import MOST_REASONS, most_reasons
from portal.web.history import history, proofs
from portal.web.learner import current_learner
from portal.web.progress import progress_of
from portal.web.services import client, course, release_db
from portal.web.stream import hub_of, stream_response

bp = Blueprint("bench", __name__)
INSTALLATION = "cacheground.installation"
INSTALLATION_FRESH_S = 30.0
WITHOUT_WALLS = (
    "Sandboxes have no walls here: other users of this machine see their processes "
    "and can reach their Memcached. Good for one person on a machine of their own."
)


@bp.record_once
def _install(state: Any) -> None:
    views.install(state.app)
    env = state.app.jinja_env
    env.filters["keep_units"] = keep_units
    env.globals.update(
        bench_for=bench_for,
        end_of=lambda bench: end_of(bench, history(), course()),
        page_url=page_url,
        engine_words=engine_words,
        lesson_of=lambda lab_id: course().lesson_of(lab_id),
        words_for_scripts=for_scripts,
        flight_rules=RULES,
        NO_REPLICA=NO_REPLICA,
        CHECK_WORDS=CHECKS,
        GUIDE_WORDS=GUIDE,
        most_reasons=most_reasons,
        MOST_REASONS=MOST_REASONS,
        CONNECTION_WORDS=CONNECTION,
        patience=lambda: hub_of(_app()).patience,
        position_of=log_scale.position_of,
        stops_of=log_scale.stops,
        figure=values.figure,
        plain=values.plain,
        counted_value=values.counted,
        met_on=values.met_on,
        still=still,
        METRICS=METRICS,
        POSITIONS=log_scale.POSITIONS,
    )


@bp.app_context_processor
def _about() -> dict[str, object]:
    return {"lab_count": len(catalogue()), "installation": _installation()}


@dataclass(frozen=True, slots=True)
class Installation:
    """What the foot of every page says: the engines' versions, and what sandboxes lack."""

    versions: str = ""
    walls: str = ""


def _installation() -> Installation:
    """What the labs hosts say; asked at most every half minute."""
    asked, known = cast(
        "tuple[float, Installation]",
        current_app.extensions.get(INSTALLATION, (0.0, Installation())),
    )
    if time.monotonic() - asked > (INSTALLATION_FRESH_S if known.versions else 1.0):
        with suppress(LabsError):
            hosts = client(quick=True).hosts()
            found = dict(ChainMap(*(host.versions for host in hosts)))
            words = in_words(found)
            walls = WITHOUT_WALLS if any(host.isolation == "process" for host in hosts) else ""
            known = Installation(words or known.versions, walls if hosts else known.walls)
        current_app.extensions[INSTALLATION] = (time.monotonic(), known)
    return known


def bench_for(lab_id: str) -> Markup:
    """For templates: the bench next to a lesson's text; empty if the lab does not exist."""
    return next_to_lesson(_look(find(lab_id))) if lab_id in catalogue() else Markup()


def _look(lab: Lab, *, strict: bool = False) -> Bench:
    met_before = proofs(lab.id)
    release_db()
    return look(
        lab,
        learner=current_learner(),
        args=request.args,
        client=client(),
        quick=client(quick=True),
        strict=strict,
        met_before=met_before,
    )


def predictions_of(lab: Lab) -> Mapping[str, object]:
    """The learner's newest prediction of each name, by name."""
    return history().predictions.get(lab.id, {})


@bp.get("/labs")
def labs() -> str:
    """All labs, in the order of the course."""
    learner, open_here = current_learner(), None
    with suppress(LabsError):
        open_here = client(quick=True).find(learner) if learner else None
    return render_template(
        "bench/labs.html",
        labs=[progress_of(found, history()) for found in _in_course_order()],
        coming=course().coming_labs(catalogue()),
        open_here=open_here,
        place="labs",
    )


def _in_course_order() -> list[Lab]:
    """Every lab: those of the lessons in reading order, then the others."""
    known = catalogue()
    taught = [lab for lesson in course().lessons.values() for lab in lesson.labs if lab in known]
    return [known[lab] for lab in dict.fromkeys([*taught, *known])]


@bp.get("/labs/<lab_id>")
def lab(lab_id: str) -> ResponseReturnValue:
    """The bench of a lab, alone; settings come from the address and are checked."""
    found = find(lab_id)
    try:
        bench = _look(found, strict=True)
    except BadInput as error:
        html = render_template(
            "bench/wrong_link.html", lab=found, message=str(error), hint=error.hint, place="labs"
        )
        return html, 422
    return render_template(
        "bench/lab.html",
        bench=bench,
        predictions=predictions_of(found),
        place="labs",
        view="projector" if bench.projector else "",
    )


@bp.get("/labs/<lab_id>/bench")
def part(lab_id: str) -> ResponseReturnValue:
    """The bench as a fragment; 204 while its place in the queue is that on the page (`place`)."""
    found = find(lab_id)
    bench = _look(found)
    if bench.place and request.args.get("place") == str(bench.place):
        return "", 204
    on = request.args.get("on", "")
    predictions = None if on == "lesson" else predictions_of(found)
    return render_template("bench/_bench.html", bench=bench, predictions=predictions, on=on)


@bp.get("/labs/<lab_id>/end")
def end(lab_id: str) -> str:
    """The card at the end of a lab as a fragment; empty until every check is met."""
    return render_template("bench/_end.html", bench=_look(find(lab_id)))


@bp.get("/labs/<lab_id>/shop")
def shop(lab_id: str) -> ResponseReturnValue:
    """The lab's shop as its customers see it."""
    found = find(lab_id)
    bench = _look(found)
    if not bench.has_shop:
        abort(404)
    return render_template("bench/shop.html", bench=bench, on="shop", place="labs")


@bp.get("/sandboxes/<sandbox>")
@needs("watch")
def sandbox(sandbox: SandboxInfo) -> ResponseReturnValue:
    """A sandbox's own address leads to its lab."""
    return redirect(url_for("bench.lab", lab_id=sandbox.lab), 303)


@bp.get("/sandboxes/<sandbox>/events")
@needs("watch")
def events(sandbox: SandboxInfo) -> Response:
    """The feed as server-sent events."""
    learner = current_learner() or abort(404)
    return stream_response(hub_of(_app()), request, sandbox=sandbox.id, learner=learner)


@bp.get("/sandboxes/<sandbox>/feed")
@needs("watch")
def feed(sandbox: SandboxInfo) -> Response:
    """The feed after a number, as a list; for browsers that lost events or have no stream."""
    entries = client().events(sandbox.id, after=whole_number("after"))
    return jsonify([encode(entry) for entry in entries])


@bp.get("/sandboxes/<sandbox>/state")
@needs("watch")
def state(sandbox: SandboxInfo) -> Response:
    """What is so now, with all readings kept if `history` is asked for."""
    return jsonify(_state(sandbox, history=bool(request.args.get("history"))))


@bp.get("/sandboxes/<sandbox>/readings.csv")
@needs("watch")
def readings(sandbox: SandboxInfo) -> Response:
    """All readings kept of this sandbox, one moment a row."""
    rows = _state(sandbox, history=True).get("readings", [])
    names = [name for name in METRICS if any(name in row for row in rows)]
    heads = [_with_unit(name, METRICS[name].unit) for name in names]
    return _csv("readings.csv", ["at", *heads], rows, ["at", *names])


@bp.get("/sandboxes/<sandbox>/tables/<name>.csv")
@needs("watch")
def table(sandbox: SandboxInfo, name: str) -> Response:
    """A table of the lab as it is now."""
    found = find(sandbox.lab).find_table(name)
    rows = _state(sandbox, history=False).get("tables", {}).get(name, [])
    heads = [_with_unit(column.label, column.unit) for column in found.columns]
    return _csv(f"{sandbox.lab}-{name}.csv", heads, rows, [column.name for column in found.columns])


@bp.get("/sandboxes/<sandbox>/request")
@needs("watch")
def one_request(sandbox: SandboxInfo) -> str:
    """The stepped request as a fragment: what was sent, and to scale."""
    return render_template(
        "bench/_exchange.html", bench=look_at(find(sandbox.lab), sandbox, client())
    )


@bp.get("/sandboxes/<sandbox>/code")
@needs("watch")
def code(sandbox: SandboxInfo) -> str:
    """The running strategy as a fragment."""
    return render_template("bench/_code.html", bench=look_at(find(sandbox.lab), sandbox, client()))


@bp.post("/sandboxes/<sandbox>/complete")
@needs("act")
def complete(sandbox: SandboxInfo) -> Response:
    """What a console's line could go on with. By POST, for a line may have a password in it, and
    addresses stand in the logs of proxies.
    """
    server, text = request.form.get("server", ""), request.form.get("text", "")[:400]
    return jsonify(client().call(sandbox, "complete", deadline_s=3.0, server=server, text=text))


@bp.get("/sandboxes/<sandbox>/log/<server>")
@needs("watch")
def log(sandbox: SandboxInfo, server: str) -> str:
    """The last lines of a server's log."""
    node = find(sandbox.lab).topology.node(server)
    answer = client().call(sandbox, "log", server=node.name)
    template = "bench/_log.html" if request.headers.get("HX-Request") else "bench/log.html"
    return render_template(
        template, lines=answer["lines"], server=node.name, lab=find(sandbox.lab), place="labs"
    )


def _app() -> Flask:
    # the proxy's own way to what it stands for
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _csv(name: str, heads: list[str], rows: list[dict[str, Any]], columns: list[str]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(heads)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    about = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text.getvalue(), mimetype="text/csv", headers=about)


def _state(sandbox: SandboxInfo, *, history: bool) -> dict[str, Any]:
    return client().call(sandbox, "state", history=history)
