"""What can be done to the group in the lab failover.

Each fault begins a flight; with nobody writing, the clients are started first.
"""

from __future__ import annotations

import contextlib
import time

from labs.errors import NotNow, ServerDown
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.flight import words_for

BASELINE_S = 0.4
"""So much of a flight is quiet before its fault."""


def record_change(sandbox: Sandbox, server: str, verb: str) -> None:
    """Have the recording show it, whichever button was used: the lab's or the page's."""
    flights_of(sandbox).record_change(server, verb)


def ready(sandbox: Sandbox) -> None:
    """Have the clients run, and some of their writes acknowledged."""
    flights = flights_of(sandbox)
    if not sandbox.load.running:
        sandbox.start_load()
    began = time.monotonic()
    sandbox.wait_until(
        lambda: len(flights.acknowledged) >= 20 and time.monotonic() - began > BASELINE_S,
        deadline_s=3.0,
    )


def kill(sandbox: Sandbox) -> str:
    """End the primary's process as a crash would."""
    primary = _primary_that_is_up(sandbox)
    ready(sandbox)
    flights_of(sandbox).begin(
        "kill", words_for(primary, "kill"), server=primary, zone=_zone(sandbox, primary)
    )
    sandbox.server(primary, "kill")
    return f"{primary}, the primary, was killed."


def lose(sandbox: Sandbox) -> str:
    """End the primary with its machine: what was on its way to the replicas is lost with it."""
    primary = _primary_that_is_up(sandbox)
    ready(sandbox)
    flights_of(sandbox).begin(
        "lose", f"{primary} and its machine are lost", server=primary, zone=_zone(sandbox, primary)
    )
    group_of(sandbox).failover.crash_host(primary)
    sandbox.caption(
        f"The machine of {primary} is lost.",
        "What it had acknowledged and not yet handed on is lost with it.",
    )
    return f"The machine of {primary}, the primary, is lost."


def pause(sandbox: Sandbox) -> str:
    """Freeze the primary."""
    primary = _primary_that_is_up(sandbox)
    ready(sandbox)
    flights_of(sandbox).begin(
        "pause", words_for(primary, "pause"), server=primary, zone=_zone(sandbox, primary)
    )
    sandbox.server(primary, "pause")
    return f"{primary}, the primary, is frozen: it keeps its connections and answers nobody."


def resume(sandbox: Sandbox) -> str:
    """Let every frozen server go on."""
    frozen = _tell_each(sandbox, "paused", "resume", nobody="No server is frozen.")
    return f"{', '.join(frozen)} {'goes' if len(frozen) == 1 else 'go'} on."


def cut_zone(sandbox: Sandbox, zone: str, way: str) -> str:
    """Cut a zone off: the primary's, the one that is named, or each from all others."""
    group = group_of(sandbox)
    of_primary = _zone(sandbox, group.primary)
    zones = group.mesh.zones if zone == "all" else [of_primary if zone == "primary" else zone]
    zone = "every zone" if zone == "all" else zones[0]
    ready(sandbox)
    flights_of(sandbox).begin(
        "cut",
        f"{zone} is cut off",
        server=group.primary if of_primary in zones else "",
        zone=of_primary if of_primary in zones else zone,
    )
    for one in zones:
        group.mesh.cut(one, way)
    sandbox.caption(
        f"{zone.capitalize()} is cut off.",
        "Nobody is refused: whoever is there hears nobody elsewhere, and is not heard.",
    )
    return (
        f"{zone.capitalize()} is cut off: whoever is there hears nobody elsewhere, and is "
        "not heard."
    )


def slow_zone(sandbox: Sandbox, zone: str, delay_ms: float) -> str:
    """Slow a zone: the primary's, the one that is named, or all."""
    group = group_of(sandbox)
    zones = (
        group.mesh.zones
        if zone == "all"
        else [_zone(sandbox, group.primary) if zone == "primary" else zone]
    )
    for one in zones:
        group.mesh.slow_zone(one, delay_ms)
    says = f"{', '.join(zones).capitalize()} {'is' if len(zones) == 1 else 'are'} " + (
        f"{delay_ms:g} ms further away, each way." if delay_ms else "as near as before."
    )
    flights_of(sandbox).mark(says)
    sandbox.caption(
        says,
        "Whoever waits for a replica there waits longer; whoever doesn’t has more to lose."
        if delay_ms
        else "",
    )
    return says


def heal(sandbox: Sandbox) -> str:
    """Make every zone whole again."""
    group = group_of(sandbox)
    cut = group.mesh.cut_zones
    if not cut:
        raise NotNow("No zone is cut off.")
    for zone in cut:
        group.mesh.restore(zone)
        flights_of(sandbox).mark(f"{zone} is whole again")
        sandbox.caption(
            f"{zone.capitalize()} is whole again.",
            "Two servers may call themselves primary now, until one is told to follow.",
        )
    return (
        f"{', '.join(cut).capitalize()} {'is' if len(cut) == 1 else 'are'} whole again. What "
        "was under way arrives."
    )


def plan(sandbox: Sandbox) -> str:
    """A failover that nobody needed."""
    primary = _primary_that_is_up(sandbox)
    ready(sandbox)
    group = group_of(sandbox)
    flight = flights_of(sandbox).begin(
        "planned", "a planned failover", server=primary, zone=_zone(sandbox, primary)
    )
    try:
        group.failover.switchover()
    except (NotNow, ServerDown):
        with contextlib.suppress(NotNow):
            flights_of(sandbox).end()
        raise
    sandbox.caption(
        f"{flight.server} is to step down.",
        "Writes wait until its replicas have everything; then one of them is promoted.",
    )
    return f"A failover was asked for. {flight.server} is well, and steps down."


def bring_back(sandbox: Sandbox) -> str:
    """Start what is down; what is not the primary comes back as its replica."""
    down = _tell_each(sandbox, "down", "restart", nobody="Every server is up.")
    return f"{', '.join(down)} {'is' if len(down) == 1 else 'are'} back."


def gather(sandbox: Sandbox) -> str:
    """Make every server that still calls itself primary, though the endpoint leads elsewhere, or
    follows one that does, a replica of the primary at once.
    """
    group = group_of(sandbox)
    try:
        told = group.failover.reattach()
    except ServerDown as exc:
        raise NotNow(f"A former primary could not be told: {exc}") from exc
    if not told:
        raise NotNow(f"Everybody who is up follows {group.primary}.")
    for name in told:
        flights_of(sandbox).mark(f"{name} is told to follow {group.primary}")
    says = f"{' and '.join(told)} {'follows' if len(told) == 1 else 'follow'} {group.primary} now."
    sandbox.caption(says, "What nobody else had is gone.")
    return f"{says} What nobody else had is gone."


def end_flight(sandbox: Sandbox) -> str:
    """End the recording."""
    flight = flights_of(sandbox).end()
    return f"The recording has ended: {flight.words}."


def _tell_each(sandbox: Sandbox, state: str, verb: str, *, nobody: str) -> list[str]:
    """Tell every server that is in a state the same; their names.

    Raises NotNow if there is none.
    """
    names = [name for name, server in sandbox.servers.items() if server.state == state]
    if not names:
        raise NotNow(nobody)
    for name in names:
        sandbox.server(name, verb)
    group_of(sandbox).observer.wake()
    return names


def _primary_that_is_up(sandbox: Sandbox) -> str:
    primary = group_of(sandbox).primary
    if sandbox.servers[primary].state != "up":
        raise NotNow(
            f"{primary}, where the primary endpoint leads, is not up.",
            hint="Wait for the failover, or bring it back.",
        )
    if flights_of(sandbox).current is not None:
        raise NotNow(
            "A flight is being recorded.",
            hint="It ends by itself when writes are accepted again and nothing is frozen or cut "
            "off; or end the recording.",
        )
    return primary


def _zone(sandbox: Sandbox, server: str) -> str:
    return sandbox.lab.topology.node(server).zone
