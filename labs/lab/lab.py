"""What a lab is: data (topology, controls, charts) plus a few decorated functions (actions, checks,
predictions, the reference run). Knows no web and starts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from labs.engines.registry import registry
from labs.errors import BadInput
from labs.events import Value
from labs.lab import ending, evidence, tolerances
from labs.lab.check import Check, about_of, check, name_of
from labs.lab.controls import (
    ACTION_PLACES,
    GEARS,
    ActionPlace,
    Choice,
    Control,
    Gear,
    Number,
    Text,
)
from labs.lab.guide import Guide
from labs.lab.predictions import Prediction
from labs.lab.strategy import REQUESTS, Steppable, Strategy
from labs.lab.topology import Node, Topology
from labs.lab.verdict import Verdict
from labs.lab.views import Chart, Table

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the learner does on the bench; `run` returns the sentence that says what
    happened, within `deadline_s`.

    `fields` are asked for next to the button. `here` and `aws` say what stands in for what, where
    something of AWS is imitated. One that `measures` has the sandbox to itself, as a prediction's
    experiment has. One that `empties` leaves an empty cache, and has no fields: a lesson that sets
    the bench up runs it.
    """

    name: str
    label: str
    gear: ActionPlace
    run: Callable[..., str]
    fields: tuple[Control, ...] = ()
    primary: bool = False
    fault: bool = False
    here: str = ""
    aws: str = ""
    deadline_s: float = 12.0
    measures: bool = False
    empties: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a place that no page draws."""
        if self.gear not in ACTION_PLACES:
            raise ValueError(
                f"The action {self.name} stands in {self.gear!r}, which no page draws. An "
                f"action stands in one of {', '.join(ACTION_PLACES)}."
            )


@dataclass(frozen=True, slots=True)
class Mutant:
    """The lab with a mistake in it, which the check `caught_by` must catch: strategies that lie,
    forget or never store, servers that are set up wrongly.
    """

    name: str
    about: str
    caught_by: Check
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    directives: Mapping[str, str] = field(default_factory=dict)
    """Lines of redis.conf that hold in every Redis of the lab, whatever its settings ask for."""
    parts: tuple[Callable[[Any], Any], ...] = ()
    """What makes the parts of a sandbox, in place of the lab's own."""
    mutate: Callable[[Any], None] | None = None
    """What is done to the servers as soon as the sandbox is open."""


def mutant(caught_by: Check) -> Callable[[Callable[[Any], None]], Mutant]:
    """Makes a mutant of the function below it, which gets the sandbox as soon as it is open. The
    mutant has the function's name, with hyphens, and does what its docstring says.
    """
    return lambda function: Mutant(
        name_of(function), about_of(function), caught_by, mutate=function
    )


def _no_strategy(_settings: Mapping[str, Value]) -> str:
    return ""


def _no_reference(_sandbox: object) -> None:
    raise BadInput("This lab has no reference run.")


@dataclass(eq=False, kw_only=True)
class Lab:
    """One experiment, whole. Its module defines it as `lab` and adds to it with decorators:

        lab = Lab(id="my-lab", title=…, topology=…)

        @lab.check("The first read is a miss")
        def first_read_misses(sandbox): ...

    The name of a check, action or prediction is its function's, with hyphens. Functions are handed
    the open sandbox (labs.sandbox.sandbox.Sandbox).
    """

    id: str
    title: str
    question: str
    about: str
    minutes: int
    topology: Topology
    parts: tuple[Callable[[Any], Any], ...] = ()
    """What makes each part of a sandbox (labs.sandbox.part), in the order in which they are called.
    """
    controls: tuple[Control, ...] = ()
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    """Empty where the lab is about servers and not about the application's code: nothing is stepped
    there, and its page shows no code.
    """
    pick_strategy: Callable[[Mapping[str, Value]], str] = _no_strategy
    gears: tuple[Gear, ...] = GEARS
    charts: tuple[Chart, ...] = ()
    tiles: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    requests: tuple[Steppable, ...] = REQUESTS
    view: str = ""
    """The heading of the lab's own view, in which its actions and controls of that place stand."""
    item: str = "Item"
    """What a stepped request is asked for; empty if it asks for nothing."""
    actions: tuple[Action, ...] = ()
    checks: tuple[Check, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    guide: Guide = ()
    """The steps that lead to every check; set after the actions, which they name."""
    counted: Mapping[str, evidence.Counted] = field(default_factory=dict)
    """What each value of the checks' evidence is called, from the lab's evidence.toml."""
    ending: ending.Ending = field(default_factory=ending.Ending)
    """What stays of the lab, from its end.toml."""
    mutants: tuple[Mutant, ...] = ()
    run_reference: Callable[[Any], None] = _no_reference
    on_prepare: Callable[[Any], None] | None = None
    on_open: tuple[Callable[[Any], None], ...] = ()
    on_setting: Callable[[Any, str], None] | None = None
    on_server: Callable[[Any, str, str], None] | None = None
    on_readings: Callable[[Any, Mapping[str, float]], dict[str, float]] | None = None

    def __post_init__(self) -> None:
        """Raises UnknownKind for an engine that is not in the registry."""
        for node in self.topology.nodes:
            chosen = (c for c in self.controls if c.name == node.engine_setting)
            options = (c.options for c in chosen if isinstance(c, Choice))
            for name in (node.engine, *(value for some in options for value, _ in some)):
                registry[name]

    def action(
        self,
        label: str,
        *,
        gear: ActionPlace,
        fields: tuple[Control, ...] = (),
        primary: bool = False,
        fault: bool = False,
        here: str = "",
        aws: str = "",
        deadline_s: float = 12.0,
        measures: bool = False,
        empties: bool = False,
    ) -> Callable[[Function], Function]:
        """A button with this label. The function gets the sandbox and the values of `fields`, and
        returns the sentence that says what happened.
        """

        def add(function: Function) -> Function:
            self.actions += (
                Action(
                    name_of(function),
                    label,
                    gear,
                    function,
                    fields,
                    primary,
                    fault,
                    here,
                    aws,
                    deadline_s,
                    measures,
                    empties,
                ),
            )
            return function

        return add

    def check(self, claim: str) -> Callable[[Callable[[Any], Verdict]], Check]:
        """One more check, made of the function below it as `labs.lab.check` does."""

        def add(function: Callable[[Any], Verdict]) -> Check:
            made = check(claim)(function)
            self.checks += (made,)
            return made

        return add

    def prediction(
        self,
        question: str,
        *,
        unit: str = "",
        unit_of_one: str = "",
        options: tuple[tuple[str, str], ...] = (),
        slack: float = 0.0,
        decimals: int = 0,
        why: str = "",
    ) -> Callable[[Function], Function]:
        """A question whose answer the function measures in the learner's sandbox. Its tolerance is
        in the lab's tolerances.toml.
        """

        def add(function: Function) -> Function:
            self.predictions += (
                Prediction(
                    name_of(function),
                    question,
                    function,
                    unit,
                    unit_of_one,
                    options,
                    slack=slack,
                    decimals=decimals,
                    why=why,
                ),
            )
            return function

        return add

    def reference(self, function: Function) -> Function:
        """The run that meets every check, and measures what the lessons quote."""
        self.run_reference = function
        return function

    def prepare(self, function: Function) -> Function:
        """Called when the sandbox was opened and after every reset."""
        self.on_prepare = function
        return function

    def setting_changed(self, function: Function) -> Function:
        """Called with a control's name after it was set."""
        self.on_setting = function
        return function

    def server_changed(self, function: Function) -> Function:
        """Called with a server's name and the verb after it was killed, paused, resumed or
        restarted.
        """
        self.on_server = function
        return function

    def readings(self, function: Function) -> Function:
        """Called with what was read of the servers and parts; returns readings of the lab's own,
        which replace those of the same name.
        """
        self.on_readings = function
        return function

    def load_files(self, folder: Path) -> None:
        """Take from the lab's folder how near predictions come, what evidence is called, and what
        stays of the lab.
        """
        self.counted = evidence.of(folder)
        self.ending = ending.of(folder)
        found = tolerances.of(folder)
        self.predictions = tuple(
            replace(prediction, tolerance=found.get(prediction.name, prediction.tolerance))
            for prediction in self.predictions
        )

    def find_control(self, name: str) -> Control:
        """The control of this name, or BadInput."""
        return _named(self.controls, name, "control")

    def find_action(self, name: str) -> Action:
        """The action of this name, or BadInput."""
        return _named(self.actions, name, "action")

    def find_prediction(self, name: str) -> Prediction:
        """The prediction of this name, or BadInput."""
        return _named(self.predictions, name, "prediction")

    def find_table(self, name: str) -> Table:
        """The table of this name, or BadInput."""
        return _named(self.tables, name, "table")

    def strategy(self, settings: Mapping[str, Value]) -> Strategy:
        """The strategy that these settings pick."""
        return self.strategies[self.pick_strategy(settings)]

    def mutated(self, name: str) -> Lab:
        """The lab with one of its mutants in place: other strategies, other directives in every
        Redis, an action on the servers once they are up. BadInput if it has no such mutant.
        """
        mutant = _named(self.mutants, name, "mutant")
        nodes = tuple(_with_directives(node, mutant.directives) for node in self.topology.nodes)
        return replace(
            self,
            strategies={**self.strategies, **mutant.strategies},
            topology=replace(self.topology, nodes=nodes),
            parts=mutant.parts or self.parts,
            on_open=(*self.on_open, *([mutant.mutate] if mutant.mutate else [])),
        )

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


_Named = TypeVar("_Named", Choice | Number | Text, Action, Prediction, Table, Mutant)


def _named(things: tuple[_Named, ...], name: str, what: str) -> _Named:
    for thing in things:
        if thing.name == name:
            return thing
    raise BadInput(
        f"This lab has no {what} {name[:40]!r}.",
        hint="It has " + ", ".join(t.name for t in things) + ".",
    )


def _with_directives(node: Node, directives: Mapping[str, str]) -> Node:
    """The node with these lines of redis.conf, whatever its own options ask for."""
    if not directives or node.engine != "redis":
        return node

    def options(settings: Mapping[str, Value]) -> Mapping[str, Any]:
        own = {**node.options, **(node.options_of(settings) if node.options_of else {})}
        return {**own, "directives": {**own.get("directives", {}), **directives}}

    return replace(node, options_of=options)
