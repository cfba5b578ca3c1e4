"""What a learner can do to servers and links, and the sentences that describe it."""

from __future__ import annotations

import threading

from labs.errors import BadInput, NotNow
from labs.events import LinkChanged, LinkState
from labs.sandbox.context import Context

MOST_DELAY_MS = 2_000
_SERVER_WORDS = {
    "kill": ("was killed", "Every request to it is refused at once."),
    "pause": ("is paused", "It keeps its connections and sends no reply: its clients wait."),
    "resume": ("goes on", "It answers the requests that waited."),
    "restart": ("was restarted", ""),
}
_LINK_WORDS = {
    "slow": (
        "is slowed by {delay_ms:g} ms each way",
        "Each request and each answer arrives later by this time.",
    ),
    "cut": (
        "is cut",
        "No connection is refused, and no packet arrives: clients wait until their timeout.",
    ),
    "restore": ("is whole again", "What was on its way arrives."),
}


def change_server(context: Context, name: str, verb: str) -> str:
    """Kill, pause, resume or restart a server; returns the sentence for the learner.

    Raises BadInput for an unknown server or verb, NotNow where the verb makes no sense now.
    """
    node = context.topology.node(name)
    if name not in context.servers:
        raise BadInput(f"{name} is no server: it can't be killed.")
    server = context.servers[name]
    if verb == "restart" and server.state == "stopped" and node.waits:
        raise NotNow(f"{node.label} is not there yet.")
    if verb not in _SERVER_WORDS:
        raise BadInput(
            f"A server has no button {verb[:20]!r}.",
            hint="It is one of kill, pause, resume and restart.",
        )
    getattr(server, verb)()
    what, means = _SERVER_WORDS[verb]
    sentence = f"{node.label} {what}."
    if verb == "restart":
        means = server.engine.after_restart()
    return context.caption(sentence, means)


class LinkFaults:
    """Slows, cuts and restores links, and holds the state of each. Any thread may call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._states: dict[str, LinkState] = {}

    @property
    def states(self) -> dict[str, LinkState]:
        """The state of each link of the sandbox."""
        links = self._context.topology.links
        return {link.name: self._states.get(link.name, "open") for link in links}

    def change(self, name: str, verb: str, delay_ms: float) -> str:
        """Slow, cut or restore a link; returns the sentence for the learner. BadInput says what
        would be right.
        """
        context, network = self._context, self._context.network
        link = context.topology.link(name)
        state: LinkState = "open"
        if verb == "slow":
            if not 0 < delay_ms <= MOST_DELAY_MS:
                raise BadInput("A link is slowed by more than 0 and at most 2,000 ms each way.")
            network.slow(name, delay_ms=delay_ms)
            state = "slow"
        elif verb == "cut":
            network.cut(name)
            state = "cut"
        elif verb == "restore":
            network.restore(name)
        else:
            raise BadInput(
                f"A link has no button {verb[:20]!r}.",
                hint="It is one of slow, cut and restore.",
            )
        with self._lock:
            changed = self._states.get(name, "open") != state or state == "slow"
            self._states[name] = state
        if changed:
            shown_ms = delay_ms if state == "slow" else 0.0
            context.emit(LinkChanged(link=name, state=state, delay_ms=shown_ms))
        source, target = context.topology.node(link.source), context.topology.node(link.target)
        origin = "" if source.engine == "app" else f"from {source.label} "
        what, means = _LINK_WORDS[verb]
        sentence = f"The link {origin}to {target.label} {what.format(delay_ms=delay_ms)}."
        return context.caption(sentence, means)
