"""What happened in a sandbox: one list of small frozen events, which every reader shares.

The page, the timeline, the charts, the tests and the headless run all read this list. No HTML here,
no transport. Every reader imports events from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from labs.events.base import (
    MOST_ROWS as MOST_ROWS,
    TYPES as TYPES,
    CheckStatus as CheckStatus,
    Entry as Entry,
    Event as Event,
    LinkState as LinkState,
    Role as Role,
    Sense as Sense,
    ServerState as ServerState,
    Value as Value,
    encode as encode,
)
from labs.events.learning import (
    CheckChanged as CheckChanged,
    GuideMoved as GuideMoved,
    Measured as Measured,
)
from labs.events.load import (
    LoadChanged as LoadChanged,
    LoadFailing as LoadFailing,
    ReadingTaken as ReadingTaken,
)
from labs.events.machine import MachineStalled as MachineStalled, TiltChanged as TiltChanged
from labs.events.measuring import MeasuringChanged as MeasuringChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOpened(Event):
    """The sandbox is ready: its settings and what runs in it."""

    lab: str
    isolation: str
    settings: dict[str, Value]
    versions: dict[str, str]
    sense: ClassVar[Sense] = "here"

    @property
    def sentence(self) -> str:
        running = ", ".join(f"{name} {version}" for name, version in sorted(self.versions.items()))
        return f"Your sandbox is open: {running}" if running else "Your sandbox is open"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChanged(Event):
    """A control of the lab has a new value."""

    name: str
    label: str
    value: Value
    shown: str
    in_words: ClassVar[str] = "{0.label}: {0.shown}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded(Event):
    """Something that the learner or the lab did, in words: actions, faults, refusals."""

    text: str
    meaning: Sense = "none"
    action: str = ""
    """The action of the lab that this is the end of."""
    in_words: ClassVar[str] = "{0.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionChanged(Event):
    """The sentence under the drawing; `strong` is the part of `text` that matters most."""

    text: str
    strong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Event):
    """The sandbox will end unless the learner does something; with `in_s` 0 the learner did."""

    reason: str
    in_s: float
    in_words: ClassVar[str] = "{0.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxClosed(Event):
    """The last event of a sandbox: nothing of it runs any more."""

    reason: str
    sense: ClassVar[Sense] = "here"
    in_words: ClassVar[str] = "{0.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChanged(Event):
    """A server went from one state to another; `why` has the cause."""

    server: str
    state: ServerState
    why: str = ""
    version: str = ""

    @property
    def sentence(self) -> str:
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
class ServerFiguresChanged(Event):
    """What stands under a server's name in the drawing now: short lines of figures, two at most."""

    server: str
    lines: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleChanged(Event):
    """What the prompt of a server's console shows, and what it holds open on the server since a
    time (Unix seconds); `why` says how that ended, if it was not the learner who ended it.
    """

    server: str
    prompt: str
    holds: str = ""
    since: float = 0.0
    why: str = ""

    @property
    def sentence(self) -> str:
        if self.why:
            return f"Console {self.server}: {self.why}"
        return f"Console {self.server} holds {self.holds}" if self.holds else ""

    @property
    def sense(self) -> Sense:
        return "error" if self.why else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyChanged(Event):
    """A server was added or removed: all nodes and links now (labs.lab.Topology.to_data)."""

    nodes: list[dict[str, Value]]
    links: list[dict[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged(Event):
    """What lies between two nodes was slowed, cut or restored."""

    link: str
    state: LinkState
    delay_ms: float = 0.0

    @property
    def sentence(self) -> str:
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
class RoleChanged(Event):
    """A server of a replication group has another role, by its own word; `of` is the primary that a
    replica follows.
    """

    server: str
    role: Role
    of: str = ""
    why: str = ""

    @property
    def sentence(self) -> str:
        if not self.why:
            return ""
        words = {
            "primary": f"{self.server} is a primary",
            "replica": f"{self.server} is a replica of {self.of or 'no primary yet'}",
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

    endpoint: str
    targets: list[str]
    why: str = ""
    sense: ClassVar[Sense] = "here"

    @property
    def sentence(self) -> str:
        if not self.why:
            return ""
        return f"The {self.endpoint} leads to {', '.join(self.targets) or 'no server'}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelSaid(Event):
    """What a sentinel published, in its own word (+sdown, +odown, +switch-master, …), and what that
    means.
    """

    sentinel: str
    event: str
    words: str
    sense: ClassVar[Sense] = "here"
    in_words: ClassVar[str] = "{0.sentinel}: {0.event}, {0.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsRecorded(Event):
    """What the clients of a flight recorder saw since the last such event, one text an operation:
    `w` or `r`, ms since the clients began, ms that it took, a letter for how it ended
    (labs.setups.replication.workload), its number.
    """

    began_at: float
    operations: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSaved(Event):
    """The sandbox keeps a record by this name: a document that the page shows, compares, shares and
    saves (the call `record`).
    """

    record: str
    title: str
    results: dict[str, Value] = field(default_factory=dict)
    sense: ClassVar[Sense] = "here"
    in_words: ClassVar[str] = "Recorded: {0.title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """One request runs in slow motion; `strategy` and `function` name the text that is lit."""

    request: int
    strategy: str
    function: str
    call: str
    in_words: ClassVar[str] = "Request {0.request}: {0.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReached(Event):
    """The stepped request stands before this statement: `line` to `last_line`, counted from 1 in
    the text shown.
    """

    request: int
    line: int
    last_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRan(Event):
    """A command that the application sent to a server, with its reply and the time it took.

    `link` is the one that it took, if there are several.
    """

    request: int
    server: str
    command: str
    reply: str
    took_ms: float
    meaning: Sense
    link: str = ""

    @property
    def sentence(self) -> str:
        words = {"hit": "had it", "miss": "had nothing", "write": "stored it", "error": "failed"}
        did = (words | {"stale": "had an old one"}).get(self.meaning, "answered")
        return f"Request {self.request}: {self.server} {did} in {self.took_ms:.2f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Travelled(Event):
    """A request went over these links, one after the other, and its answer came back: what it
    meant, and a word for it.
    """

    links: list[str]
    meaning: Sense
    words: str = ""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """The stepped request is over: what it meant, what it answered and how long its server calls
    took together.
    """

    request: int
    meaning: Sense
    answer: str
    took_ms: float

    @property
    def sentence(self) -> str:
        words = {
            "hit": "a hit",
            "miss": "a miss",
            "write": "a write",
            "stale": "a stale answer",
            "error": "an error",
            "read": "a database read",
        }
        was = words.get(self.meaning, "answered")
        return f"Request {self.request} was {was}, {self.took_ms:.2f} ms with the servers"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChanged(Event):
    """A table of the lab (labs.lab.Table) has exactly these rows now, by column name."""

    table: str
    rows: list[dict[str, Value]]
