"""What experiments with a replication group share: a group that is whole, the end of a flight, and
the repair after one.
"""

from __future__ import annotations

import contextlib

from labs.errors import GroupNotSettled, NotNow
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import faults
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.flight import Flight

FLIGHT_S, SETTLED_S = 8.0, 5.0


def require_whole_group(sandbox: Sandbox) -> None:
    """Raise GroupNotSettled unless the group has a replica, no server is down or frozen, no zone is
    cut off, and no flight is being recorded.
    """
    group = group_of(sandbox)
    wrong = [
        *(
            name
            for name, server in sandbox.servers.items()
            if server.state not in ("up", "stopped")
        ),
        *group.mesh.cut_zones,
        *(["A flight"] if flights_of(sandbox).current is not None else []),
    ]
    if wrong:
        raise GroupNotSettled(
            f"{wrong[0]} is not as it should be.",
            hint="Bring everything back, then measure.",
        )
    if not any(status.role == "replica" for status in group.members.statuses.values()):
        raise GroupNotSettled("The primary has no replica.", hint="Give it one, then measure.")


def finished_flight(sandbox: Sandbox) -> Flight:
    """The flight when it is over; one that does not end by itself is ended."""
    flights = flights_of(sandbox)
    if sandbox.wait_until(lambda: flights.current is None, deadline_s=FLIGHT_S):
        return flights.over[-1]
    return flights.end()


def repair(sandbox: Sandbox) -> None:
    """Have former primaries follow the primary, as the service does, and wait until every server
    that is up follows it, and every sentinel knows it.
    """
    with contextlib.suppress(NotNow):  # a sentinel may have done it already
        faults.gather(sandbox)
    members = group_of(sandbox).members
    sandbox.wait_until(
        lambda: members.follow_the_primary() and members.sentinels_agree(), deadline_s=SETTLED_S
    )
    members.poll_all()


def zone_of(sandbox: Sandbox, server: str) -> str:
    """The Availability Zone of a server."""
    return sandbox.lab.topology.node(server).zone
