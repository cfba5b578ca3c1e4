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
        name for name, server in sandbox.servers.items() if server.state not in ("up", "stopped")
    ]
    if wrong or group.mesh.cut_zones or flights_of(sandbox).current is not None:
        raise GroupNotSettled(
            f"{(wrong or group.mesh.cut_zones or ['A flight'])[0]} is not as it should be.",
            hint="Bring everything back, then measure.",
        )
    if not any(status.role == "replica" for status in group.observer.statuses.values()):
        raise GroupNotSettled("The primary has no replica.", hint="Give it one, then measure.")


def finished_flight(sandbox: Sandbox) -> Flight:
    """The flight when it is over; one that does not end by itself is ended."""
    flights = flights_of(sandbox)
    try:
        return flights.wait(FLIGHT_S)
    except NotNow:
        return flights.end()


def repair(sandbox: Sandbox) -> None:
    """Have former primaries follow the primary, as the service does, and wait until the group is
    settled.
    """
    with contextlib.suppress(NotNow):
        # A sentinel may have done it already.
        faults.gather(sandbox)
    wait_until_settled(sandbox)


def wait_until_settled(sandbox: Sandbox) -> None:
    """Wait until every server that is up follows the primary, and every sentinel knows it."""
    group = group_of(sandbox)

    def is_settled() -> bool:
        statuses = {
            name: group.members.status_of(name)
            for name, server in sandbox.servers.items()
            if name in group.members.caches and server.state == "up"
        }
        return all(
            status is not None
            and status.linked
            and status.of == ("" if name == group.primary else group.primary)
            for name, status in statuses.items()
        )

    sandbox.wait_until(
        lambda: is_settled() and group.observer.sentinels_agree(), deadline_s=SETTLED_S
    )
    group.observer.poll_all()


def zone_of(sandbox: Sandbox, server: str) -> str:
    """The Availability Zone of a server."""
    return sandbox.lab.topology.node(server).zone
