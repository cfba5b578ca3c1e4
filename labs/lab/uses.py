"""The steps of a guide in the words of their lab: each control's label, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labs.errors import BadInput
from labs.events import Value
from labs.lab.check import Check
from labs.lab.guide import Target
from labs.lab.lab import Lab

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
            known = {asked.name: asked for asked in action.fields}
            if missing := sorted(set(target.fields) - set(known)):
                raise BadInput(f"The action {action.name} has no field {missing[0]}.")
            given = [
                f"{known[name].label} {known[name].show(known[name].parse(value))}"
                for name, value in target.fields.items()
            ]
            gear, label = action.gear, action.label
            before = f"Set {_listed(given)}, then press" if given else "Press"
        case "setting":
            control = lab.find_control(target.name)
            gear = "" if control.gear == "all" else control.gear
            label = control.label
            before, after = "Set", f" to {control.show(control.parse(target.fields['value']))}"
        case "load":
            gear, label, before = "load", LOAD[target.verb], "Press"
        case "server":
            node = lab.topology.node(target.name)
            gear, label = "break", VERBS[target.verb]
            before = f"At {node.label}, press"
        case "link":
            named = lab.topology.link(target.name)
            ends = [lab.topology.node(name).label for name in (named.source, named.target)]
            gear, label = "break", VERBS[target.verb]
            before = f"At {' – '.join(ends)}, press"
            if "delay_ms" in target.fields:
                before = f"At {' – '.join(ends)}, type {target.fields['delay_ms']:g} ms, then press"
        case "step":
            gear, label, before = "step", STEPS[target.verb], "Press"
            words: dict[str, str] = {request.function: request.label for request in lab.requests}
            chosen = [words[str(target.fields["function"])]] if "function" in target.fields else []
            if "key" in target.fields:
                chosen.append(f"{lab.item} {target.fields['key']:g}")
            if chosen:
                before = f"Choose {_listed(chosen)}, then press"
        case "prediction":
            lab.find_prediction(target.name)
            label, before = COMMIT, "Write down your guess, then press"
        case "console":
            node = lab.topology.node(target.name)
            label = str(target.fields["command"])
            before, after = f"In the console of {node.label}, type", " and press Enter"
    shown = f"{after}." if before else ""
    return Use(target.key, gear, label, before, shown, dict(target.fields))


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
