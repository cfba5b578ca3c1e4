"""A guide: the steps, in order, that lead a learner to every check of a lab.

Data only. A step names its control by what it is in the lab, never by a label: the page, and the
test that follows the guide, take the label from the lab's own definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from labs.errors import BadInput
from labs.events import Value
from labs.lab.check import Check

if TYPE_CHECKING:
    from labs.lab.lab import Lab

Kind = Literal["action", "setting", "load", "server", "link", "step", "prediction", "console", ""]
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
class Target:
    """What a step asks the learner to use: a control of the bench, or nothing (`kind` is empty)."""

    kind: Kind = ""
    name: str = ""
    verb: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict, hash=False)
    """What to fill in: the fields of an action or of a stepped request, the value of a setting."""

    @property
    def key(self) -> str:
        """Its name on the page: the control has it as `data-use`. Empty for nothing."""
        return ":".join(part for part in (self.kind, self.name, self.verb) if part)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. It is done when `until` is met; without one, when what it names was done.

    `until` is one of the lab's checks, or another one that only the guide asks: what must be so
    before the next step makes sense.
    """

    do: str
    """What to do: an imperative of at most ten words."""
    use: Target
    why: str
    """Why it mattered: one sentence, which the page shows when the step is done."""
    until: Check | None = None
    how: str = ""
    """More about how, where the control alone does not say it: one sentence."""


Guide = tuple[Step, ...]


def press(action: str, **fields: Value) -> Target:
    """The button of one of the lab's actions, with these fields filled in first."""
    return Target("action", action, fields=fields)


def choose(setting: str, value: Value) -> Target:
    """A control of the lab, set to this value."""
    return Target("setting", setting, fields={"value": value})


def load(verb: Literal["start", "stop"]) -> Target:
    """The button that starts or stops the load."""
    return Target("load", verb=verb)


def server(name: str, verb: Literal["kill", "pause", "resume", "restart"]) -> Target:
    """A button of a server, in the tab Break."""
    return Target("server", name, verb)


def link(name: str, verb: Literal["slow", "cut", "restore"], **fields: Value) -> Target:
    """A button of a link, in the tab Break; `delay_ms` may be filled in."""
    return Target("link", name, verb, fields)


def step(verb: Literal["start", "next", "finish"], **fields: Value) -> Target:
    """A button of the request in slow motion; `function` (read or write) and `key` may be given."""
    return Target("step", verb=verb, fields=fields)


def predict(prediction: str) -> Target:
    """A prediction: write the guess down, then measure."""
    return Target("prediction", prediction)


def console(name: str, command: str) -> Target:
    """A server's console, and the command to type there. Such a step needs `until`."""
    return Target("console", name, fields={"command": command})


WATCH = Target()
"""Nothing to press: the step is done when its check is met."""


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
