"""What a learner does to a sandbox.

Every view posts one call to the front desk and answers with a toast, a fragment or the way back.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)

from labs import (
    BadInput,
    Control,
    Lab,
    LabsError,
    NotNow,
    Number,
    SandboxInfo,
    SandboxTaken,
    UnknownSandbox,
    Value,
    catalogue,
    find,
)
from portal.bench import view
from portal.bench.faders import value_at
from portal.bench.places import page_before, way_back
from portal.bench.routes import mine, predictions_of
from portal.web.caching import summary_name
from portal.web.fragments import is_htmx, trigger
from portal.web.learner import current_learner, require_learner
from portal.web.parts import cache, desk, quick_desk, release_db

bp = Blueprint("doing", __name__)
CLOSING_S = 6.0
OPENING_S = 0.7
NEXT_TO_OPEN = 4


@bp.post("/labs/<lab_id>/sandbox")
def open_sandbox(lab_id: str) -> Response:
    """Open a sandbox of a lab with the settings of the form; with `close` the one that is open
    makes room first.

    A sandbox of this lab that is open already takes the settings that were sent. htmx gets the
    bench as a fragment.
    """
    lab = find(lab_id)
    form = request.form.to_dict()
    names = {control.name for control in lab.controls}
    given: dict[str, object] = {
        name.removeprefix("set-"): value
        for name, value in form.items()
        if name.startswith("set-") or name in names
    }
    settings = lab.settings(given)
    learner = require_learner()
    release_db()
    if form.get("close"):
        _make_room(learner)
    try:
        opened = desk().open(lab_id, owner=learner, settings=settings)
        if opened.status == "open":
            for name in given:
                desk().call(opened.id, "set", owner=learner, name=name, value=settings[name])
        _wait_for_opening(opened, learner)
    except SandboxTaken:
        if not is_htmx():
            return _taken(lab, learner, settings)
    finally:
        cache().forget(summary_name(learner))
    if is_htmx():
        bench = view.look(
            lab,
            learner=learner,
            # Form values are text.
            args={**given, "gear": form.get("gear", "step")},  # type: ignore[dict-item]
            desk=desk(),
            quick=desk(),
        )
        return make_response(render_template("bench/_bench.html", bench=bench, predictions=None))
    return make_response(
        redirect(
            way_back(form.get("next", ""), page_before(url_for("bench.lab", lab_id=lab_id))), 303
        )
    )


@bp.post("/sandboxes/<sandbox>/settings")
def settings(sandbox: str) -> Response:
    """Change a control (`name`, `value` or its fader's `position`), or several at once
    (`set-<name>`).
    """
    info, learner = mine(sandbox)
    lab = find(info.lab)
    wanted: dict[str, object] = {
        key[4:]: value for key, value in request.form.items() if key.startswith("set-")
    }
    if name := request.form.get("name"):
        wanted[name] = _given(lab.control(name))
    for key, value in wanted.items():
        desk().call(info.id, "set", owner=learner, name=key, value=lab.control(key).parse(value))
    return _done(info.lab)


@bp.post("/sandboxes/<sandbox>/actions/<name>")
def action(sandbox: str, name: str) -> Response:
    """One of the lab's own actions."""
    info, learner = mine(sandbox)
    wanted = find(info.lab).action(name)
    fields = {
        field.name: field.parse(request.form.get(field.name, field.default))
        for field in wanted.fields
    }
    return _done(
        info.lab,
        desk().call(
            info.id,
            "action",
            owner=learner,
            deadline_s=wanted.deadline_s,
            name=wanted.name,
            fields=fields,
        ),
    )


@bp.post("/sandboxes/<sandbox>/servers/<server>")
def server(sandbox: str, server: str) -> Response:
    """Kill, pause, resume or restart a server."""
    info, learner = mine(sandbox)
    node = find(info.lab).topology.node(server)
    return _done(
        info.lab,
        desk().call(
            info.id,
            "server",
            owner=learner,
            name=node.name,
            verb=_verb("kill", "pause", "resume", "restart"),
        ),
    )


@bp.post("/sandboxes/<sandbox>/links/<link>")
def link(sandbox: str, link: str) -> Response:
    """Slow, cut or restore a link."""
    info, learner = mine(sandbox)
    verb = _verb("slow", "cut", "restore")
    more: dict[str, Any] = (
        {"delay_ms": DELAY.parse(request.form.get("delay_ms", DELAY.default))}
        if verb == "slow"
        else {}
    )
    return _done(
        info.lab,
        desk().call(
            info.id,
            "link",
            owner=learner,
            name=find(info.lab).topology.link(link).name,
            verb=verb,
            **more,
        ),
    )


@bp.post("/sandboxes/<sandbox>/step")
def step(sandbox: str) -> Response:
    """Start a request in slow motion, let it go one statement on, or run it to its end."""
    info, learner = mine(sandbox)
    verb = _verb("start", "next", "finish")
    more: dict[str, Any] = {}
    if verb == "start":
        function = request.form.get("function", "read")
        if function not in ("read", "write"):
            raise BadInput("A request reads or writes.")
        more = {
            "function": function,
            "key": request.form.get("key", request.form.get("item", "42"))[:40],
        }
        if function == "write" and "price" in request.form:
            more["price"] = request.form["price"][:40]
    return _done(info.lab, desk().call(info.id, "step", owner=learner, verb=verb, **more))


@bp.post("/sandboxes/<sandbox>/load")
def load(sandbox: str) -> Response:
    """Start or stop the workload."""
    info, learner = mine(sandbox)
    return _done(info.lab, desk().call(info.id, "load", owner=learner, verb=_verb("start", "stop")))


@bp.post("/sandboxes/<sandbox>/reset")
def reset(sandbox: str) -> Response:
    """All data and settings as at the start."""
    info, learner = mine(sandbox)
    desk().call(info.id, "reset", owner=learner, deadline_s=20.0)
    return _done(info.lab, {"says": "Everything is as at the start."}, event="bench-redraw")


@bp.post("/sandboxes/<sandbox>/keep")
def keep(sandbox: str) -> Response:
    """Not idle: somebody is here."""
    info, learner = mine(sandbox)
    desk().call(info.id, "keep", owner=learner)
    return _done(info.lab, {"says": "It stays open."}, event="bench-kept")


@bp.post("/sandboxes/<sandbox>/close")
def close(sandbox: str) -> Response:
    """End the sandbox."""
    info, learner = mine(sandbox)
    desk().call(info.id, "close", owner=learner, reason="You closed your bench.")
    return make_response(redirect(page_before(url_for("bench.lab", lab_id=info.lab)), 303))


@bp.post("/sandboxes/<sandbox>/console/<server>")
def console(sandbox: str, server: str) -> Response:
    """Run a line in a server's console: one turn to add to its log, or without a script the whole
    page with the turn in it.
    """
    info, learner = mine(sandbox)
    lab = find(info.lab)
    turn = _turn(info.id, learner, lab.topology.node(server).name)
    if is_htmx():
        return make_response(render_template("bench/_turn.html", turn=turn))
    bench = view.look(lab, learner=learner, args={}, desk=desk(), quick=desk())
    bench = replace(bench, turns=(turn,))
    return make_response(
        render_template(
            "bench/lab.html", bench=bench, predictions=predictions_of(lab), place="labs"
        )
    )


@bp.post("/labs/<lab_id>/console/<server>")
def snippet(lab_id: str, server: str) -> Response:
    """Run a lesson's snippet in the learner's open sandbox of that lab, if there is one."""
    lab = find(lab_id)
    node = lab.topology.node(server)
    learner = current_learner()
    info = desk().find(learner) if learner else None
    if learner is None or info is None or info.lab != lab_id or info.status != "open":
        return _answer_snippet(lab_id, None)
    return _answer_snippet(lab_id, _turn(info.id, learner, node.name))


DELAY = Number("delay_ms", "Delay", 1, 5_000, 1, 50, unit="ms")


def _turn(sandbox: str, learner: str, server: str) -> dict[str, Any]:
    command = request.form.get("command", "").strip()
    if not command:
        raise BadInput("There is no command.", hint="Type one, for example PING.")
    turn: dict[str, Any] = {"server": server, "command": command}
    try:
        return turn | desk().call(sandbox, "console", owner=learner, server=server, command=command)
    except UnknownSandbox:
        raise
    except LabsError as error:
        return turn | {
            "output": str(error) + (f"\n{error.hint}" if error.hint else ""),
            "failed": True,
            "took_ms": 0.0,
            "cut": False,
        }


def _answer_snippet(lab_id: str, turn: dict[str, Any] | None) -> Response:
    if is_htmx():
        return make_response(
            render_template("bench/_snippet.html", turn=turn, lab_id=lab_id), 200 if turn else 409
        )
    if turn is None:
        raise NotNow("Open the bench first: the command runs on your own servers.")
    return make_response(
        render_template(
            "bench/snippet.html",
            turn=turn,
            lab_id=lab_id,
            back=page_before(url_for("bench.lab", lab_id=lab_id)),
            place="labs",
        )
    )


def _wait_for_opening(info: SandboxInfo, learner: str) -> None:
    """Wait for a moment, so that a page which is drawn next shows the servers and not that they
    start. Return at once if others come first.
    """
    end = time.monotonic() + OPENING_S
    while (
        info.status in ("queued", "opening")
        and info.position <= NEXT_TO_OPEN
        and time.monotonic() < end
    ):
        time.sleep(0.02)
        info = quick_desk().info(info.id, owner=learner)


def _taken(lab: Lab, learner: str, settings: dict[str, Value]) -> Response:
    taken = desk().find(learner)
    back = way_back(request.form.get("next", ""), page_before(url_for("bench.lab", lab_id=lab.id)))
    other = catalogue().get(taken.lab) if taken else None
    return make_response(
        render_template(
            "bench/taken.html", lab=lab, other=other, settings=settings, back=back, place="labs"
        ),
        409,
    )


def _verb(*verbs: str) -> str:
    verb = request.form.get("verb", "")
    if verb not in verbs:
        raise BadInput(
            f"There is no {verb[:20]!r} here.", hint="There is " + ", ".join(verbs) + "."
        )
    return verb


def _given(control: Control) -> Value:
    position = request.form.get("position")
    if position is not None and isinstance(control, Number):
        if not re.fullmatch(r"\d{1,4}(\.\d+)?", position):
            raise BadInput(f"{control.label} has no such place.")
        return value_at(control, float(position))
    return request.form.get("value", "")


def _make_room(learner: str) -> None:
    """Close the learner's sandbox and wait until it is gone, for one learner has one."""
    if (taken := desk().find(learner)) is None:
        return
    try:
        desk().call(taken.id, "close", owner=learner, reason="You opened another bench.")
    except UnknownSandbox:
        return
    end = time.monotonic() + CLOSING_S
    while (
        time.monotonic() < end
        and (left := quick_desk().find(learner)) is not None
        and left.id == taken.id
        and left.status != "closed"
    ):
        time.sleep(0.05)


def _done(lab_id: str, answer: dict[str, Any] | None = None, *, event: str = "") -> Response:
    says = str((answer or {}).get("says", ""))
    if is_htmx():
        response = make_response("", 204)
        if event:
            return trigger(response, event, {"text": says})
        return trigger(response, "toast", {"text": says}) if says else response
    if says:
        flash(says, "none")
    return make_response(redirect(page_before(url_for("bench.lab", lab_id=lab_id)), 303))
