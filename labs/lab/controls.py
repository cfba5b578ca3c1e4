"""Controls: what a learner can set, checked by the one who defines it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from labs.errors import BadInput
from labs.events import Value
from labs.lab.numbers import number_from

Gear = Literal["step", "load", "break"]
GEARS: tuple[Gear, ...] = get_args(Gear)
ActionPlace = Gear | Literal["view"]
"""Where an action stands on the page: in one gear, or in the lab's own view."""
ACTION_PLACES: tuple[str, ...] = (*GEARS, "view")
Place = ActionPlace | Literal["all"]
"""Where a control stands on the page: where an action can, or under all gears."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A control with named values: `options` are (value, label). `formerly` are values that were
    renamed, (old, new): an old address still means the same. A field that the page does not ask
    for, because each value has a button of its own, says with `where` in which place that is.
    """

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    default: str
    gear: Place = "all"
    help: str = ""
    formerly: tuple[tuple[str, str], ...] = ()
    where: str = ""
    """“In {} browser”, with the label of a value in place of {}."""

    def parse(self, raw: object) -> str:
        """The value that `raw` means; BadInput names what would be right."""
        if isinstance(raw, str):
            value = dict(self.formerly).get(raw, raw)
            if value in dict(self.options):
                return value
        raise BadInput(
            f"{self.label} cannot be “{str(raw)[:40]}”.",
            hint="It is one of " + ", ".join(v for v, _ in self.options) + ".",
        )

    def show(self, value: Value) -> str:
        """The value as a reader sees it."""
        return dict(self.options).get(str(value), str(value))


@dataclass(frozen=True, slots=True)
class Number:
    """A control on a scale, from `minimum` to `maximum`, both allowed."""

    name: str
    label: str
    minimum: float
    maximum: float
    step: float
    default: float
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    gear: Place = "all"
    help: str = ""

    def parse(self, raw: object) -> float:
        """The number that `raw` means; BadInput says what would be right."""
        return number_from(
            raw,
            what=self.label,
            units=(self.unit,),
            minimum=self.minimum,
            maximum=self.maximum,
        )

    def show(self, value: Value) -> str:
        """The value as a reader sees it: “20 s”, “4,000/s”. static/js/controls.js says the same."""
        if not isinstance(value, (int, float)):
            return str(value)
        number = f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
        return number + (" " if self.unit and not self.unit.startswith("/") else "") + self.unit


@dataclass(frozen=True, slots=True)
class Text:
    """A control that holds a short text of a given form: `pattern` is a regular expression, `form`
    says it in words.
    """

    name: str
    label: str
    pattern: str
    form: str
    default: str = ""
    gear: Place = "all"
    help: str = ""

    def parse(self, raw: object) -> str:
        """The text, or BadInput with the form that it should have."""
        if isinstance(raw, str) and len(raw) <= 200 and re.fullmatch(self.pattern, raw):
            return raw
        raise BadInput(f"{self.label} cannot be {str(raw)[:40]!r}.", hint=self.form)

    def show(self, value: Value) -> str:
        """The value as a reader sees it."""
        return str(value)


Control = Choice | Number | Text
