"""What keeps a learner from doing what a hint asks for: it is said first, with the button that ends
it.
"""

from __future__ import annotations

from labs.sandbox.context import Context

_BUTTONS = {"down": "Restart", "paused": "Resume"}


def ttl_command(engine: str, key: str) -> str:
    """The command that asks a server for the time to live of a key, as its console takes it."""
    return f"mg {key} t" if engine == "memcached" else f"TTL {key}"


def hint_for(sandbox: Context, hint: str, *, idle: bool = False) -> str:
    """The hint, unless a server is down or paused, or a link is slow or cut; then what to press
    first. With `idle` the load must not run either.
    """
    for name, server in sandbox.servers.items():
        if button := _BUTTONS.get(server.state):
            label = sandbox.topology.node(name).label
            return f"{label} is {server.state}. Press “{button}” next to it in the tab Break first."
    for name, state in sandbox.link_states.items():
        if state in ("slow", "cut"):
            link = sandbox.topology.link(name)
            ends = " – ".join(sandbox.topology.node(n).label for n in (link.source, link.target))
            return f"The link {ends} is {state}. Press “Restore” next to it in the tab Break first."
    if idle and sandbox.load.running:
        return "The load is running. Press “Stop the load” in the tab Load first."
    return hint
