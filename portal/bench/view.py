"""What a bench shows: a lab, the learner's sandbox of it if there is one, and everything drawn from
the two.

Reads; changes nothing. A bench has a phase: none, taken (a bench of another lab is open), queued,
opening, open, ended, away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from labs.client import METRICS, Metric, SandboxInfo
from labs.errors import BadInput
from labs.events import Value
from labs.lab import (
    Action,
    Chart,
    Choice,
    Control,
    Lab,
    Link,
    Node,
    Steppable,
    Topology,
    actions_of,
    controls_of,
    engine_controls,
    goals,
    has_shop,
    main_actions,
    main_fault,
    rows_of,
    shared_fields,
    steppable,
)
from portal import drawing
from portal.bench.listing import Listing, listings
from portal.bench.scale import Scale, scale_of
from portal.bench.values import plain
from portal.bench.words import in_words
from portal.web.guide import GuideStep, guide_of
from portal.web.history import Proof

Phase = Literal["none", "taken", "queued", "opening", "open", "ended", "away"]
Gear = Literal["step", "load", "break"]
DRAWN = (
    *("servers", "links", "settings", "flows", "keys", "roles", "endpoints", "figures"),
    *("consoles", "tilts", "measuring"),
)
PROMPT_LENGTH = 24
"""Characters that a console's prompt shows after the server's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that the bench's template shows."""

    lab: Lab
    phase: Phase
    settings: dict[str, Value]
    gear: Gear = "step"
    projector: bool = False
    info: SandboxInfo | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    wanted: Mapping[str, Value] = field(default_factory=dict)
    problem: str = ""
    hint: str = ""
    other: Lab | None = None
    starting: Mapping[str, str] = field(default_factory=dict)
    turns: tuple[dict[str, Any], ...] = ()
    met_before: Mapping[str, Proof] = field(default_factory=dict)
    before: Mapping[str, Value] = field(default_factory=dict)
    """What the settings were that a lesson has just changed."""
    done: Sequence[str] = ()
    """What else was done to set the bench up for a lesson, each as a part of a sentence."""
    tab: str | None = None
    """The tab in which a lesson has just asked for it; empty if it leaves that to the guide."""

    @property
    def sandbox(self) -> str:
        """The sandbox's id, empty if there is none."""
        return self.info.id if self.info else ""

    @property
    def place(self) -> int:
        """Its place in the queue, from 1; 0 if it is in none."""
        return max(self.info.position, 1) if self.info and self.phase == "queued" else 0

    @property
    def topology(self) -> Topology:
        """The servers and links as they are now; the lab's unless its sandbox has others."""
        return topology_of(self.lab, self.state)

    @property
    def has_shop(self) -> bool:
        """True if the lab has a shop, whose customers' phones can be looked at."""
        return has_shop(self.lab)

    @property
    def phones(self) -> dict[str, Mapping[str, Any]]:
        """What each phone of the shop shows, by its name."""
        rows = self.state.get("tables", {}).get("phones", [])
        return {str(row.get("phone")): row for row in rows}

    @property
    def untouched(self) -> bool:
        """True if it shows nothing of a learner: not open, no other settings, no check met."""
        return (
            self.phase == "none"
            and not self.projector
            and not self.met_before
            and self.gear == self.lab.gears[0]
            and not self.query
        )

    @property
    def wide(self) -> drawing.Drawing | drawing.Group:
        """The drawing for a wide bench, or for a wall."""
        return drawing.flat(self.topology) if self.projector else drawing.wide(self.topology)

    @property
    def narrow(self) -> drawing.Drawing | drawing.Group:
        """The drawing for a phone."""
        return drawing.narrow(self.topology)

    @property
    def drawn(self) -> dict[str, Any]:
        """What the drawing's script needs of the state: static/js/sandbox-state.js."""
        timeline = self.state.get("timeline", [])
        said = [entry for entry in timeline if entry["type"] == "sentinel-said"]
        elected = [entry["sentinel"] for entry in said if entry["event"] == "+elected-leader"]
        return {
            **{name: self.state.get(name, {}) for name in DRAWN},
            "loading": self.state.get("load", {}).get("running", False),
            "failing": self.state.get("load", {}).get("failing", {}),
            "sentinels": {
                entry["sentinel"]: {"event": entry["event"], "words": entry["words"]}
                for entry in said
            },
            "leader": elected[-1] if elected else "",
        }

    @property
    def measuring_actions(self) -> dict[str, str]:
        """The labels of the actions that have the servers to themselves, by name."""
        return {action.name: action.label for action in self.lab.actions if action.measures}

    @property
    def breakable_links(self) -> list[Link]:
        """The links that may be slowed and cut one by one: an endpoint, as a name, has none."""
        names = {node.name for node in self.topology.of_engine("endpoint")}
        return [link for link in self.topology.links if link.target not in names]

    @property
    def listings(self) -> list[Listing]:
        """The functions of the strategy that a step runs, else of that which the settings pick."""
        step = self.state.get("step", {})
        running = step.get("strategy") if step.get("running") else None
        name = running or self.lab.pick_strategy(self.settings)
        order: list[str] = [request.function for request in self.lab.requests]
        found = [listing for listing in listings(self.lab) if listing.strategy == name]
        return sorted(found, key=lambda listing: order.index(listing.name))

    @property
    def requests(self) -> list[Steppable]:
        """What a step can run: read where the lab has strategies, write where one has it."""
        return steppable(self.lab)

    @property
    def headings(self) -> dict[str, str]:
        """What stands over the text of each function."""
        return {request.function: request.heading for request in self.lab.requests}

    @property
    def tiles(self) -> list[Metric]:
        """The metrics shown as numbers."""
        return [METRICS[name] for name in self.lab.tiles]

    @property
    def engine_controls(self) -> list[Choice]:
        """The choices that pick an engine; they stand last in the fold."""
        return engine_controls(self.lab)

    def controls(self, gear: str) -> list[Control]:
        """The other controls of a gear; `all` are those that every gear has."""
        return controls_of(self.lab, gear)

    def actions(self, gear: Gear) -> list[Action]:
        """The lab's own actions of a gear."""
        return actions_of(self.lab, gear)

    def main_actions(self, gear: Gear) -> list[Action]:
        """The actions in the row under the drawing."""
        return main_actions(self.lab, gear)

    @property
    def main_fault(self) -> Node | None:
        """The server whose faults stand in that row, if any."""
        return main_fault(self.lab, self.topology)

    @property
    def shared_controls(self) -> list[Control]:
        """The controls of every gear, the engine last."""
        return [*self.controls("all"), *self.engine_controls]

    def folded(self, gear: Gear) -> list[str]:
        """What stands in the fold under that row, by its labels; empty if nothing does."""
        main = self.main_actions(gear)
        labels = [action.label for action in self.actions(gear) if action not in main]
        labels += [control.label for control in self.controls(gear)]
        if gear == "break":
            labels += ["Servers"] if len(self.topology.servers) > bool(self.main_fault) else []
            labels += ["Links"] if self.breakable_links else []
        return labels + [control.label for control in self.shared_controls]

    def shared_fields(self, gear: Gear) -> list[Control]:
        """The fields that several actions of a gear have, asked once: the item of a step, too."""
        return shared_fields(self.lab, gear)

    @property
    def guide(self) -> list[GuideStep]:
        """The steps of the lab's guide, and how far they are done."""
        return guide_of(self.lab, self.state.get("guide") or {}, self.met_before)

    @property
    def goals(self) -> list[str]:
        """For each step of the guide the name of the check that it leads to."""
        return [check.name for check in goals(self.lab)]

    @property
    def current_check(self) -> str:
        """The check that is next: of the guide's current step, else the first that is not met;
        empty if all are.
        """
        if self.lab.guide:
            steps = zip(self.guide, self.goals, strict=True)
            return next((goal for step, goal in steps if step.state == "now"), "")
        return next((check["name"] for check in self.checks if check["status"] != "met"), "")

    @property
    def checks(self) -> list[dict[str, Any]]:
        """The lab's checks with what is known of each; `rows` are those of its table."""
        known: Mapping[str, dict[str, Any]] = self.state.get("checks", {})
        checks = [
            {"name": check.name, "claim": check.claim}
            | shown(known.get(check.name, {}), self.met_before.get(check.name))
            for check in self.lab.checks
        ]
        return [check | {"rows": rows_of(check["evidence"], self.lab.counted)} for check in checks]

    @property
    def counted(self) -> dict[str, list[str]]:
        """What each value of the evidence is called, for the script: label, unit, counters."""
        known = self.lab.counted.items()
        return {name: [one.label, one.unit, *one.counters] for name, one in known}

    @property
    def scale(self) -> Scale:
        """The stepped request, to scale."""
        return scale_of(self.state.get("exchange", []))

    @property
    def changed(self) -> dict[str, Value]:
        """The settings that differ from the defaults."""
        default = self.lab.settings()
        return {name: value for name, value in self.settings.items() if value != default[name]}

    @property
    def query(self) -> dict[str, str]:
        """The settings that differ from the defaults, as they stand in a link."""
        return {name: plain(value) for name, value in self.changed.items()}

    @property
    def opened(self) -> datetime | None:
        """When the sandbox was opened."""
        at = self.state.get("opened_at")
        return datetime.fromtimestamp(at, UTC) if at else None

    @property
    def ending(self) -> Mapping[str, Any]:
        """Why and when the sandbox will end; empty if it won't, or did not at that time."""
        ending: Mapping[str, Any] = self.state.get("ending", {})
        return ending if ending.get("at", 0) > datetime.now(UTC).timestamp() else {}

    @property
    def running(self) -> str:
        """What runs, in words: the versions that the servers report."""
        return in_words(self.state.get("versions", {}))

    def server_state(self, name: str) -> str:
        """The state of a server; the application and the endpoints are always up."""
        default = "stopped" if self.topology.node(name) in self.topology.servers else "up"
        return str(self.state.get("servers", {}).get(name, {}).get("state", default))

    def prompt(self, name: str) -> str:
        """What the prompt of a server's console shows after its name."""
        return str(self.state.get("consoles", {}).get(name, {}).get("prompt", ""))[:PROMPT_LENGTH]

    def link_state(self, name: str) -> str:
        """The state of a link."""
        return str(self.state.get("links", {}).get(name, {}).get("state", "open"))

    def chart_metrics(self, chart: Chart) -> list[Metric]:
        """The metrics of a chart."""
        return [METRICS[name] for name in chart.metrics]


def shown(found: Mapping[str, Any], proof: Proof | None) -> dict[str, Any]:
    """A check as its bench shows it: as this sandbox found it, or with the `proof` of an earlier
    one. `now` is then empty unless this sandbox has found something else.
    """
    unmet = {"status": "unmet", "message": "", "hint": "", "evidence": {}, "now": "", "met_at": 0.0}
    here = unmet | dict(found) | {"before": proof is not None}
    if proof is None or here["status"] == "met":
        return here
    return here | {
        "status": "met",
        "message": proof.message,
        "evidence": proof.evidence,
        "met_at": proof.at.timestamp(),
        "now": here["message"] if here["evidence"] else "",
    }


def topology_of(lab: Lab, state: Mapping[str, Any]) -> Topology:
    """The topology of a sandbox in this state. A sandbox is hostile: what is none is the lab's."""
    with suppress(BadInput):
        return Topology.from_data(state["topology"]) if state.get("topology") else lab.topology
    return lab.topology
