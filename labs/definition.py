"""What a lab is: data (topology, controls, predictions, charts) plus a few functions (actions,
checks, the reference run).

A lab is one folder under labs/catalogue that exports `LAB`. Nothing else has to be touched: it is
listed, drawn, run headless and tested from this. Knows no web and starts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from labs.engines.registry import Kind, registry
from labs.errors import BadInput
from labs.events import CheckStatus, Sense, Value

if TYPE_CHECKING:
    from labs.load.orders import AnyOrders
    from labs.sandbox.sandbox import Sandbox

Gear = Literal["step", "load", "break"]
GEARS: tuple[Gear, ...] = get_args(Gear)
Place = Gear | Literal["all", "view"]
"""Where a control stands on the page: in one gear, under all of them, or in the lab's own view."""


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the drawing: the application, an endpoint, or a server.

    `engine` is the name of a kind in labs.engines.registry.
    `engine_setting` names the control that picks its engine, `options` go to the engine's
    configuration; `options_of` makes those that follow from the settings. Servers of one `zone` are
    drawn as one place. A server that `waits` is not started with the sandbox: an action does that
    (`Sandbox.add`).
    """

    name: str
    label: str
    engine: str
    engine_setting: str = ""
    about: str = ""
    zone: str = ""
    waits: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    options_of: Callable[[Mapping[str, Value]], Mapping[str, Any]] | None = None

    @property
    def kind(self) -> Kind:
        """What stands there. Raises UnknownKind if there is no such engine."""
        return registry[self.engine]

    @property
    def has_console(self) -> bool:
        """True if a learner can type commands to it."""
        return bool(self.kind.console)


@dataclass(frozen=True, slots=True)
class Link:
    """What lies between two nodes; it can be slowed, cut and restored.

    A source finds its target at the link's near end, an address of its own.
    """

    name: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Topology:
    """The nodes in drawing order (application first) and the links between them."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    @property
    def servers(self) -> tuple[Node, ...]:
        """The nodes that are real servers."""
        return tuple(node for node in self.nodes if node.kind.is_server)

    def of_engine(self, engine: str) -> tuple[Node, ...]:
        """The nodes of this engine, in drawing order."""
        return tuple(node for node in self.nodes if node.engine == engine)

    def links_to(self, target: str) -> tuple[Link, ...]:
        """The links that lead to a node."""
        return tuple(link for link in self.links if link.target == target)

    def node(self, name: str) -> Node:
        """The node of this name, or BadInput."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise BadInput(
            f"No server here is called {name[:40]!r}.",
            hint="There are " + ", ".join(n.name for n in self.servers) + ".",
        )

    def link(self, name: str) -> Link:
        """The link of this name, or BadInput."""
        for link in self.links:
            if link.name == name:
                return link
        raise BadInput(
            f"No link here is called {name[:40]!r}.",
            hint="There are " + ", ".join(part.name for part in self.links) + ".",
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """A control with named values: `options` are (value, label)."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    default: str
    gear: Place = "all"
    help: str = ""

    def parse(self, raw: object) -> str:
        """The value that `raw` means; BadInput names what would be right."""
        if isinstance(raw, str) and raw in dict(self.options):
            return raw
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
        """The number that `raw` means; BadInput names the range."""
        try:
            value = (
                float(raw)
                if isinstance(raw, (str, int, float)) and not isinstance(raw, bool)
                else float("nan")
            )
        except ValueError:
            value = float("nan")
        if self.minimum <= value <= self.maximum:
            return value
        raise BadInput(
            f"{self.label} cannot be “{str(raw)[:40]}”.",
            hint=f"It is a number from {self.minimum:g} to "
            f"{self.maximum:g}{' ' + self.unit if self.unit else ''}.",
        )

    def show(self, value: Value) -> str:
        """The value as a reader sees it."""
        return (
            f"{value:g}" + (f" {self.unit}" if self.unit else "")
            if isinstance(value, (int, float))
            else str(value)
        )


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


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the learner does on the bench; `run` returns the sentence that says what
    happened, within `deadline_s`.

    `fields` are asked for beside the button. `here` and `aws` say what stands in for what, where
    something of AWS is imitated.
    """

    name: str
    label: str
    gear: Gear | Literal["view"]
    run: Callable[..., str]
    fields: tuple[Control, ...] = ()
    primary: bool = False
    fault: bool = False
    here: str = ""
    aws: str = ""
    deadline_s: float = 12.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """A question that the learner answers before it is measured; `measure` runs the experiment in
    the learner's own sandbox.

    With `options` the answer is one of them, else a number in `unit`. A number within `tolerance`
    times the measured value (from repeated runs: labs.tolerances) or within `slack`, what a good
    guess may be off, counts as right; the wider of the two.
    """

    name: str
    question: str
    measure: Callable[[Sandbox], Value]
    unit: str = ""
    unit_of_one: str = ""
    options: tuple[tuple[str, str], ...] = ()
    tolerance: float = 0.0
    slack: float = 0.0
    decimals: int = 0
    why: str = ""

    def parse(self, raw: object) -> Value:
        """The learner's answer as a value; BadInput says what would be one."""
        if self.options:
            if isinstance(raw, str) and raw in dict(self.options):
                return raw
            raise BadInput("Choose one of the answers.")
        try:
            value = (
                float(raw)
                if isinstance(raw, (str, int, float)) and not isinstance(raw, bool)
                else float("nan")
            )
        except ValueError:
            value = float("nan")
        if value != value or abs(value) > 1e12:
            raise BadInput(
                "Your prediction is a number.",
                hint=f"For example 10{' ' + self.unit if self.unit else ''}.",
            )
        return value

    def show(self, value: Value) -> str:
        """The value as a reader sees it, with its unit."""
        if self.options:
            return dict(self.options).get(str(value), str(value))
        number = f"{float(value):.{self.decimals}f}"
        unit = self.unit_of_one if self.unit_of_one and float(number) == 1 else self.unit
        return number + (f" {unit}" if unit else "")

    def holds(self, predicted: Value, measured: Value) -> bool:
        """True if the prediction is as good as the measurement's own spread allows."""
        if self.options or isinstance(measured, str) or isinstance(predicted, str):
            return str(predicted) == str(measured)
        return abs(float(predicted) - float(measured)) <= max(
            self.slack, abs(float(measured)) * self.tolerance
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: its status, a sentence, and the counters that prove it (name to value,
    before and after).
    """

    status: CheckStatus
    message: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A claim about the sandbox.

    `judge` only reads; it is asked again after every event that matters.
    """

    name: str
    claim: str
    judge: Callable[[Sandbox], Verdict]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of one or more metrics with one unit (names of labs.measure.metrics)."""

    title: str
    metrics: tuple[str, ...]
    scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its unit stands in its head; a number has so many decimals."""

    name: str
    label: str
    unit: str = ""
    decimals: int = 0
    sense: Sense = "none"
    help: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What a lab found, in rows: shown, sorted and exported on the page.

    `Sandbox.tabulate` fills it; `empty` says how.

    One that is not `shown` is drawn by the lab's own view.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    empty: str = "Nothing has been measured yet."
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Steppable:
    """What a step can run: a strategy's `read` or `write`, what the learner calls it, and what
    stands over its text.
    """

    function: Literal["read", "write"]
    label: str
    heading: str


REQUESTS = (
    Steppable("read", "Read", "The code that runs"),
    Steppable("write", "Write", "When it writes"),
)


@dataclass(frozen=True, slots=True)
class Strategy:
    """A caching strategy as the learner reads it: `read(shop, cache, item, ttl_s)` and, where it
    has one, `write(shop, cache, item, price, ttl_s)`.

    With `expires` false it is handed 0 for the time to live: what it stores stays until it is
    pushed out.
    """

    name: str
    label: str
    read: Callable[..., object]
    write: Callable[..., object] | None = None
    expires: bool = True

    def ttl_s(self, settings: Mapping[str, Value]) -> float:
        """How long what it stores lives: the lab's control `ttl_s`, unless `expires` is off here or
        there; then 0.
        """
        return (
            float(settings.get("ttl_s", 60))
            if self.expires and settings.get("expires", "on") == "on"
            else 0.0
        )


@dataclass(frozen=True, slots=True)
class WrongSolution:
    """A sabotaged lab that must be caught at `caught_at`: strategies that lie, forget or never
    store, servers that are set up wrongly.
    """

    name: str
    about: str
    caught_at: str
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    directives: Mapping[str, str] = field(default_factory=dict)
    """Lines of redis.conf that hold in every Redis of the lab, whatever its settings say."""
    sabotage: Callable[[Sandbox], None] | None = None
    """What is done to the servers as soon as the sandbox is open."""


def _no_strategy(_settings: Mapping[str, Value]) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Lab:
    """One experiment, whole."""

    id: str
    title: str
    question: str
    about: str
    minutes: int
    topology: Topology
    controls: tuple[Control, ...]
    actions: tuple[Action, ...]
    checks: tuple[Check, ...]
    charts: tuple[Chart, ...]
    tiles: tuple[str, ...]
    reference: Callable[[Sandbox], None]
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    """Empty where the lab is about servers and not about the application's code: nothing is stepped
    there, and its page shows no code.
    """
    pick_strategy: Callable[[Mapping[str, Value]], str] = _no_strategy
    gears: tuple[Gear, ...] = GEARS
    orders: Callable[[Sandbox, int, int], AnyOrders] | None = None
    """What the n-th of so many clients of the load is told, where they are not those of the shop.
    """
    readings: Callable[[Sandbox, Mapping[str, float]], dict[str, float]] | None = None
    """Readings of the lab's own, made of the servers and of what was read already; they hold where
    those have the same name.
    """
    tables: tuple[Table, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    wrong: tuple[WrongSolution, ...] = ()
    prepare: Callable[[Sandbox], None] | None = None
    changed: Callable[[Sandbox, str], None] | None = None
    """Called with a control's name after it was set."""
    served: Callable[[Sandbox, str, str], None] | None = None
    """Called with a server's name and the verb after it was killed, paused, resumed or restarted.
    """
    writes_to: str = ""
    """The server that numbered writes go to, in place of an application's requests
    (labs.sandbox.writer): in slow motion, and as the load.
    """
    seconds: int = 15
    requests: tuple[Steppable, ...] = REQUESTS
    item: str = "Item"
    """What a stepped request is asked for; empty if it asks for nothing."""

    def __post_init__(self) -> None:
        """Raises UnknownKind for an engine that is not in the registry."""
        for node in self.topology.nodes:
            chosen = (c for c in self.controls if c.name == node.engine_setting)
            options = (c.options for c in chosen if isinstance(c, Choice))
            for name in (node.engine, *(value for some in options for value, _ in some)):
                registry[name]

    def control(self, name: str) -> Control:
        """The control of this name, or BadInput."""
        return _named(self.controls, name, "control")

    def action(self, name: str) -> Action:
        """The action of this name, or BadInput."""
        return _named(self.actions, name, "action")

    def prediction(self, name: str) -> Prediction:
        """The prediction of this name, or BadInput."""
        return _named(self.predictions, name, "prediction")

    def table(self, name: str) -> Table:
        """The table of this name, or BadInput."""
        return _named(self.tables, name, "table")

    def settings(self, given: Mapping[str, object] | None = None) -> dict[str, Value]:
        """Every control's value: what was given, else its default.

        An unknown name or a bad value raises BadInput.
        """
        given = dict(given or {})
        values: dict[str, Value] = {
            c.name: c.parse(given.pop(c.name)) if c.name in given else c.default
            for c in self.controls
        }
        if given:
            unknown = sorted(given)[0]
            raise BadInput(
                f"The lab {self.id} has no setting {unknown[:40]!r}.",
                hint="Its settings are " + ", ".join(values) + ".",
            )
        return values


_Named = TypeVar("_Named", Choice | Number | Text, Action, Prediction, Table)


def _named(things: tuple[_Named, ...], name: str, what: str) -> _Named:
    for thing in things:
        if thing.name == name:
            return thing
    raise BadInput(
        f"This lab has no {what} {name[:40]!r}.",
        hint="It has " + ", ".join(t.name for t in things) + ".",
    )
