"""The steps of a guide in the words of their lab: each control's label, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labs.errors import BadInput
from labs.events import Value
from labs.lab.check import Check
from labs.lab.controls import Choice, Control, Number
from labs.lab.guide import Target
from labs.lab.lab import Action, Lab

VERBS = {
    "kill": "Kill",
    "pause": "Pause",
    "resume": "Resume",
    "restart": "Restart",
    "slow": "Slow",
    "cut": "Cut",
    "restore": "Restore",
}
"""Of servers and links: what the button of each says."""
LOAD = {"start": "Start the load", "stop": "Stop the load"}
STEPS = {"start": "Start a request", "next": "Next line", "finish": "Run to the end"}
COMMIT = "Commit and run"


@dataclass(frozen=True, slots=True)
class Use:
    """A target in the words of the page: the control's label, where it stands, what to do."""

    key: str
    gear: str
    """The tab in which the control stands; empty if it stands under every tab, or nowhere."""
    label: str
    before: str
    """What to do before the label: together with it and `after` one sentence."""
    after: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    """What to fill in, by the name of the field."""


def use_of(lab: Lab, target: Target) -> Use:
    """A target of this lab in words. Raises BadInput if the lab has no such control, or if what is
    to be filled in is not one of its values.
    """
    gear, label, before, after = "", "", "", ""
    match target.kind:
        case "action":
            action = lab.find_action(target.name)
            gear, label = action.gear, action.label
            before = _with_fields(action, target.fields)
        case "setting":
            control = lab.find_control(target.name)
            gear = "" if control.gear == "all" else control.gear
            label, before = control.label, "Set"
            after = f" to {_value(control, target.fields['value'])}"
        case "load":
            gear, label, before = "load", LOAD[target.verb], "Press"
        case "server":
            node = lab.topology.node(target.name)
            gear, label = "break", VERBS[target.verb]
            before = f"At “{node.label}” press"
        case "link":
            named = lab.topology.link(target.name)
            ends = [lab.topology.node(name).label for name in (named.source, named.target)]
            gear, label = "break", VERBS[target.verb]
            before = f"At “{' – '.join(ends)}” press"
            if "delay_ms" in target.fields:
                before = (
                    f"At “{' – '.join(ends)}” type {target.fields['delay_ms']:g} ms, then press"
                )
        case "step":
            gear, label = "step", STEPS[target.verb]
            words: dict[str, str] = {request.function: request.label for request in lab.requests}
            chosen = []
            if "function" in target.fields:
                chosen.append(f"choose “{words[str(target.fields['function'])]}”")
            if "key" in target.fields:
                chosen.append(f"set “{lab.item}” to {target.fields['key']:g}")
            before = _sentence([*chosen, "then press"] if chosen else ["press"])
        case "prediction":
            asked = lab.find_prediction(target.name).question.rpartition(". ")[2]
            label = COMMIT
            before = f"Under “Predict, then measure” answer “{asked}”, then press"
        case "console":
            node = lab.topology.node(target.name)
            label = str(target.fields["command"])
            before, after = f"In the console of “{node.label}” type", " and press Enter"
    shown = f"{after}." if before else ""
    return Use(target.key, gear, label, before, shown, dict(target.fields))


def _with_fields(action: Action, given: Mapping[str, Value]) -> str:
    """What to do before the label of a button: what stays in its fields, and what is changed."""
    known = {asked.name: asked for asked in action.fields}
    if missing := sorted(set(given) - set(known)):
        raise BadInput(f"The action {action.name} has no field {missing[0]}.")
    places, kept, changed = [], [], []
    for name, value in given.items():
        field, parsed = known[name], known[name].parse(value)
        if isinstance(field, Choice) and field.where:
            places.append(field.where.format(field.show(parsed)))
        elif parsed == field.default:
            kept.append(f"“{field.label}” at {_value(field, value)}")
        else:
            changed.append(f"“{field.label}” to {_value(field, value)}")
    stays = [f"with {_listed(kept)}"] if kept else []
    does = f"set {_listed(changed)}, then press" if changed else "press"
    return _sentence([*places, *stays, does])


def _value(control: Control, value: Value) -> str:
    """A value as a sentence has it: words between quotes, a number with its unit."""
    shown = control.show(control.parse(value))
    return shown if isinstance(control, Number) else f"“{shown}”"


def _sentence(parts: list[str]) -> str:
    """The beginning of a sentence, of these parts."""
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def goals(lab: Lab) -> list[Check]:
    """For each step of the lab's guide the check of the lab that it leads to: its own, or that of
    the next step that has one.
    """
    found: list[Check] = []
    for one in reversed(lab.guide):
        own = one.until is not None and one.until in lab.checks
        found.append(one.until if own and one.until else found[-1])
    return found[::-1]
