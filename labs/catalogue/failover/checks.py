"""What must be seen in the lab failover.

Each check judges flights: the client's own clock and record, what the servers say of their roles,
and what is read back from the survivors.
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.events import Value
from labs.lab import Verdict, met, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.flight import Flight

UNPLANNED = ("kill", "lose", "pause", "cut")


def _flights(sandbox: Sandbox, *verbs: str) -> Iterator[Flight]:
    """The flights of these faults, newest first."""
    return (flight for flight in reversed(flights_of(sandbox).over) if flight.verb in verbs)


def promoted(sandbox: Sandbox) -> Verdict:
    """After a fault of the primary another server says that it is the primary, and the endpoint
    leads to it.
    """
    flight = next((flight for flight in _flights(sandbox, *UNPLANNED) if flight.server), None)
    if flight is None:
        raise unmet(
            "No primary has failed yet.",
            hint="Run the clients, then do something to the primary.",
        )
    if flight.before.get(flight.server) == "primary" and flight.replicas_before == 0:
        older = next(
            (other for other in _flights(sandbox, *UNPLANNED) if other.results.get("promoted")),
            None,
        )
        if older is None:
            alone: dict[str, Value] = {"failed": flight.server, "replicas_before": 0}
            raise unmet(
                f"{flight.words.capitalize()}, and there was no replica to promote.",
                alone,
                hint="How many replicas does the group have?",
            )
        flight = older
    evidence: dict[str, Value] = {
        "failed": flight.server,
        "promoted": flight.results["promoted"],
        "promoted_after_ms": flight.results["promoted_after_ms"],
        "replicas_before": flight.replicas_before,
        "sentinels_that_agreed": flight.agreed,
    }
    if flight.results["promoted"]:
        return met(
            f"{flight.words.capitalize()}; {flight.results['promoted']} was promoted "
            f"{float(flight.results['promoted_after_ms']) / 1000:.2f} s later.",
            evidence,
        )
    raise unmet(
        f"{flight.words.capitalize()}, and no replica was promoted.",
        evidence,
        hint="Which replica could have been promoted, and how many sentinels had to agree?",
    )


def goes_on(sandbox: Sandbox) -> Verdict:
    """Writes are acknowledged again through the same endpoint, by a client whose settings never
    changed.
    """
    for flight in _flights(sandbox, *UNPLANNED):
        if not flight.results["promoted"] or not flight.results["recovered"]:
            continue
        evidence: dict[str, Value] = {
            "client_before": flight.client,
            "client_after": flight.client_after,
            "downtime_ms": flight.results["downtime_ms"],
            "writes_after": len(flight.accepted_after),
            "first_number_after": flight.accepted_after[0] if flight.accepted_after else 0,
        }
        if flight.accepted_after and flight.client == flight.client_after:
            return met(
                f"Number {flight.accepted_after[0]:,} was accepted through the same endpoint, "
                f"after {float(flight.results['downtime_ms']) / 1000:.2f} s without an accepted "
                "write.",
                evidence,
            )
    raise unmet(
        "No client has gone on after a failover yet.",
        hint="Let the clients run through a failover of the primary.",
    )


def counted(sandbox: Sandbox) -> Verdict:
    """What was acknowledged and what the new primary holds are compared number by number."""
    flight = next(
        (
            flight
            for flight in _flights(sandbox, *UNPLANNED)
            if flight.results["promoted"] and flight.results["recounted"]
        ),
        None,
    )
    if flight is None:
        raise unmet(
            "Nothing has been counted after a failover yet.",
            hint="Let the clients run through a failover of the primary.",
        )
    evidence: dict[str, Value] = {
        "acknowledged": flight.results["acknowledged"],
        "lost": flight.results["lost"],
        "first_lost": flight.lost[0] if flight.lost else 0,
        "last_lost": flight.lost[-1] if flight.lost else 0,
        "detection_ms": flight.settings["detection_ms"],
        "zone_delay_ms": flight.settings["zone_delay_ms"],
    }
    return met(
        f"Of {flight.results['acknowledged']:,} acknowledged numbers the new primary lacks "
        f"{flight.results['lost']:,}.",
        evidence,
    )


def comes_back(sandbox: Sandbox) -> Verdict:
    """A server that was the primary, and failed, says that it is a replica of the new one."""
    for flight in _flights(sandbox, *UNPLANNED):
        back = next(
            (
                change
                for change in group_of(sandbox).members.changes
                if change.at > flight.at
                and change.server == flight.server
                and change.status.role == "replica"
                and change.status.linked
            ),
            None,
        )
        if flight.results["promoted"] and back is not None:
            evidence: dict[str, Value] = {
                "former_primary": flight.server,
                "follows": back.status.of,
                "after_s": round(back.at - flight.at, 2),
                "master_link_status": "up",
                "slave_repl_offset": back.status.offset,
            }
            return met(
                f"{flight.server} follows {back.status.of} since {back.at - flight.at:.1f} s "
                "after it failed.",
                evidence,
            )
    raise unmet(
        "No former primary has come back as a replica yet.",
        hint="After a failover: what becomes of the server that failed?",
    )


def data_is_gone(sandbox: Sandbox) -> Verdict:
    """With no replica a primary that is started again holds nothing that it had acknowledged."""
    for flight in _flights(sandbox, "kill", "lose"):
        if (
            flight.replicas_before
            or not flight.results["recounted"]
            or not flight.results["acknowledged_before"]
        ):
            continue
        evidence: dict[str, Value] = {
            "replicas": 0,
            "acknowledged_before": flight.results["acknowledged_before"],
            "lost": flight.results["lost_before"],
            "promoted": flight.results["promoted"] or "nobody",
        }
        if flight.results["lost_before"] == flight.results["acknowledged_before"]:
            return met(
                f"{flight.server} was started again and holds none of the "
                f"{flight.results['acknowledged_before']:,} numbers that it had acknowledged.",
                evidence,
            )
        raise unmet(
            f"{flight.results['lost_before']:,} of {flight.results['acknowledged_before']:,} "
            "acknowledged numbers are gone.",
            evidence,
            hint="Where did the others survive?",
        )
    raise unmet(
        "No primary without a replica has failed yet.",
        hint="Take the replicas away, kill the primary, and start it again.",
    )


def _isolated(sandbox: Sandbox) -> list[Flight]:
    """Flights in which the primary's zone was cut off with the client inside and another was
    promoted, newest first.
    """
    return [
        flight
        for flight in _flights(sandbox, "cut")
        if flight.server
        and flight.zone == flight.settings["client_zone"]
        and flight.results["promoted"]
    ]


def split_brain(sandbox: Sandbox) -> Verdict:
    """Two servers called themselves primary; what the isolated one acknowledged is not on the
    other.
    """
    flights = [flight for flight in _isolated(sandbox) if not flight.isolated.refused]
    if not flights:
        raise unmet(
            "No client has written to an isolated primary yet.",
            hint="Put the client into the primary’s zone, cut that zone off, and wait until "
            "another is promoted.",
        )
    flight = next(
        (flight for flight in flights if flight.isolated.lost_after_promotion), flights[0]
    )
    evidence: dict[str, Value] = {
        "isolated": flight.server,
        "promoted": flight.results["promoted"],
        "promoted_after_ms": flight.results["promoted_after_ms"],
        "acknowledged_in_isolation_and_lost": flight.isolated.lost,
        "after_the_promotion": flight.isolated.lost_after_promotion,
    }
    if flight.isolated.lost_after_promotion:
        return met(
            f"{flight.server} went on acknowledging after {flight.results['promoted']} had been "
            f"promoted: {flight.isolated.lost:,} numbers, all of them lost.",
            evidence,
        )
    raise unmet(
        "Nothing was acknowledged by the isolated primary after the other’s promotion.",
        evidence,
        hint="Where does the client live, and how long was the zone cut off?",
    )


def refuses(sandbox: Sandbox) -> Verdict:
    """With min-replicas-to-write an isolated primary soon refuses, and acknowledges nothing from
    then on.
    """
    flights = [
        flight for flight in _isolated(sandbox) if int(float(flight.settings["min_replicas"]))
    ]
    if not flights:
        raise unmet(
            "No isolated primary has refused to write yet.",
            hint="What could make a primary stop writing when it hears no replica?",
        )
    flight = next(
        (
            flight
            for flight in flights
            if flight.isolated.refused and not flight.isolated.lost_after_refusal
        ),
        flights[0],
    )
    seen = flight.isolated
    evidence: dict[str, Value] = {
        "min_replicas_to_write": flight.settings["min_replicas"],
        "noreplicas_errors": seen.refused,
        "first_refusal_ms": seen.first_refusal_ms,
        "lost": seen.lost,
        "acknowledged_after_the_first_refusal": seen.lost_after_refusal,
        "promoted_after_ms": flight.results["promoted_after_ms"],
    }
    if not seen.refused:
        raise unmet(
            f"{flight.server} was to refuse without a replica, and never did.",
            evidence,
            hint="Does the server know of the setting?",
        )
    if seen.lost_after_refusal:
        raise unmet(
            f"{seen.lost_after_refusal} numbers were acknowledged after the first refusal, and "
            "lost.",
            evidence,
            hint="How many replicas could the isolated primary still hear?",
        )
    return met(
        f"{flight.server} refused with NOREPLICAS from {seen.first_refusal_ms / 1000:.2f} s on; "
        f"{seen.lost:,} numbers were lost before that, none after.",
        evidence,
    )


def planned(sandbox: Sandbox) -> Verdict:
    """A planned failover moves the primary while it is well, and loses nothing."""
    plans = [flight for flight in _flights(sandbox, "planned") if flight.results["promoted"]]
    by_plan = next(
        (flight for flight in plans if not flight.results["lost"]), plans[0] if plans else None
    )
    by_fault = next(
        (
            flight
            for flight in _flights(sandbox, *UNPLANNED)
            if flight.results["promoted"] and flight.results["recovered"]
        ),
        None,
    )
    if by_plan is None:
        raise unmet(
            "No planned failover has been seen yet.",
            hint="Move the primary while it is well.",
        )
    evidence: dict[str, Value] = {
        "planned_downtime_ms": by_plan.results["downtime_ms"],
        "planned_lost": by_plan.results["lost"],
        "promoted": by_plan.results["promoted"],
    }
    if not by_plan.results["recounted"] or by_plan.results["lost"]:
        raise unmet(
            f"{by_plan.results['promoted']} took over, and {by_plan.results['lost']} "
            "acknowledged numbers are lost.",
            evidence,
            hint="What else happened to the group meanwhile?",
        )
    if by_fault is not None:
        evidence |= {"unforeseen_downtime_ms": by_fault.results["downtime_ms"]}
    return met(
        f"{by_plan.results['promoted']} took over with "
        f"{float(by_plan.results['downtime_ms']) / 1000:.2f} s without an accepted write, and "
        "nothing is lost.",
        evidence,
    )
