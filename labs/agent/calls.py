"""What the labs host can ask of an open sandbox. Arguments come from a learner's browser: each call
checks its own, and raises BadInput with what would be right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

from labs.agent.turns import Measurement
from labs.errors import BadInput, NotNow
from labs.events import Ending, Measured, NoteAdded
from labs.lab import Lab, number_from
from labs.sandbox.experiment import measured
from labs.sandbox.sandbox import Sandbox
from labs.sandbox.set_up import set_up

STEPPED_PRICE = 24.90
USUAL_DELAY_MS = 20.0
MOST_ITEMS = 1_000_000
Args = dict[str, Any]


def _keeps_figures(call: Callable[[Sandbox, Args], Args]) -> Callable[[Sandbox, Args], Args]:
    """The same call; what it measured of the figures that lessons quote is kept for the learner."""

    @wraps(call)
    def kept(sandbox: Sandbox, args: Args) -> Args:
        before = dict(sandbox.measurements)
        try:
            return call(sandbox, args)
        finally:
            new = {
                name: value
                for name, value in sandbox.measurements.items()
                if before.get(name) != value
            }
            if new:
                sandbox.outcome("figures", "figures", "measured", dict(new))

    return kept


def _set(sandbox: Sandbox, args: Args) -> Args:
    sandbox.set(str(args.get("name")), args.get("value"))
    return {}


def _set_up(sandbox: Sandbox, args: Args) -> Args:
    came_to = set_up(sandbox, dict(args.get("settings") or {}), empty=bool(args.get("empty")))
    return asdict(came_to)


@_keeps_figures
def _action(sandbox: Sandbox, args: Args) -> Args:
    action = sandbox.lab.find_action(str(args.get("name")))
    given = dict(args.get("fields") or {})
    fields = {
        field.name: field.parse(given.pop(field.name))
        if given.get(field.name) not in (None, "")
        else field.default
        for field in action.fields
    }
    if given:
        raise BadInput(f"{action.label} has no field {sorted(given)[0][:40]!r}.")
    message = action.run(sandbox, **fields)
    sandbox.emit(NoteAdded(text=message, action=action.name))
    return {"message": message}


@_keeps_figures
def _server(sandbox: Sandbox, args: Args) -> Args:
    return {"message": sandbox.server(str(args.get("name")), str(args.get("verb")))}


def _link(sandbox: Sandbox, args: Args) -> Args:
    delay_ms = number_from(args.get("delay_ms") or USUAL_DELAY_MS, what="The delay", units=("ms",))
    return {"message": sandbox.link(str(args.get("name")), str(args.get("verb")), delay_ms)}


def _step(sandbox: Sandbox, args: Args) -> Args:
    stepped = sandbox.stepped
    if stepped is None or not sandbox.lab.strategies:
        raise BadInput("This lab has no code to step through.")
    match args.get("verb"):
        case "start":
            function = str(args.get("function") or "read")
            if function not in ("read", "write"):
                raise BadInput("A step is a read or a write.")
            key = _item(args.get("key") or 42)
            price = None
            if function == "write" and stepped.takes_price:
                # A lab whose form has no field for the price gets one, and the step shows it.
                price = _price(args.get("price", STEPPED_PRICE))
            if sandbox.load.running and not stepped.steps_under_load:
                raise NotNow(
                    "The load is running, so the page can't show one request apart from the rest.",
                    hint="Stop the load first.",
                )
            stepped.step(function, key, price)
        case "next":
            stepped.stepper.next()
        case "finish":
            stepped.stepper.finish()
        case other:
            raise BadInput(
                f"A step has no button {str(other)[:20]!r}.",
                hint="It is one of start, next and finish.",
            )
    return {"running": stepped.stepper.running}


def _load(sandbox: Sandbox, args: Args) -> Args:
    match args.get("verb"):
        case "start":
            return {"message": sandbox.start_load()}
        case "stop":
            return {"message": sandbox.stop_load()}
    raise BadInput("A load is started or stopped.")


def _console(sandbox: Sandbox, args: Args) -> Args:
    return asdict(sandbox.console(str(args.get("server")), str(args.get("command") or "")))


def _complete(sandbox: Sandbox, args: Args) -> Args:
    return {"options": sandbox.complete(str(args.get("server")), str(args.get("text") or ""))}


def _log(sandbox: Sandbox, args: Args) -> Args:
    node = sandbox.topology.node(str(args.get("server")))
    server = sandbox.servers.get(node.name)
    return {"lines": [line.expandtabs(4)[:500] for line in server.log_tail(60)] if server else []}


@_keeps_figures
def _measure(sandbox: Sandbox, args: Args) -> Args:
    prediction = sandbox.lab.find_prediction(str(args.get("prediction")))
    value = measured(sandbox, prediction.measure)
    shown = prediction.show(value)
    sandbox.emit(Measured(prediction=prediction.name, value=value, shown=shown))
    sandbox.outcome("prediction", prediction.name, "measured", {"value": value, "shown": shown})
    return {"value": value, "shown": shown}


def _record(sandbox: Sandbox, args: Args) -> Args:
    name = str(args.get("name"))
    found = sandbox.records.get(name)
    if found is None:
        raise BadInput(
            f"No record here is called {name[:40]!r}.",
            hint="There are " + (", ".join(sandbox.records) or "none yet") + ".",
        )
    return {"record": found}


def _reset(sandbox: Sandbox, _args: Args) -> Args:
    sandbox.reset()
    return {}


def _play(sandbox: Sandbox, _args: Args) -> Args:
    """The lab's reference run, for the headless command and the tests."""
    sandbox.lab.run_reference(sandbox)
    verdicts = sandbox.checker.judge()
    return {
        "settings": sandbox.settings,
        "versions": sandbox.versions(),
        "measurements": sandbox.measurements,
        "checks": [
            {
                "id": check.name,
                "claim": check.claim,
                "status": (verdict := verdicts[check.name]).status,
                "message": verdict.message,
                "evidence": dict(verdict.evidence),
            }
            for check in sandbox.lab.checks
        ],
    }


def _warn(sandbox: Sandbox, args: Args) -> Args:
    sandbox.emit(Ending(reason=str(args["reason"]), in_s=float(args["in_s"])))
    return {}


def _item(raw: object) -> int:
    number = number_from(raw, what="The item", minimum=1, maximum=MOST_ITEMS)
    if number != int(number):
        raise BadInput("The item is a whole number.", hint="Type one, for example 42.")
    return int(number)


def _price(raw: object) -> float:
    return round(number_from(raw, what="The price", minimum=0.01, maximum=99_999), 2)


def measurement_of(lab: Lab, call: str, args: Args) -> Measurement | None:
    """What a call measures, for which it needs the sandbox to itself; None if it measures nothing.
    BadInput if the lab has no such prediction or action.
    """
    if call == "measure":
        return Measurement(lab.find_prediction(str(args.get("prediction"))).name)
    if call == "action":
        action = lab.find_action(str(args.get("name")))
        if action.measures:
            return Measurement(action.name, action.deadline_s)
    return None


CALLS: dict[str, Callable[[Sandbox, Args], Args]] = {
    call.__name__.removeprefix("_"): call
    for call in (
        *(_set, _set_up, _action, _server, _link, _step, _load, _console, _complete, _log),
        *(_measure, _record, _reset, _play, _warn),
    )
}
"""Every call by its name, as docs/architecture.md lists them."""
