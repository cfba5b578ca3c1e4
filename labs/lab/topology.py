"""The servers of a lab and what lies between them: data that is drawn, started and laid from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labs.engines.registry import Kind, registry
from labs.errors import BadInput
from labs.events import Value

MOST_NODES, MOST_LINKS = 60, 200
_SHOWN_OF_NODE = ("name", "label", "engine", "engine_setting", "about", "zone", "waits")


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
    exchanged_by: tuple[str, ...] = ()
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

    def with_node(self, node: Node, links: tuple[Link, ...] = ()) -> Topology:
        """The topology with one more node, and links to it. BadInput says what is wrong."""
        if any(node.name == other.name for other in self.nodes):
            raise BadInput(f"There is a server {node.name} already.")
        grown = Topology((*self.nodes, node), (*self.links, *links))
        taken = {link.name for link in self.links}
        for link in links:
            if link.target != node.name or link.name in taken:
                raise BadInput(f"The link {link.name} does not lead to {node.name}.")
            grown.node(link.source)
        return grown

    def without_node(self, name: str) -> Topology:
        """The topology without a node and its links. BadInput if there is no such node."""
        gone = self.node(name)
        return Topology(
            tuple(node for node in self.nodes if node != gone),
            tuple(link for link in self.links if name not in (link.source, link.target)),
        )

    def to_data(self) -> dict[str, list[dict[str, Value]]]:
        """What a page needs to draw it, as plain data."""
        return {
            "nodes": [
                {part: getattr(node, part) for part in _SHOWN_OF_NODE} for node in self.nodes
            ],
            "links": [
                {"name": link.name, "source": link.source, "target": link.target}
                for link in self.links
            ],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, list[dict[str, Value]]]) -> Topology:
        """The topology that `to_data` described, without what only a sandbox needs.

        BadInput if it is none: a sandbox is hostile.
        """
        try:
            nodes = tuple(Node(**_checked(node)) for node in data["nodes"])
            links = tuple(
                Link(str(link["name"]), str(link["source"]), str(link["target"]))
                for link in data["links"]
            )
        except (KeyError, TypeError) as exc:
            raise BadInput("That is no topology.", detail=repr(exc)) from exc
        if len(nodes) > MOST_NODES or len(links) > MOST_LINKS:
            raise BadInput("That topology has more nodes or links than a sandbox may have.")
        topology = cls(nodes, links)
        for link in links:
            topology.node(link.source)
            topology.node(link.target)
        return topology

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


def _checked(node: Mapping[str, Value]) -> dict[str, Any]:
    shown = {part: node[part] for part in _SHOWN_OF_NODE}
    if shown["engine"] not in registry:
        raise BadInput("That topology has an engine that does not exist.")
    return {part: bool(value) if part == "waits" else str(value) for part, value in shown.items()}
