"""Pages and fragments of the benches: looking only.

What a learner does to a sandbox is in `doing`, predictions in `predicting`.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Mapping
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
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from markupsafe import Markup

from labs import METRICS, BadInput, Lab, LabsError, SandboxInfo, catalogue, encode, find
from portal.bench import faders, view, views
from portal.bench.flight import RULES
from portal.bench.places import page_url
from portal.bench.view import Bench
from portal.bench.words import CHECKS, NO_REPLICA, engine_words, for_scripts
from portal.content.numbers import keep_units
from portal.web.history import history
from portal.web.learner import current_learner
from portal.web.pages import moves
from portal.web.parts import desk, quick_desk, release_db
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
        page_url=page_url,
        engine_words=engine_words,
        words_for_scripts=for_scripts,
        flight_rules=RULES,
        NO_REPLICA=NO_REPLICA,
        CHECK_WORDS=CHECKS,
        position_of=faders.position_of,
        stops_of=faders.stops,
        figure=view.figure,
        plain=view.plain,
        METRICS=METRICS,
        POSITIONS=faders.POSITIONS,
    )


@bp.app_context_processor
def _about() -> dict[str, object]:
    return {"lab_count": len(catalogue()), "installation": _installation()}


@dataclass(frozen=True, slots=True)
class Installation:
    """What the foot of every page says of the machines: which engines they run, and what their
    sandboxes lack.
    """

    versions: str = ""
    walls: str = ""


def _installation() -> Installation:
    """As the labs hosts tell it; asked for at most every half minute."""
    asked, known = cast(
        "tuple[float, Installation]",
        current_app.extensions.get(INSTALLATION, (0.0, Installation())),
    )
    if time.monotonic() - asked > (INSTALLATION_FRESH_S if known.versions else 1.0):
        with suppress(LabsError):
            hosts = quick_desk().hosts()
            found = {
                name: version for host in reversed(hosts) for name, version in host.versions.items()
            }
            words = (engine_words(name, version) for name, version in sorted(found.items()))
            walls = WITHOUT_WALLS if any(host.isolation == "process" for host in hosts) else ""
            known = Installation(
                ", ".join(words) or known.versions, walls if hosts else known.walls
            )
        current_app.extensions[INSTALLATION] = (time.monotonic(), known)
    return known


def bench_for(lab_id: str) -> Markup:
    """For templates: the bench of a lab as this learner finds it, beside a lesson's text.

    Empty for a lab that there is not yet.
    """
    if lab_id not in catalogue():
        return Markup()
    bench = _look(find(lab_id))
    if bench.phase != "none":
        moves()
    return Markup(render_template("bench/_bench.html", bench=bench, predictions=None))


def _look(lab: Lab, *, strict: bool = False) -> Bench:
    met_before = history().met.get(lab.id, frozenset())
    release_db()
    return view.look(
        lab,
        learner=current_learner(),
        args=request.args,
        desk=desk(),
        quick=quick_desk(),
        strict=strict,
        met_before=met_before,
    )


def predictions_of(lab: Lab) -> Mapping[str, object]:
    """The learner's newest prediction of each name, by name."""
    return history().predictions.get(lab.id, {})


def mine(sandbox: str) -> tuple[SandboxInfo, str]:
    """The sandbox and its owner, who is asking; UnknownSandbox (404) for anybody else's."""
    learner = current_learner()
    if learner is None:
        abort(404)
    return desk().info(sandbox, owner=learner), learner


@bp.get("/labs")
def labs() -> str:
    """All labs."""
    learner, open_here = current_learner(), None
    try:
        open_here = quick_desk().find(learner) if learner else None
    except LabsError:
        open_here = None
    return render_template(
        "bench/labs.html", labs=list(catalogue().values()), open_here=open_here, place="labs"
    )


@bp.get("/labs/<lab_id>")
def lab(lab_id: str) -> Response:
    """The bench of a lab, alone; settings come from the address and are checked."""
    found = find(lab_id)
    try:
        bench = _look(found, strict=True)
    except BadInput as error:
        return make_response(
            render_template(
                "bench/wrong_link.html",
                lab=found,
                message=str(error),
                hint=error.hint,
                place="labs",
            ),
            422,
        )
    page = render_template(
        "bench/lab.html",
        bench=bench,
        predictions=predictions_of(found),
        place="labs",
        view="projector" if bench.projector else "",
    )
    return make_response(page)


@bp.get("/labs/<lab_id>/bench")
def part(lab_id: str) -> str:
    """The bench as a fragment: it waits with this for its turn, and redraws itself with it after a
    loss.
    """
    found = find(lab_id)
    bench = _look(found)
    return render_template(
        "bench/_bench.html",
        bench=bench,
        predictions=None if request.args.get("on") == "lesson" else predictions_of(found),
    )


@bp.get("/sandboxes/<sandbox>")
def sandbox(sandbox: str) -> Response:
    """A sandbox's own address leads to its lab."""
    info, _ = mine(sandbox)
    return make_response(redirect(url_for("bench.lab", lab_id=info.lab), 303))


@bp.get("/sandboxes/<sandbox>/events")
def events(sandbox: str) -> Response:
    """The feed as server-sent events."""
    info, learner = mine(sandbox)
    return stream_response(hub_of(_app()), request, sandbox=info.id, learner=learner)


@bp.get("/sandboxes/<sandbox>/feed")
def feed(sandbox: str) -> Response:
    """The feed after a number, as a list; for browsers that lost events or have no stream."""
    after = request.args.get("after", 0, type=int)
    info, _ = mine(sandbox)
    return jsonify([encode(entry) for entry in desk().events(info.id, after=max(after, 0))])


@bp.get("/sandboxes/<sandbox>/state")
def state(sandbox: str) -> Response:
    """What is so now, with all readings kept if `history` is asked for."""
    return jsonify(_state(sandbox, history=bool(request.args.get("history"))))


@bp.get("/sandboxes/<sandbox>/readings.csv")
def readings(sandbox: str) -> Response:
    """All readings kept of this sandbox, one moment a row."""
    rows = _state(sandbox, history=True).get("readings", [])
    names = [name for name in METRICS if any(name in row for row in rows)]
    heads = [
        "at",
        *(f"{name} ({METRICS[name].unit})" if METRICS[name].unit else name for name in names),
    ]
    return _csv(
        "readings.csv",
        heads,
        ([row.get("at", ""), *(row.get(name, "") for name in names)] for row in rows),
    )


@bp.get("/sandboxes/<sandbox>/tables/<name>.csv")
def table(sandbox: str, name: str) -> Response:
    """A table of the lab as it is now."""
    info, _ = mine(sandbox)
    found = find(info.lab).table(name)
    rows = _state(sandbox, history=False).get("tables", {}).get(name, [])
    heads = [
        f"{column.label} ({column.unit})" if column.unit else column.label
        for column in found.columns
    ]
    return _csv(
        f"{info.lab}-{name}.csv",
        heads,
        ([row.get(column.name, "") for column in found.columns] for row in rows),
    )


@bp.get("/sandboxes/<sandbox>/request")
def one_request(sandbox: str) -> str:
    """The stepped request as a fragment: what was sent, and to scale."""
    return render_template("bench/_exchange.html", bench=_open_bench(sandbox))


@bp.get("/sandboxes/<sandbox>/code")
def code(sandbox: str) -> str:
    """The running strategy as a fragment."""
    return render_template("bench/_code.html", bench=_open_bench(sandbox))


@bp.get("/sandboxes/<sandbox>/complete")
def complete(sandbox: str) -> Response:
    """What a console's line could go on with."""
    info, learner = mine(sandbox)
    answer = desk().call(
        info.id,
        "complete",
        owner=learner,
        deadline_s=3.0,
        server=request.args.get("server", ""),
        text=request.args.get("text", "")[:400],
    )
    return jsonify(answer)


@bp.get("/sandboxes/<sandbox>/log/<server>")
def log(sandbox: str, server: str) -> str:
    """The last lines of a server's log."""
    info, learner = mine(sandbox)
    node = find(info.lab).topology.node(server)
    answer = desk().call(info.id, "log", owner=learner, server=node.name)
    template = "bench/_log.html" if request.headers.get("HX-Request") else "bench/log.html"
    return render_template(
        template, lines=answer["lines"], server=node.name, lab=find(info.lab), place="labs"
    )


def _csv(name: str, heads: list[str], rows: Iterable[list[Any]]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return Response(
        text.getvalue(),
        mimetype="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def _app() -> Flask:
    # the proxy's own way to what it stands for
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def _state(sandbox: str, *, history: bool) -> dict[str, Any]:
    info, learner = mine(sandbox)
    return desk().call(info.id, "state", owner=learner, history=history)


def _open_bench(sandbox: str) -> Bench:
    info, learner = mine(sandbox)
    return view.look(find(info.lab), learner=learner, args={}, desk=desk(), quick=desk())
