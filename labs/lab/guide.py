"""A guide: the steps, in order, that lead a learner to every check of a lab.

Data only. A step names its control by what it is in the lab, never by a label: the page, and the
test that follows the guide, take the label from the lab's own definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labs.events import Value
from labs.lab.check import Check

Kind = Literal["action", "setting", "load", "server", "link", "step", "prediction", "console", ""]


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
