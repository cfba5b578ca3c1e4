"""The state of a sandbox now: the fold of its events. The labs host keeps one per sandbox, and the
page is drawn from it.

Pure: no clock, no transport. `SandboxState.to_data` is what crosses to the portal next to the feed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sized
from dataclasses import dataclass, field, fields
from typing import Any

from labs import events
from labs.errors import BadInput
from labs.events import Entry, Value, encode

TIMELINE_LENGTH = 200
READINGS_LENGTH = 1_200
NAMES = 200
"""Servers, links, settings, checks and predictions together: more than any lab has.

A hostile sandbox could go on naming new ones.
"""
LINES = 500
RECORDS = 12
STALLS = 20
WAITING = 10


@dataclass(slots=True)
class SandboxState:
    """Everything that a page needs to draw a sandbox without having seen its past."""

    lab: str = ""
    isolation: str = ""
    seq: int = 0
    opened_at: float = 0.0
    closed: str = ""
    settings: dict[str, Value] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    servers: dict[str, dict[str, str]] = field(default_factory=dict)
    links: dict[str, dict[str, Value]] = field(default_factory=dict)
    figures: dict[str, list[str]] = field(default_factory=dict)
    consoles: dict[str, dict[str, Value]] = field(default_factory=dict)
    topology: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    """Empty while the lab's own topology holds."""
    roles: dict[str, dict[str, str]] = field(default_factory=dict)
    endpoints: dict[str, list[str]] = field(default_factory=dict)
    tilts: dict[str, float] = field(default_factory=dict)
    """Each sentinel in TILT mode, and until when: Unix time."""
    stalls: list[list[float]] = field(default_factory=list)
    """When the newest stalls of the machine began and ended: Unix time."""
    records: list[dict[str, Any]] = field(default_factory=list)
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    guide: dict[str, Any] = field(default_factory=dict)
    """`current` and `done` of the lab's guide (labs.events.GuideMoved)."""
    tables: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    measured: dict[str, Value] = field(default_factory=dict)
    measuring: dict[str, Any] = field(default_factory=lambda: {"running": "", "waiting": []})
    """What is `running` alone on the servers, and which measurements are `waiting` for them."""
    caption: dict[str, str] = field(default_factory=dict)
    step: dict[str, Any] = field(default_factory=dict)
    exchange: list[dict[str, Any]] = field(default_factory=list)
    load: dict[str, Any] = field(default_factory=lambda: {"running": False, "about": ""})
    reading: dict[str, float] = field(default_factory=dict)
    flows: dict[str, float] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    ending: dict[str, Any] = field(default_factory=dict)
    timeline: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=TIMELINE_LENGTH))
    readings: list[dict[str, Any]] = field(default_factory=list)
    thinned: int = 1
    _skipped: int = 0

    def apply(self, entry: Entry) -> None:
        """Take one more event into account.

        Raises BadInput when it names more things than a sandbox has.
        """
        event = entry.event
        self.seq = entry.seq
        match event:
            case events.SandboxOpened():
                self.lab, self.isolation, self.opened_at = event.lab, event.isolation, entry.at
                self.settings, self.versions = dict(event.settings), dict(event.versions)
            case events.ServerChanged():
                before = self.servers.get(event.server, {})
                self.servers[event.server] = {
                    "state": event.state,
                    "why": event.why,
                    "version": event.version or before.get("version", ""),
                }
            case events.ServerFiguresChanged():
                self.figures[event.server] = event.lines
            case events.ConsoleChanged():
                self.consoles[event.server] = {
                    "prompt": event.prompt,
                    "holds": event.holds,
                    "since": event.since,
                }
            case events.RoleChanged():
                self.roles[event.server] = {"role": event.role, "of": event.of}
            case events.TiltChanged():
                self.tilts.pop(event.sentinel, None)
                if event.left_s:
                    self.tilts[event.sentinel] = entry.at + event.left_s
            case events.MachineStalled():
                stall = [entry.at - event.seconds, entry.at]
                self.stalls = [*self.stalls, stall][-STALLS:]
            case events.EndpointMoved():
                self.endpoints[event.endpoint] = event.targets
            case events.RecordSaved():
                kept = [record for record in self.records if record["record"] != event.record]
                self.records = [*kept, encode(entry)][-RECORDS:]
            case events.TopologyChanged():
                self.topology = {"nodes": event.nodes, "links": event.links}
                names = {node.get("name") for node in event.nodes}
                for gone in set(self.servers) - names:
                    del self.servers[gone]
            case events.LinkChanged():
                self.links[event.link] = {"state": event.state, "delay_ms": event.delay_ms}
            case events.SettingChanged():
                self.settings[event.name] = event.value
            case events.CaptionChanged():
                self.caption = {"text": event.text, "strong": event.strong}
            case events.StepStarted():
                self.step = {
                    "request": event.request,
                    "strategy": event.strategy,
                    "function": event.function,
                    "call": event.call,
                    "line": 0,
                    "last_line": 0,
                    "running": True,
                    "done_lines": [],
                }
                self.exchange = []
            case events.LineReached():
                if line := self.step.get("line"):
                    done = self.step.get("done_lines", [])
                    self.step["done_lines"] = [*done[1 - LINES :], line]
                self.step.update(line=event.line, last_line=event.last_line)
            case events.CommandRan():
                self.exchange = [*self.exchange[-19:], encode(entry)]
            case events.StepFinished():
                self.step.update(
                    running=False, meaning=event.meaning, answer=event.answer, took_ms=event.took_ms
                )
            case events.LoadChanged():
                self.load = {"running": event.running, "about": event.about}
            case events.LoadFailing():
                self.load["failing"] = encode(entry) if event.failed else {}
            case events.ReadingTaken():
                self.reading = dict(event.readings)
                self.flows, self.keys = dict(event.flows), dict(event.keys)
                self._keep(entry)
            case events.CheckChanged():
                self.checks[event.check] = encode(entry)
            case events.GuideMoved():
                self.guide = {"current": event.current, "done": event.done[:LINES]}
            case events.TableChanged():
                self.tables[event.table] = event.rows
            case events.Measured():
                self.measured[event.prediction] = event.value
            case events.MeasuringChanged():
                self.measuring = {"running": event.running, "waiting": event.waiting[:WAITING]}
            case events.Ending():
                ends = {"reason": event.reason, "at": entry.at + event.in_s}
                self.ending = ends if event.in_s > 0 else {}
            case events.SandboxClosed():
                self.closed = event.reason
        if event.sentence:
            self.timeline.append(encode(entry))
        named: list[Sized] = [self.servers, self.figures, self.roles, self.endpoints, self.links]
        named += [self.settings, self.checks, self.measured, self.consoles, self.tilts]
        if sum(map(len, named)) > NAMES:
            raise BadInput("More names than a sandbox has.")

    def _keep(self, entry: Entry) -> None:
        """History of the whole run in bounded room: when it is full, every second reading goes and
        fewer are kept from then on.
        """
        assert isinstance(entry.event, events.ReadingTaken)
        self._skipped += 1
        if self._skipped < self.thinned:
            return
        self._skipped = 0
        self.readings.append({"at": round(entry.at, 2), **entry.event.readings})
        if len(self.readings) >= READINGS_LENGTH:
            self.readings = self.readings[::2]
            self.thinned *= 2

    def to_data(self, *, history: bool = False) -> dict[str, Any]:
        """The state as plain data for JSON; `history` adds all readings kept."""
        apart = {"timeline", "readings", "thinned", "_skipped"}
        data: dict[str, Any] = {
            part.name: getattr(self, part.name) for part in fields(self) if part.name not in apart
        }
        data["timeline"] = list(self.timeline)
        if history:
            data["readings"] = self.readings
        return data
