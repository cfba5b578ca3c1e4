"""What must be seen in the lab failover: judged by the client's own clock and record, by what the
servers say of their roles, and by what is read back from the survivors.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.flight import Flight

UNPLANNED = ("kill", "lose", "pause", "cut")


def _flights(sandbox: Sandbox, *verbs: str, having: tuple[str, ...] = ()) -> list[Flight]:
    """The flights of these faults that have all these results, newest first."""
    return [
        flight
        for flight in reversed(flights_of(sandbox).over)
        if flight.verb in verbs and all(flight.results[name] for name in having)
    ]


def _seconds(flight: Flight, result: str) -> str:
    return f"{float(flight.results[result]) / 1000:.2f} s"


@check("The primary fails, and a replica is promoted")
def promoted(sandbox: Sandbox) -> Verdict:
    flight = require_seen(
        next((flight for flight in _flights(sandbox, *UNPLANNED) if flight.server), None),
        "No primary has failed yet.",
        hint="Run the clients, then do something to the primary.",
    )
    if flight.before.get(flight.server) == "primary" and flight.replicas_before == 0:
        older = require_seen(
            _flights(sandbox, *UNPLANNED, having=("promoted",)),
            f"{flight.words.capitalize()}, and there was no replica to promote.",
            {"failed": flight.server, "replicas_before": 0},
            hint="How many replicas does the group have?",
        )
        flight = older[0]
    evidence: dict[str, Value] = {
        "failed": flight.server,
        **evidence_of(flight.results, "promoted", "promoted_after_ms"),
        "replicas_before": flight.replicas_before,
        "sentinels_that_agreed": flight.agreed,
    }
    if flight.results["promoted"]:
        return met(
            f"{flight.words.capitalize()}; {flight.results['promoted']} was promoted "
            f"{_seconds(flight, 'promoted_after_ms')} later.",
            evidence,
        )
    if tilt_ms := float(flight.results["tilt_ms"]):
        evidence["sentinels_in_tilt_mode_ms"] = tilt_ms
        raise unmet(
            f"{flight.words.capitalize()}, and no replica was promoted. Sentinels were in TILT "
            f"mode for {tilt_ms / 1000:.1f} s: they start no failover then.",
            evidence,
            hint="Bring the primary back, wait until the sentinels leave TILT mode, and try again.",
        )
    raise unmet(
        f"{flight.words.capitalize()}, and no replica was promoted.",
        evidence,
        hint="Which replica could have been promoted, and how many sentinels had to agree?",
    )


@check("The client goes on through the same endpoint, with the same settings")
def goes_on(sandbox: Sandbox) -> Verdict:
    for flight in _flights(sandbox, *UNPLANNED, having=("promoted", "recovered")):
        if not flight.accepted_after or flight.client != flight.client_after:
            continue
        evidence: dict[str, Value] = {
            "client_before": flight.client,
            "client_after": flight.client_after,
            "downtime_ms": flight.results["downtime_ms"],
            "writes_after": len(flight.accepted_after),
            "first_number_after": flight.accepted_after[0],
        }
        return met(
            f"Number {flight.accepted_after[0]:,} was accepted through the same endpoint, "
            f"after {_seconds(flight, 'downtime_ms')} without an accepted write.",
            evidence,
        )
    raise unmet(
        "No client has gone on after a failover yet.",
        hint="Let the clients run through a failover of the primary.",
    )


@check("Acknowledged writes that are lost are counted, number by number")
def counted(sandbox: Sandbox) -> Verdict:
    flight = require_seen(
        _flights(sandbox, *UNPLANNED, having=("promoted", "recounted")),
        "Nothing has been counted after a failover yet.",
        hint="Let the clients run through a failover of the primary.",
    )[0]
    results = flight.results
    evidence: dict[str, Value] = {
        **evidence_of(results, "acknowledged", "lost"),
        "first_lost": flight.lost[0] if flight.lost else 0,
        "last_lost": flight.lost[-1] if flight.lost else 0,
        **evidence_of(flight.settings, "detection_ms", "zone_delay_ms"),
    }
    return met(
        f"Of {results['acknowledged']:,} acknowledged numbers the new primary lacks "
        f"{results['lost']:,}.",
        evidence,
    )


@check("The former primary comes back as a replica")
def comes_back(sandbox: Sandbox) -> Verdict:
    for flight in _flights(sandbox, *UNPLANNED, having=("promoted",)):
        for change in group_of(sandbox).members.changes:
            status, after_s = change.status, change.at - flight.at
            if change.server != flight.server or after_s <= 0:
                continue
            if status.role == "replica" and status.linked:
                evidence: dict[str, Value] = {
                    "former_primary": flight.server,
                    "follows": status.of,
                    "after_s": round(after_s, 2),
                    "master_link_status": "up",
                    "slave_repl_offset": status.offset,
                }
                return met(
                    f"{flight.server} follows {status.of} since {after_s:.1f} s after it failed.",
                    evidence,
                )
    raise unmet(
        "No former primary has come back as a replica yet.",
        hint="After a failover: what becomes of the server that failed?",
    )


@check("With no replica the data is gone")
def data_is_gone(sandbox: Sandbox) -> Verdict:
    alone = require_seen(
        [
            flight
            for flight in _flights(
                sandbox, "kill", "lose", having=("recounted", "acknowledged_before")
            )
            if not flight.replicas_before
        ],
        "No primary without a replica has failed yet.",
        hint="Take the replicas away, kill the primary, and start it again.",
    )
    flight = alone[0]
    had, lost = flight.results["acknowledged_before"], flight.results["lost_before"]
    evidence: dict[str, Value] = {
        "replicas": 0,
        "acknowledged_before": had,
        "lost": lost,
        "promoted": flight.results["promoted"] or "none",
    }
    if lost == had:
        return met(
            f"{flight.server} was started again and holds none of the {had:,} numbers that it had "
            "acknowledged.",
            evidence,
        )
    raise unmet(
        f"{lost:,} of {had:,} acknowledged numbers are gone.",
        evidence,
        hint="Where did the others survive?",
    )


def _isolated(sandbox: Sandbox) -> list[Flight]:
    """Flights in which the primary's zone was cut off with the client inside and another was
    promoted, newest first.
    """
    return [
        flight
        for flight in _flights(sandbox, "cut", having=("promoted",))
        if flight.server and flight.zone == flight.settings["client_zone"]
    ]


@check("An isolated primary goes on acknowledging, and all of that is lost")
def split_brain(sandbox: Sandbox) -> Verdict:
    flights = require_seen(
        [flight for flight in _isolated(sandbox) if not flight.isolated.refused],
        "No client has written to an isolated primary yet.",
        hint="Put the client into the primary’s zone, cut that zone off, and wait until "
        "another is promoted.",
    )
    flight = next((one for one in flights if one.isolated.lost_after_promotion), flights[0])
    evidence: dict[str, Value] = {
        "isolated": flight.server,
        **evidence_of(flight.results, "promoted", "promoted_after_ms"),
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


@check("With min-replicas-to-write an isolated primary refuses instead")
def refuses(sandbox: Sandbox) -> Verdict:
    flights = require_seen(
        [flight for flight in _isolated(sandbox) if float(flight.settings["min_replicas"])],
        "No isolated primary has refused to write yet.",
        hint="What could make a primary stop writing when it hears no replica?",
    )
    flight = next(
        (one for one in flights if one.isolated.refused and not one.isolated.lost_after_refusal),
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


@check("A planned failover moves the primary while it is well")
def planned(sandbox: Sandbox) -> Verdict:
    plans = require_seen(
        _flights(sandbox, "planned", having=("promoted",)),
        "No planned failover has been seen yet.",
        hint="Move the primary while it is well.",
    )
    plan = next((flight for flight in plans if not flight.results["lost"]), plans[0])
    evidence = evidence_of(plan.results, "downtime_ms", "lost", prefix="planned_")
    evidence["promoted"] = plan.results["promoted"]
    if not plan.results["recounted"] or plan.results["lost"]:
        raise unmet(
            f"{plan.results['promoted']} took over, and {plan.results['lost']} acknowledged "
            "numbers are lost.",
            evidence,
            hint="What else happened to the group meanwhile?",
        )
    for fault in _flights(sandbox, *UNPLANNED, having=("promoted", "recovered"))[:1]:
        evidence["unforeseen_downtime_ms"] = fault.results["downtime_ms"]
    return met(
        f"{plan.results['promoted']} took over with {_seconds(plan, 'downtime_ms')} without an "
        "accepted write, and nothing is lost.",
        evidence,
    )
