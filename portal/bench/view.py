"""What a bench shows: a lab, the learner's sandbox of it if there is one, and everything drawn from
the two.

Reads; changes nothing. A bench has a phase: none, taken (a bench of another lab is open), queued,
opening, open, ended, away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from labs.client import METRICS, Metric, SandboxInfo
from labs.errors import BadInput
from labs.events import Value
from labs.lab import Action, Chart, Choice, Control, Lab, Link, Steppable, Topology
from portal import drawing
from portal.bench.listing import Listing, listings
from portal.bench.scale import Scale, scale_of
from portal.bench.values import plain
from portal.bench.words import engine_words

Phase = Literal["none", "taken", "queued", "opening", "open", "ended", "away"]
Gear = Literal["step", "load", "break"]
DRAWN = ("servers", "links", "settings", "reading", "roles", "endpoints", "figures")


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
    met_before: Set[str] = frozenset()

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
        said = [
            entry for entry in self.state.get("timeline", []) if entry["type"] == "sentinel-said"
        ]
        elected = [entry["sentinel"] for entry in said if entry["event"] == "+elected-leader"]
        return {
            **{name: self.state.get(name, {}) for name in DRAWN},
            "loading": self.state.get("load", {}).get("running", False),
            "sentinels": {
                entry["sentinel"]: {"event": entry["event"], "words": entry["words"]}
                for entry in said
            },
            "leader": elected[-1] if elected else "",
        }

    @property
    def breakable_links(self) -> list[Link]:
        """The links that may be slowed and cut one by one: not those to an endpoint, for a name has
        no way of its own.
        """
        names = {node.name for node in self.topology.of_engine("endpoint")}
        return [link for link in self.topology.links if link.target not in names]

    @property
    def listings(self) -> list[Listing]:
        """The functions of the strategy that the settings pick; with a step running, of the one
        that runs.
        """
        step = self.state.get("step", {})
        name = (
            step.get("strategy") if step.get("running") else self.lab.pick_strategy(self.settings)
        )
        order: list[str] = [request.function for request in self.lab.requests]
        return sorted(
            (listing for listing in listings(self.lab) if listing.strategy == name),
            key=lambda listing: order.index(listing.name),
        )

    @property
    def requests(self) -> list[Steppable]:
        """What a step can run: read, and write where a strategy has one; nothing where the lab has
        no strategies.
        """
        if not self.lab.strategies:
            return []
        writes = any(strategy.write for strategy in self.lab.strategies.values())
        return [request for request in self.lab.requests if request.function == "read" or writes]

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
        """The choices that pick an engine; they stand in the head."""
        names = {node.engine_setting for node in self.topology.nodes if node.engine_setting}
        return [
            control
            for control in self.lab.controls
            if isinstance(control, Choice) and control.name in names
        ]

    def controls(self, gear: str) -> list[Control]:
        """The other controls of a gear; `all` are those that every gear has."""
        engines = {control.name for control in self.engine_controls}
        return [
            control
            for control in self.lab.controls
            if control.gear == gear and control.name not in engines
        ]

    def actions(self, gear: Gear) -> list[Action]:
        """The lab's own actions of a gear."""
        return [action for action in self.lab.actions if action.gear == gear]

    def shared_fields(self, gear: Gear) -> list[Control]:
        """The fields that more than one action of a gear has: asked once, above them.

        In slow motion the item is what is stepped, too.
        """
        fields = [asked for action in self.actions(gear) for asked in action.fields]
        counted = Counter(asked.name for asked in fields)
        once = {asked.name: asked for asked in reversed(fields)}
        return [
            asked
            for name, asked in reversed(once.items())
            if counted[name] > 1 or (gear == "step" and name == "item")
        ]

    @property
    def checks(self) -> list[dict[str, Any]]:
        """The lab's checks with what is known of each."""
        known: Mapping[str, dict[str, Any]] = self.state.get("checks", {})
        return [
            {
                "name": c.name,
                "claim": c.claim,
                "status": "unmet",
                "message": "",
                "hint": "",
                "evidence": {},
                "before": c.name in self.met_before,
            }
            | known.get(c.name, {})
            for c in self.lab.checks
        ]

    @property
    def scale(self) -> Scale:
        """The stepped request, to scale."""
        return scale_of(self.state.get("exchange", []))

    @property
    def query(self) -> dict[str, str]:
        """The settings that differ from the defaults, as they stand in a link."""
        default = self.lab.settings()
        return {
            name: plain(value) for name, value in self.settings.items() if value != default[name]
        }

    @property
    def opened(self) -> datetime | None:
        """When the sandbox was opened."""
        at = self.state.get("opened_at")
        return datetime.fromtimestamp(at, UTC) if at else None

    @property
    def ending(self) -> Mapping[str, Any]:
        """Why and when the sandbox will end, empty if it won't or the time is past: the
        learner did something since.
        """
        ending: Mapping[str, Any] = self.state.get("ending", {})
        return ending if ending.get("at", 0) > datetime.now(UTC).timestamp() else {}

    @property
    def running(self) -> str:
        """What runs, in words: the versions that the servers report."""
        versions: Mapping[str, str] = self.state.get("versions", {})
        words = (engine_words(name, version) for name, version in sorted(versions.items()))
        return ", ".join(dict.fromkeys(words))

    def server_state(self, name: str) -> str:
        """The state of a server; the application and the endpoints are always up."""
        default = "stopped" if self.topology.node(name) in self.topology.servers else "up"
        return str(self.state.get("servers", {}).get(name, {}).get("state", default))

    def link_state(self, name: str) -> str:
        """The state of a link."""
        return str(self.state.get("links", {}).get(name, {}).get("state", "open"))

    def chart_metrics(self, chart: Chart) -> list[Metric]:
        """The metrics of a chart."""
        return [METRICS[name] for name in chart.metrics]


def topology_of(lab: Lab, state: Mapping[str, Any]) -> Topology:
    """The topology of a sandbox in this state. A sandbox is hostile: what is none is the lab's."""
    if not state.get("topology"):
        return lab.topology
    try:
        return Topology.from_data(state["topology"])
    except BadInput:
        return lab.topology
