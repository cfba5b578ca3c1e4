"""A replication group: roles, endpoints, sentinels, and what its clients did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from labs.events.base import Event, Role, Sense, Value


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
    def sentence(self) -> str:
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
    def sentence(self) -> str:
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
    def sentence(self) -> str:
        return f"{self.sentinel}: {self.event}, {self.words}"

    @property
    def sense(self) -> Sense:
        return "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsRecorded(Event):
    """What the clients of a flight recorder saw since it was last told, one text an operation: `w`
    or `r`, ms since the clients began, ms that it took, a letter for how it ended
    (labs.load.flight), its number.
    """

    type: ClassVar[str] = "operations-recorded"
    began_at: float
    operations: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSaved(Event):
    """The sandbox keeps a record by this name: a document that the page shows, compares, shares and
    saves (the call `record`).
    """

    type: ClassVar[str] = "record-saved"
    record: str
    title: str
    results: dict[str, Value] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return f"Recorded: {self.title}"

    @property
    def sense(self) -> Sense:
        return "here"
