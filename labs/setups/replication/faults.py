"""Faults of a replication group and their repairs, each with the button that a lab can show.

A fault begins a flight; if no client writes, the clients are started first.
"""

from __future__ import annotations

import contextlib
import time

from labs.errors import NotNow, ServerDown, ServerNotUp
from labs.lab import Action, Choice, Number
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import ZONES, flights_of, group_of
from labs.setups.replication.flight import words_for

BASELINE_S, STARTED_S = 0.4, 6.0
"""The clients run at least so long, with the same settings, before the fault; and how long that
takes at most.
"""
ZONE = Choice(
    "zone",
    "Zone",
    (("primary", "the primary’s"), *((zone, zone[-1]) for zone in ZONES), ("all", "all")),
    "primary",
)
WAY = Choice(
    "way",
    "What is cut",
    (("both", "both ways"), ("in", "what goes in"), ("out", "what comes out")),
    "both",
)
INSIDE = Choice("clients", "Clients", (("stay", "where they are"), ("inside", "inside it")), "stay")
DELAY = Number("delay_ms", "Each way", 0, 500, 1, 20, unit="ms")


def record_change(sandbox: Sandbox, server: str, verb: str) -> None:
    """A lab's `server_changed`: record what was done to a server, by a button of the lab or of the
    page.
    """
    flights_of(sandbox).record_change(server, verb)


def start_clients(sandbox: Sandbox) -> None:
    """Start the clients if they don't run, and wait until some of their writes are acknowledged."""
    flights = flights_of(sandbox)
    if not sandbox.load.running:
        sandbox.start_load()
    sandbox.wait_until(
        lambda: (
            len(flights.acknowledged) >= 20 and time.monotonic() - flights.steady_since > BASELINE_S
        ),
        deadline_s=STARTED_S,
    )


def kill_primary(sandbox: Sandbox) -> str:
    """End the primary's process as a crash would."""
    return _said(sandbox, f"{_begin(sandbox, 'kill')}, the primary, was killed.", ends=True)


def pause_primary(sandbox: Sandbox) -> str:
    """Freeze the primary."""
    primary = _begin(sandbox, "pause")
    said = f"{primary}, the primary, is frozen: it keeps its connections and sends no reply."
    return _said(sandbox, said)


def lose_primary(sandbox: Sandbox) -> str:
    """End the primary with its machine: what was on its way to the replicas is lost with it."""
    primary = _begin(sandbox, "lose", "{} and its machine are lost")
    group_of(sandbox).crash_host(primary)
    sandbox.caption(
        f"The machine of {primary} is lost.",
        "What it had acknowledged and no replica had received is lost with it.",
    )
    return _said(sandbox, f"The machine of {primary}, the primary, is lost.", ends=True)


def resume(sandbox: Sandbox) -> str:
    """Let every frozen server go on."""
    frozen = _change_each(sandbox, "paused", "resume", otherwise="No server is frozen.")
    return f"{', '.join(frozen)} {'goes' if len(frozen) == 1 else 'go'} on."


def cut_zone(sandbox: Sandbox, zone: str, way: str, clients: str = "stay") -> str:
    """Cut a zone off: the primary's, the one that is named, or each from all others. `clients` that
    are to be `inside` move there first; of several zones, to the primary's.
    """
    group, zones = group_of(sandbox), _zones(sandbox, zone)
    name = "every zone" if zone == "all" else zones[0]
    of_primary = _zones(sandbox, "primary")[0]
    if clients == "inside":
        flights_of(sandbox).require_none()
        sandbox.set("client_zone", of_primary if of_primary in zones else name)
    start_clients(sandbox)
    flights_of(sandbox).begin(
        "cut",
        f"{name} is cut off",
        server=group.primary if of_primary in zones else "",
        zone=of_primary if of_primary in zones else name,
    )
    for one in zones:
        group.mesh.cut(one, way)
    what = {"both": "enters or leaves", "in": "enters", "out": "leaves"}[way]
    head, rest = f"{name.capitalize()} is cut off.", f"No packet {what} it"
    rest += ", and no connection is refused."
    sandbox.caption(head, rest)
    said = f"{head} {rest}"
    return _said(sandbox, said) if of_primary in zones else said


def slow_zone(sandbox: Sandbox, zone: str, delay_ms: float) -> str:
    """Slow a zone: the primary's, the one that is named, or all."""
    zones = _zones(sandbox, zone)
    for one in zones:
        group_of(sandbox).mesh.slow_zone(one, delay_ms)
    head = f"{', '.join(zones).capitalize()} {'is' if len(zones) == 1 else 'are'} " + (
        f"{delay_ms:g} ms slower, each way." if delay_ms else "no longer slowed."
    )
    flights_of(sandbox).mark(head)
    sandbox.caption(
        head,
        "A client that waits for a replica there waits longer; one that does not has more to lose."
        if delay_ms
        else "",
    )
    return head


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
            "Two servers may call themselves primary now, until one of them follows the other.",
        )
    return (
        f"{', '.join(cut).capitalize()} {'is' if len(cut) == 1 else 'are'} whole again. What "
        "was on its way arrives."
    )


def planned(sandbox: Sandbox) -> str:
    """A failover of a healthy primary."""
    primary = _begin(sandbox, "planned", "a planned failover")
    try:
        group_of(sandbox).switchover()
    except (NotNow, ServerDown):
        with contextlib.suppress(NotNow):
            flights_of(sandbox).end()
        raise
    sandbox.caption(
        f"{primary} will step down.",
        "Writes wait until its replicas have everything; then one of them is promoted.",
    )
    return f"A failover was started. {primary} is healthy, and steps down."


def bring_back(sandbox: Sandbox) -> str:
    """Start every server that is down; all but the primary come back as its replicas."""
    down = _change_each(sandbox, "down", "restart", otherwise="Every server is up.")
    return f"{', '.join(down)} {'is' if len(down) == 1 else 'are'} back."


def gather(sandbox: Sandbox) -> str:
    """Have every former primary, and every server that follows one, follow the primary at once."""
    group = group_of(sandbox)
    try:
        names = group.reattach()
    except ServerDown as exc:
        raise NotNow(f"A former primary did not take the command: {exc}") from exc
    if not names:
        return f"Every server that is up follows {group.primary} already."
    for name in names:
        flights_of(sandbox).mark(f"{name} is made to follow {group.primary}")
    head = (
        f"{' and '.join(names)} {'follows' if len(names) == 1 else 'follow'} {group.primary} now."
    )
    sandbox.caption(head, "What no other server had is gone.")
    return f"{head} What no other server had is gone."


def end_flight(sandbox: Sandbox) -> str:
    """End the recording."""
    return f"The recording has ended: {flights_of(sandbox).end().words}."


ACTIONS = (
    Action("kill-primary", "Kill the primary", "break", kill_primary, fault=True),
    Action(
        "lose-primary",
        "Lose the primary’s machine",
        "break",
        lose_primary,
        fault=True,
        here="the process is killed, and what it had sent but no replica had received is thrown "
        "away.",
        aws="a failed node takes its memory and its network buffers with it.",
    ),
    Action("pause-primary", "Freeze the primary", "break", pause_primary, fault=True),
    Action("resume", "Let it go on", "break", resume),
    Action("cut-zone", "Cut off a zone", "break", cut_zone, (ZONE, WAY, INSIDE), fault=True),
    Action("slow-zone", "Slow a zone", "break", slow_zone, (ZONE, DELAY), fault=True),
    Action("heal", "Make the zones whole", "break", heal),
    Action(
        "bring-back",
        "Bring back what is down",
        "break",
        bring_back,
        primary=True,
        here="the server is started again, as a replica of the server that is the primary.",
        aws="ElastiCache makes a new replica in the zone of the failed node.",
    ),
    Action(
        "planned",
        "Planned failover",
        "break",
        planned,
        here="writes wait until the replicas have everything, a sentinel promotes one, the "
        "former primary follows it.",
        aws="the API call TestFailover lets a primary fail, up to 15 shards in 24 hours; "
        "when it replaces a node as planned, the cluster keeps serving writes.",
    ),
    Action(
        "gather",
        "Repair the former primary now",
        "break",
        gather,
        here="a former primary that comes back is made a replica at once; by itself a "
        "sentinel waits some ten seconds.",
        aws="the service does that; it publishes no times.",
    ),
    Action("end-flight", "End the recording", "break", end_flight),
)
"""Every fault and every repair, in the order in which they stand on the page."""


def _begin(sandbox: Sandbox, verb: str, words: str = "") -> str:
    """Begin the flight of a fault of the primary, and return the primary's name; `words` say what
    happens to it. Without them the fault is `verb`, and is done here.
    """
    primary, flights = group_of(sandbox).primary, flights_of(sandbox)
    if sandbox.servers[primary].state != "up":
        raise ServerNotUp(
            f"{primary}, where the primary endpoint leads, is not up.",
            hint="Wait for the failover, or bring it back.",
        )
    flights.require_none()
    start_clients(sandbox)
    flights.begin(verb, words.format(primary) or words_for(primary, verb), server=primary)
    if not words:
        sandbox.server(primary, verb)
    return primary


def _said(sandbox: Sandbox, said: str, *, ends: bool = False) -> str:
    """What was done to the primary, and what to expect if sentinels are in TILT mode."""
    warning = group_of(sandbox).tilt_warning(ends=ends)
    if not warning:
        return said
    sandbox.caption(said, warning[:1].upper() + warning[1:])
    return f"{said} {warning[:1].upper()}{warning[1:]}"


def _change_each(sandbox: Sandbox, state: str, verb: str, *, otherwise: str) -> list[str]:
    """Do the same to every server in a state, and return their names; NotNow with `otherwise` if
    there is none.
    """
    names = [name for name, server in sandbox.servers.items() if server.state == state]
    if not names:
        raise NotNow(otherwise)
    for name in names:
        sandbox.server(name, verb)
    group_of(sandbox).members.wake()
    return names


def _zones(sandbox: Sandbox, zone: str) -> list[str]:
    """The zones that a field names: the primary's, one, or all."""
    group = group_of(sandbox)
    if zone == "primary":
        return [sandbox.lab.topology.node(group.primary).zone]
    return group.mesh.zones if zone == "all" else [zone]
