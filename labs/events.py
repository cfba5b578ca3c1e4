"""What happened in a sandbox: one list of small frozen events, which every reader shares.

The page, the timeline, the charts, the tests and the headless run all read this list. No HTML here,
no transport. An event knows its words (`says`) and its meaning (`sense`), because the timeline is
also what a screen reader reads.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeGuard, get_args

from labs.errors import BadInput

Sense = Literal["hit", "miss", "read", "write", "stale", "error", "here", "none"]
ServerState = Literal["starting", "up", "paused", "down", "stopped"]
Role = Literal["primary", "replica", "none"]
LinkState = Literal["open", "slow", "cut"]
CheckStatus = Literal["met", "unmet", "error"]
Value = str | float | bool

MOST_ROWS = 400
_TEXT_LIMIT = 2_000
_EVENT_LIMIT = 16_000
_NUMBER_LIMIT = 2**53
"""What every reader of JSON keeps exactly. Infinity is more, and no comparison holds for NaN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: `type` is its name on the wire."""

    type: ClassVar[str] = ""

    @property
    def says(self) -> str:
        """The event in words for the timeline; empty if it is not news to a reader."""
        return ""

    @property
    def sense(self) -> Sense:
        """What the event means: hit, miss, read, write, stale, error, or none of these."""
        return "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOpened(Event):
    """The sandbox is ready: its settings and what runs in it."""

    type: ClassVar[str] = "sandbox-opened"
    lab: str
    isolation: str
    settings: dict[str, Value]
    versions: dict[str, str]

    @property
    def says(self) -> str:
        running = ", ".join(f"{name} {version}" for name, version in sorted(self.versions.items()))
        return f"Your sandbox is open: {running}" if running else "Your sandbox is open"

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChanged(Event):
    """A server went from one state to another; `why` says on whose account."""

    type: ClassVar[str] = "server-changed"
    server: str
    state: ServerState
    why: str = ""
    version: str = ""

    @property
    def says(self) -> str:
        if self.state == "starting" or not self.why:
            return ""
        words = {
            "up": "answers",
            "paused": "is paused",
            "down": "is down",
            "stopped": "has stopped",
        }
        return f"{self.server} {words[self.state]}: {self.why}"

    @property
    def sense(self) -> Sense:
        return "error" if self.state in ("down", "paused") else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTold(Event):
    """What stands under a server's name in the drawing now: short lines of figures, two at most."""

    type: ClassVar[str] = "server-told"
    server: str
    lines: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanged(Event):
    """A server of a replication group has another role, by its own word; `of` is the primary that a
    replica follows.
    """

    type: ClassVar[str] = "role-changed"
    server: str
    role: Role
    of: str = ""
    why: str = ""

    @property
    def says(self) -> str:
        if not self.why:
            return ""
        words = {
            "primary": f"{self.server} is a primary",
            "replica": f"{self.server} is a replica of {self.of or 'nobody yet'}",
            "none": f"{self.server} is out of the group",
        }
        return f"{words[self.role]}: {self.why}"

    @property
    def sense(self) -> Sense:
        return "here" if self.role == "primary" else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointMoved(Event):
    """New connections to an endpoint lead to these servers from now on, in turn; to none: they are
    refused.
    """

    type: ClassVar[str] = "endpoint-moved"
    endpoint: str
    targets: list[str]
    why: str = ""

    @property
    def says(self) -> str:
        return (
            f"The {self.endpoint} leads to {', '.join(self.targets) or 'nobody'}"
            + (f": {self.why}" if self.why else "")
            if self.why
            else ""
        )

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelSaid(Event):
    """What a sentinel published, in its own word (+sdown, +odown, +switch-master, …), and what that
    means.
    """

    type: ClassVar[str] = "sentinel-said"
    sentinel: str
    event: str
    words: str

    @property
    def says(self) -> str:
        return f"{self.sentinel}: {self.event}, {self.words}"

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsFlown(Event):
    """What the clients of a flight recorder saw since it was last told, one text an operation: `w`
    or `r`, ms since the clients began, ms that it took, a letter for how it ended
    (labs.load.flight), its number.
    """

    type: ClassVar[str] = "operations-flown"
    began_at: float
    operations: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKept(Event):
    """The sandbox keeps a record by this name: a document that the page shows, compares, shares and
    saves (the call `record`).
    """

    type: ClassVar[str] = "record-kept"
    record: str
    title: str
    results: dict[str, Value] = field(default_factory=dict)

    @property
    def says(self) -> str:
        return f"Recorded: {self.title}"

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyChanged(Event):
    """A server was added or removed: all nodes and links as they are now
    (labs.lab.Topology.to_data).
    """

    type: ClassVar[str] = "topology-changed"
    nodes: list[dict[str, Value]]
    links: list[dict[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged(Event):
    """What lies between two nodes was slowed, cut or restored."""

    type: ClassVar[str] = "link-changed"
    link: str
    state: LinkState
    delay_ms: float = 0.0

    @property
    def says(self) -> str:
        words = {
            "open": "is whole again",
            "cut": "is cut",
            "slow": f"is slowed by {self.delay_ms:g} ms each way",
        }
        return f"The link {self.link} {words[self.state]}"

    @property
    def sense(self) -> Sense:
        return "none" if self.state == "open" else "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChanged(Event):
    """A control of the lab has a new value."""

    type: ClassVar[str] = "setting-changed"
    name: str
    label: str
    value: Value
    shown: str

    @property
    def says(self) -> str:
        return f"{self.label}: {self.shown}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    """Something that the learner or the lab did, in words: actions, faults, refusals."""

    type: ClassVar[str] = "happened"
    text: str
    meaning: Sense = "none"

    @property
    def says(self) -> str:
        return self.text

    @property
    def sense(self) -> Sense:
        return self.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """The sentence under the drawing: what the picture shows now.

    `strong` is the part that matters most, inside `text`.
    """

    type: ClassVar[str] = "said"
    text: str
    strong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """One request runs in slow motion; `strategy` and `function` name the text that is lit."""

    type: ClassVar[str] = "step-started"
    request: int
    strategy: str
    function: str
    call: str

    @property
    def says(self) -> str:
        return f"Request {self.request}: {self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReached(Event):
    """The stepped request stands before this statement: `line` to `last_line`, counted from 1 in
    the text shown.
    """

    type: ClassVar[str] = "line-reached"
    request: int
    line: int
    last_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRan(Event):
    """A command that the application sent to a server, with its reply and the time it took.

    `link` says which way it went, if there are several.
    """

    type: ClassVar[str] = "command-ran"
    request: int
    server: str
    command: str
    reply: str
    took_ms: float
    meaning: Sense
    link: str = ""

    @property
    def says(self) -> str:
        words = {
            "hit": "had it",
            "miss": "had nothing",
            "read": "answered",
            "write": "stored it",
            "error": "failed",
        }
        return (
            f"Request {self.request}: {self.server} {words.get(self.meaning, 'answered')} in "
            f"{self.took_ms:.2f} ms"
        )

    @property
    def sense(self) -> Sense:
        return self.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Travelled(Event):
    """A request went over these links, one after the other, and its answer came back: what it
    meant, and a word for it.
    """

    type: ClassVar[str] = "travelled"
    links: list[str]
    meaning: Sense
    words: str = ""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """The stepped request is over: what it meant, what it answered and how long its server calls
    took together.
    """

    type: ClassVar[str] = "step-finished"
    request: int
    meaning: Sense
    answer: str
    took_ms: float

    @property
    def says(self) -> str:
        words = {
            "hit": "a hit",
            "miss": "a miss",
            "write": "a write",
            "stale": "a stale answer",
            "error": "an error",
            "read": "a database read",
        }
        return (
            f"Request {self.request} was {words.get(self.meaning, 'answered')}, "
            f"{self.took_ms:.2f} ms with the servers"
        )

    @property
    def sense(self) -> Sense:
        return self.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadChanged(Event):
    """The workload started or stopped."""

    type: ClassVar[str] = "load-changed"
    running: bool
    about: str = ""

    @property
    def says(self) -> str:
        return (
            f"Load runs: {self.about}"
            if self.running
            else "Load stopped" + (f": {self.about}" if self.about else "")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTaken(Event):
    """Readings of one moment: metric name (labs.measure.metrics) to value.

    A metric that could not be read is absent.
    """

    type: ClassVar[str] = "reading-taken"
    readings: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckChanged(Event):
    """A check has a new status or new evidence."""

    type: ClassVar[str] = "check-changed"
    check: str
    claim: str
    status: CheckStatus
    message: str
    hint: str = ""
    evidence: dict[str, Value] = field(default_factory=dict)
    news: bool = True

    @property
    def says(self) -> str:
        if not self.news or self.status != "met":
            return ""
        return f"Check met: {self.claim}"

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChanged(Event):
    """A table of the lab (labs.lab.Table) has these rows now, all of them: column name to
    value.
    """

    type: ClassVar[str] = "table-changed"
    table: str
    rows: list[dict[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Event):
    """A prediction's experiment was run in this sandbox: what came out."""

    type: ClassVar[str] = "measured"
    prediction: str
    value: Value
    shown: str

    @property
    def says(self) -> str:
        return f"Measured: {self.shown}"

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Event):
    """The sandbox will end unless somebody does something.

    With `in_s` 0 that is no longer so: somebody did.
    """

    type: ClassVar[str] = "ending"
    reason: str
    in_s: float

    @property
    def says(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxClosed(Event):
    """The last event of a sandbox: nothing of it runs any more."""

    type: ClassVar[str] = "sandbox-closed"
    reason: str

    @property
    def says(self) -> str:
        return self.reason

    @property
    def sense(self) -> Sense:
        return "here"


TYPES: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        SandboxOpened,
        ServerChanged,
        ServerTold,
        RoleChanged,
        EndpointMoved,
        SentinelSaid,
        OperationsFlown,
        RecordKept,
        TopologyChanged,
        LinkChanged,
        SettingChanged,
        Happened,
        Said,
        StepStarted,
        LineReached,
        CommandRan,
        Travelled,
        StepFinished,
        LoadChanged,
        ReadingTaken,
        CheckChanged,
        TableChanged,
        Measured,
        Ending,
        SandboxClosed,
    )
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the list: `seq` counts from 1 without gaps, `at` is Unix time in
    seconds.
    """

    seq: int
    at: float
    event: Event


def encode(entry: Entry) -> dict[str, Any]:
    """The entry as plain data for JSON: the event's own fields, and its words, beside `seq`, `at`
    and `type`.
    """
    data = {f.name: getattr(entry.event, f.name) for f in dataclasses.fields(entry.event)}
    data.update(seq=entry.seq, at=round(entry.at, 4), type=entry.event.type)
    if entry.event.says:
        data["says"] = entry.event.says
    data["sense"] = entry.event.sense
    return data


def decode(data: object) -> Entry:
    """The entry that `encode` made.

    A sandbox is hostile: anything unknown, missing, oversized or of a wrong shape raises BadInput.
    """
    if not isinstance(data, dict):
        raise BadInput("An event is an object.")
    kind = TYPES.get(data.get("type", "")) if isinstance(data.get("type"), str) else None
    if kind is None:
        raise BadInput(f"No event has the type {str(data.get('type'))[:60]!r}.")
    seq, at = data.get("seq"), data.get("at")
    if not _is_number(seq) or not isinstance(seq, int) or seq < 1 or not _is_number(at):
        raise BadInput("An event has a whole number `seq` from 1 and a time `at`.")
    known = {f.name: f for f in dataclasses.fields(kind)}
    extra = set(data) - set(known) - {"type", "seq", "at", "says", "sense"}
    if extra:
        raise BadInput(f"The event {kind.type} has no field {sorted(extra)[0]!r}.")
    hints = _hints(kind)
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if name in data:
            values[name] = _checked(kind.type, name, data[name], hints[name])
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise BadInput(f"The event {kind.type} lacks {name!r}.")
    if _length(values) > _EVENT_LIMIT:
        raise BadInput(f"The event {kind.type} is longer than an event may be.")
    return Entry(seq, float(at), kind(**values))


_hint_cache: dict[type[Event], dict[str, Any]] = {}


def _hints(kind: type[Event]) -> dict[str, Any]:
    if kind not in _hint_cache:
        _hint_cache[kind] = typing.get_type_hints(kind)
    return _hint_cache[kind]


def _is_number(value: object) -> TypeGuard[int | float]:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) <= _NUMBER_LIMIT
    )


def _length(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(name) + _length(part) for name, part in value.items())
    return len(value) if isinstance(value, str) else 0


def _checked(event: str, name: str, value: Any, hint: Any) -> Any:
    if hint is str and isinstance(value, str):
        return value[:_TEXT_LIMIT]
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and _is_number(value) and isinstance(value, int):
        return value
    if hint is float and _is_number(value):
        return float(value)
    if typing.get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint == Value and isinstance(value, str):
        return value[:_TEXT_LIMIT]
    if hint == Value and (isinstance(value, bool) or _is_number(value)):
        return value
    if typing.get_origin(hint) is dict and isinstance(value, dict) and len(value) <= 100:
        item = get_args(hint)[1]
        return {
            str(key)[:80]: _checked(event, f"{name}[{str(key)[:40]}]", part, item)
            for key, part in value.items()
        }
    if typing.get_origin(hint) is list and isinstance(value, list) and len(value) <= MOST_ROWS:
        return [_checked(event, name, part, get_args(hint)[0]) for part in value]
    raise BadInput(f"In the event {event}, {name!r} has a wrong value.")
