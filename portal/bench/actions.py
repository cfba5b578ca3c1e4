"""What a learner does to a sandbox.

Every view makes one call to the sandbox and answers with its outcome, a fragment or the way back.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from labs.client import SandboxInfo, catalogue, find, visible
from labs.errors import BadInput, HostAway, LabsError, NotNow, SandboxTaken, UnknownSandbox
from labs.events import Value
from labs.lab import QUEUE_S, TURN_S, Control, Lab, Node, Number
from portal.access import needs
from portal.bench.log_scale import value_at
from portal.bench.look import look, look_at
from portal.bench.places import page_before, page_of_form, page_url, with_word
from portal.bench.routes import predictions_of
from portal.bench.turns import with_error_apart
from portal.bench.view import PROMPT_LENGTH, topology_of
from portal.web.arguments import form_fields
from portal.web.caching import summary_name
from portal.web.fragments import is_htmx, tell_outcome, trigger
from portal.web.history import proofs
from portal.web.learner import current_learner, require_learner
from portal.web.notes import say_next
from portal.web.services import cache, client, release_db

bp = Blueprint("actions", __name__)
CLOSING_S = 6.0
OPENING_S = 0.7
NEXT_TO_OPEN = 4
SETTING_UP_S = 20.0
"""How long a set-up may take: it may have to start servers."""


@bp.post("/labs/<lab_id>/sandbox")
def open_sandbox(lab_id: str) -> ResponseReturnValue:
    """Open a sandbox of a lab with the settings of the form, or give them to the one that is open
    already; with `close` a sandbox of another lab makes room first. With `exercise` it is set up
    for an exercise of a lesson: the other settings go back to the lab's, the cache is emptied where
    the lab can do that, and the bench stays in the tab `gear`. htmx gets the bench.
    """
    lab = find(lab_id)
    form = form_fields()
    names = {control.name for control in lab.controls}
    given = _settings_of_form() | {name: value for name, value in form.items() if name in names}
    settings = lab.settings(given)
    learner = require_learner()
    met = proofs(lab_id)
    release_db()
    if form.get("close"):
        _make_room(learner, unless=lab_id)
    opened: SandboxInfo | None = None
    for_exercise, came_to = bool(form.get("exercise")), dict[str, Any]()
    try:
        opened = client().open(lab_id, owner=learner, settings=settings, met=met)
        if opened.status == "open" and (given or for_exercise):
            wanted = settings if for_exercise else {name: settings[name] for name in given}
            came_to = client().call(
                opened, "set_up", deadline_s=SETTING_UP_S, settings=wanted, empty=for_exercise
            )
        opened = _wait_for_opening(opened)
    except SandboxTaken:
        if not is_htmx():
            return _taken(lab, learner, settings)
    finally:
        cache().forget(summary_name(learner))
    if is_htmx():
        view = dict(parse_qsl(urlsplit(page_url()).query)).get("view", "")
        args = {**given, "gear": form.get("gear", ""), "view": view}
        args["was"] = opened.id if opened else ""
        bench = look(
            lab, learner=learner, args=args, client=client(), quick=client(), met_before=met
        )
        predictions = None if request.args.get("on") == "lesson" else predictions_of(lab)
        if for_exercise:
            was, done = came_to.get("before", {}), came_to.get("done", ())
            before = {name: was[name] for name in settings if name in was}
            tab = bench.gear if form.get("gear") else ""
            bench = replace(bench, before=before, done=done, tab=tab)
        return render_template("bench/_bench.html", bench=bench, predictions=predictions)
    page = page_of_form(lab_id)
    if opened is not None and opened.status == "closed":
        page = with_word(page, "was", opened.id)
    return redirect(page, 303)


@bp.post("/sandboxes/<sandbox>/settings")
@needs("act")
def settings(sandbox: SandboxInfo) -> Response:
    """Change a control (`name`, and `value` or `position`), or several at once (`set-<name>`)."""
    lab = find(sandbox.lab)
    wanted: dict[str, Value] = {**_settings_of_form()}
    if name := request.form.get("name"):
        wanted[name] = _given(lab.find_control(name))
    for key, value in wanted.items():
        client().call(sandbox, "set", name=key, value=lab.find_control(key).parse(value))
    return _done(sandbox)


@bp.post("/sandboxes/<sandbox>/actions/<name>")
@needs("act")
def action(sandbox: SandboxInfo, name: str) -> Response:
    """One of the lab's own actions."""
    wanted = find(sandbox.lab).find_action(name)
    fields = {
        field.name: field.parse(request.form.get(field.name, field.default))
        for field in wanted.fields
    }
    deadline_s = wanted.deadline_s + (QUEUE_S if wanted.measures else TURN_S)
    return _do(sandbox, "action", deadline_s=deadline_s, name=wanted.name, fields=fields)


@bp.post("/sandboxes/<sandbox>/servers/<server>")
@needs("act")
def server(sandbox: SandboxInfo, server: str) -> Response:
    """Kill, pause, resume or restart a server."""
    node = find(sandbox.lab).topology.node(server)
    verb = _verb("kill", "pause", "resume", "restart")
    return _do(sandbox, "server", name=node.name, verb=verb)


@bp.post("/sandboxes/<sandbox>/links/<link>")
@needs("act")
def link(sandbox: SandboxInfo, link: str) -> Response:
    """Slow, cut or restore a link."""
    verb = _verb("slow", "cut", "restore")
    more: dict[str, Any] = {}
    if verb == "slow":
        more["delay_ms"] = DELAY.parse(request.form.get("delay_ms", DELAY.default))
    name = find(sandbox.lab).topology.link(link).name
    return _do(sandbox, "link", name=name, verb=verb, **more)


@bp.post("/sandboxes/<sandbox>/step")
@needs("act")
def step(sandbox: SandboxInfo) -> Response:
    """Start a request in slow motion, let it go one statement on, or run it to its end."""
    verb = _verb("start", "next", "finish")
    more: dict[str, Any] = {}
    if verb == "start":
        function = request.form.get("function", "read")
        if function not in ("read", "write"):
            raise BadInput("A request reads or writes.")
        key = request.form.get("key", request.form.get("item", "42"))
        more = {"function": function, "key": key}
        if function == "write" and "price" in request.form:
            more["price"] = request.form["price"]
    return _do(sandbox, "step", verb=verb, **more)


@bp.post("/sandboxes/<sandbox>/load")
@needs("act")
def load(sandbox: SandboxInfo) -> Response:
    """Start or stop the workload."""
    return _do(sandbox, "load", verb=_verb("start", "stop"))


@bp.post("/sandboxes/<sandbox>/reset")
@needs("act")
def reset(sandbox: SandboxInfo) -> Response:
    """All data and settings as at the start."""
    client().call(sandbox, "reset", deadline_s=20.0)
    return _done(
        sandbox, "All data and settings are as they were at the start.", event="bench-redraw"
    )


@bp.post("/sandboxes/<sandbox>/keep")
@needs("act")
def keep(sandbox: SandboxInfo) -> Response:
    """Keep an idle sandbox open."""
    client().call(sandbox, "keep")
    return _done(sandbox, "It stays open.", event="bench-kept")


@bp.post("/sandboxes/<sandbox>/close")
@needs("act")
def close(sandbox: SandboxInfo) -> ResponseReturnValue:
    """End the sandbox, or leave the queue for it."""
    reason = "You left the queue." if sandbox.status == "queued" else "You closed your bench."
    client().call(sandbox, "close", reason=reason)
    return redirect(page_before(sandbox.lab), 303)


@bp.post("/sandboxes/<sandbox>/console/<server>")
@needs("act")
def console(sandbox: SandboxInfo, server: str) -> str:
    """Run what was typed in a server's console: the turns, or without a script the page with
    them.
    """
    lab = find(sandbox.lab)
    turns = _turns(sandbox, _known_server(sandbox, lab, server))
    if is_htmx():
        return "".join(render_template("bench/_turn.html", turn=turn) for turn in turns)
    bench = replace(look_at(lab, sandbox, client()), turns=turns)
    return render_template(
        "bench/lab.html", bench=bench, predictions=predictions_of(lab), place="labs"
    )


@bp.post("/labs/<lab_id>/console/<server>")
def snippet(lab_id: str, server: str) -> ResponseReturnValue:
    """Run a lesson's snippet in the learner's open sandbox of that lab, if there is one."""
    lab = find(lab_id)
    node = lab.topology.node(server)
    learner = current_learner()
    info = client().find(learner) if learner else None
    is_open = info is not None and info.lab == lab_id and info.status == "open"
    turns = _turns(info, node) if info and is_open else ()
    if is_htmx():
        html = render_template("bench/_snippet.html", turns=turns, lab_id=lab_id)
        return html, 200 if turns else 409
    if not turns:
        raise NotNow("Open the bench first: the command runs on your own servers.")
    return render_template(
        "bench/snippet.html", turns=turns, lab_id=lab_id, back=page_before(lab_id), place="labs"
    )


DELAY = Number("delay_ms", "The delay", 1, 2_000, 1, 50, unit="ms")


def _known_server(sandbox: SandboxInfo, lab: Lab, name: str) -> Node:
    """The server; BadInput if neither the lab nor its sandbox has it."""
    try:
        return lab.topology.node(name)
    except BadInput:
        return topology_of(lab, client().call(sandbox, "state")).node(name)


def _turns(sandbox: SandboxInfo, node: Node) -> tuple[dict[str, Any], ...]:
    """What was typed with its answer; several pasted commands, each with its own."""
    # A form sends a line end as two characters, whichever was typed.
    command = request.form.get("command", "").replace("\r\n", "\n")
    before = request.form.get("prompt", "")[:PROMPT_LENGTH]
    # A console whose prompt shows something may wait for a value, which may be blank.
    if not command.strip() and not before:
        raise BadInput("There is no command.", hint="Type one, for example PING.")
    turn: dict[str, Any] = {
        "server": node.name,
        "language": node.kind.console,
        "before": visible(before),
        "command": visible(command.strip("\n")),
    }
    try:
        answer = client().call(sandbox, "console", server=node.name, command=command)
    except UnknownSandbox:
        raise
    except LabsError as error:
        # Our words, not the server's; what the prompt shows then, an event says.
        notice = f"{error}\n{error.hint}" if error.hint else str(error)
        return (turn | {"notice": notice, "failed": True},)
    turns = []
    for piece, part in answer.get("parts") or [(turn["command"], answer)]:
        turns.append(with_error_apart(turn | part | {"command": piece}))
        turn["before"] = str(part.get("prompt", ""))[:PROMPT_LENGTH]
    return tuple(turns)


def _wait_for_opening(info: SandboxInfo) -> SandboxInfo:
    """Wait for a moment, so that the next page shows the servers; not if others come first. A look
    that gets no answer in time is no failure: the sandbox is asked for.
    """
    end = time.monotonic() + OPENING_S
    while (
        info.status in ("queued", "opening")
        and info.position <= NEXT_TO_OPEN
        and time.monotonic() < end
    ):
        time.sleep(0.02)
        with suppress(HostAway):
            info = client(quick=True).info(info.id)
    return info


def _taken(lab: Lab, learner: str, settings: dict[str, Value]) -> tuple[str, int]:
    taken, back = client().find(learner), page_of_form(lab.id)
    other = catalogue().get(taken.lab) if taken else None
    html = render_template(
        "bench/taken.html", lab=lab, other=other, settings=settings, back=back, place="labs"
    )
    return html, 409


def _settings_of_form() -> dict[str, str]:
    return {
        name.removeprefix("set-"): value
        for name, value in form_fields().items()
        if name.startswith("set-")
    }


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


def _make_room(learner: str, *, unless: str) -> None:
    """Close the learner's sandbox and wait until it is gone, for one learner has one; not if it is
    of the lab `unless`.
    """
    if (taken := client().find(learner)) is None or taken.lab == unless:
        return
    try:
        client().call(taken, "close", reason="You opened another bench.")
    except UnknownSandbox:
        return
    end = time.monotonic() + CLOSING_S
    while (
        time.monotonic() < end
        and (left := client().find(learner)) is not None
        and left.id == taken.id
        and left.status != "closed"
    ):
        time.sleep(0.05)


def _do(sandbox: SandboxInfo, call: str, **args: Any) -> Response:
    return _done(sandbox, str(client().call(sandbox, call, **args).get("message", "")))


def _done(sandbox: SandboxInfo, message: str = "", *, event: str = "") -> Response:
    if is_htmx():
        response = make_response("", 204)
        if event:
            trigger(response, event)
        return tell_outcome(response, message) if message else response
    if message:
        say_next(message, "none")
    return make_response(redirect(page_before(sandbox.lab), 303))
