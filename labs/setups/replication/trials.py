"""What experiments with a replication group share: a group that is whole, the end of a flight, and
the repair after one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from labs.errors import GroupNotSettled, LabsError, NotNow
from labs.sandbox.experiment import say_done
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import faults
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.flight import Flight

FLIGHT_S, SETTLED_S = 12.0, 8.0
OUT_OF_TILT_S = 45.0
"""TILT mode lasts for 30 s; it begins again if the machine stalls again."""
ATTEMPTS = 3


def wait_out_of_tilt(sandbox: Sandbox) -> None:
    """Wait until no sentinel is in TILT mode. Raises GroupNotSettled after OUT_OF_TILT_S."""
    tilts = group_of(sandbox).members.tilts
    tilts.look()
    if not sandbox.wait_until(lambda: not tilts.in_tilt(), deadline_s=OUT_OF_TILT_S):
        raise GroupNotSettled(
            f"{' and '.join(tilts.in_tilt())} did not leave TILT mode within {OUT_OF_TILT_S:g} s.",
            hint="The machine stalls again and again: end what else keeps it busy, then measure.",
        )


def wait_through_tilt(
    sandbox: Sandbox, condition: Callable[[], bool], *, deadline_s: float
) -> bool:
    """Wait until a condition holds; False when sentinels that are not in TILT mode have had this
    long, or after OUT_OF_TILT_S more.
    """
    tilts, began = group_of(sandbox).members.tilts, time.monotonic()

    def is_late() -> bool:
        since = max(began, tilts.last_end())
        stalled_s = sum(stall.seconds for stall in sandbox.stalls.since(since))
        return time.monotonic() - since - stalled_s > deadline_s

    last_s = deadline_s + OUT_OF_TILT_S
    sandbox.wait_until(lambda: condition() or is_late(), deadline_s=last_s)
    return condition()


def undisturbed(sandbox: Sandbox, fly: Callable[[], Flight]) -> Flight:
    """The flight that `fly` makes. If the machine stalled meanwhile, or a sentinel was in TILT
    mode, the flight shows nothing about a failover, even if it ended well: the group is made whole
    and `fly` is called again, up to ATTEMPTS times in all.

    Raises GroupNotSettled if the last flight was disturbed, too. Passes on what `fly` raises in an
    undisturbed one.
    """
    for left in reversed(range(ATTEMPTS)):
        wait_out_of_tilt(sandbox)
        began, problem = time.monotonic(), None
        try:
            flight = fly()
        except LabsError as exc:
            problem = exc
        disturbance = _disturbance_since(sandbox, began)
        if not disturbance and problem is None:
            sandbox.stalls.made_good()
            return flight
        if problem is not None and not disturbance:
            raise problem
        sandbox.say(f"{disturbance}, so this flight is not counted")
        if left:
            make_whole(sandbox)
    raise GroupNotSettled(
        f"{disturbance} in each of {ATTEMPTS} flights, so nothing was measured.",
        hint="End what else keeps the machine busy, then measure again.",
    )


def measured_result(sandbox: Sandbox, fly: Callable[[], Flight], name: str) -> float:
    """A result of an undisturbed flight. What it left down runs again afterwards, so that the
    learner can go on; the timeline says so.
    """
    result = float(undisturbed(sandbox, fly).results[name])
    with contextlib.suppress(NotNow):
        sandbox.say(f"The measurement is over. {faults.bring_back(sandbox)}", "here")
    return result


def _disturbance_since(sandbox: Sandbox, began: float) -> str:
    """What kept the servers from acting since this moment (monotonic seconds), if anything did."""
    if stalled := sandbox.stalls.disturbed(began):
        return stalled
    if tilts := group_of(sandbox).members.tilts.over(began):
        return f"{tilts[0].sentinel} was in TILT mode"
    return ""


def make_whole(sandbox: Sandbox) -> None:
    """End the flight, have every zone whole and every Redis up, wait until no sentinel is in TILT
    mode, and repair the group.
    """
    members = group_of(sandbox).members
    with contextlib.suppress(NotNow):
        flights_of(sandbox).end()
    for undo in (faults.heal, faults.resume):
        with contextlib.suppress(NotNow):
            undo(sandbox)
    for name in members.caches:
        if sandbox.servers[name].state == "down":
            sandbox.server(name, "restart")
    wait_out_of_tilt(sandbox)
    repair(sandbox)


def make_group_ready(sandbox: Sandbox) -> None:
    """Have the group whole for an experiment: every server up, no zone cut off or slowed, no flight
    recorded, no sentinel in TILT mode, and a replica. A sentence on the timeline says what was
    done.

    Raises GroupNotSettled if the primary has no replica all the same.
    """
    group = group_of(sandbox)
    done = []
    if flights_of(sandbox).current is not None:
        done.append("the recording was ended")
    broken = [
        name for name, server in sandbox.servers.items() if server.state in ("down", "paused")
    ]
    if broken:
        done.append(f"{', '.join(broken)} {'was' if len(broken) == 1 else 'were'} brought back")
    if group.mesh.cut_zones:
        done.append(f"{', '.join(group.mesh.cut_zones)} was made whole")
    if group.mesh.slowed_zones:
        for zone in group.mesh.slowed_zones:
            group.mesh.slow_zone(zone, 0.0)
        done.append("the delay between zones was taken away")
    if done:
        make_whole(sandbox)
        say_done(sandbox, done)
    wait_out_of_tilt(sandbox)
    members = group.members
    if not sandbox.wait_until(
        lambda: any(status.role == "replica" for status in members.statuses.values()),
        deadline_s=SETTLED_S,
    ):
        raise GroupNotSettled("The primary has no replica.", hint="Give it one, then measure.")


def finished_flight(sandbox: Sandbox) -> Flight:
    """The flight when it is over; one that does not end by itself is ended."""
    flights = flights_of(sandbox)
    if wait_through_tilt(sandbox, lambda: flights.current is None, deadline_s=FLIGHT_S):
        return flights.over[-1]
    return flights.end()


def repair(sandbox: Sandbox) -> None:
    """Have former primaries follow the primary, as the service does, and wait until every server
    that is up follows it, and every sentinel agrees on it.
    """
    with contextlib.suppress(NotNow):
        faults.gather(sandbox)
    members = group_of(sandbox).members
    sandbox.wait_until(
        lambda: members.follow_the_primary() and members.sentinels_agree(), deadline_s=SETTLED_S
    )
    members.poll_all()


def zone_of(sandbox: Sandbox, server: str) -> str:
    """The Availability Zone of a server."""
    return sandbox.lab.topology.node(server).zone
