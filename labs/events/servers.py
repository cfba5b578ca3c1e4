"""Servers, links and the topology that they form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labs.events.base import Event, LinkState, Sense, ServerState, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChanged(Event):
    """A server went from one state to another; `why` says on whose account."""

    type: ClassVar[str] = "server-changed"
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

    type: ClassVar[str] = "server-figures-changed"
    server: str
    lines: list[str]


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
