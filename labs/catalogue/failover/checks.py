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


def _hint(sandbox: Sandbox, hint: str) -> str:
    """The hint; while a flight is recorded, what ends it."""
    flight, cut = flights_of(sandbox).current, group_of(sandbox).mesh.cut_zones
    if flight is not None and cut:
        return (
            "The flight is still being recorded. When a replica has been promoted and the clients "
            "have written for some seconds more, press “End the recording” in the tab Break."
        )
    if flight is not None and any(s.state == "paused" for s in sandbox.servers.values()):
        return (
            "A server is frozen, so the recording goes on. Press “Let it go on” in the tab Break."
        )
    if flight is not None:
        return (
            "The flight is still being recorded. It ends by itself some seconds after writes are "
            "accepted again; “End the recording” in the tab Break ends it now."
        )
    if cut:
        return f"{cut[0].capitalize()} is cut off. Press “Make the zones whole” in the tab Break."
    return hint


def _how_to_isolate(sandbox: Sandbox, *, refusing: bool) -> str:
    """What to do next to have the primary cut off together with its clients."""
    settings = sandbox.settings
    if refusing and settings["min_replicas"] == "0":
        return "Set “min-replicas-to-write” to “1” in the tab Break."
    if not refusing and settings["min_replicas"] != "0":
        return (
            f"min-replicas-to-write is {settings['min_replicas']}, so an isolated primary refuses "
            "writes. Set “min-replicas-to-write” to “0” in the tab Break."
        )
    return (
        "In the tab Break set “Zone” to “the primary’s” and “Clients” to “inside it”, then press "
        "“Cut off a zone”. When a replica has been promoted, wait some seconds more and press "
        "“End the recording”."
    )


@check("The primary fails, and a replica is promoted")
def promoted(sandbox: Sandbox) -> Verdict:
    flight = require_seen(
        next((flight for flight in _flights(sandbox, *UNPLANNED) if flight.server), None),
        "No primary has failed yet.",
        hint=_hint(
            sandbox, "Press “Kill the primary” in the tab Break. The clients start by themselves."
        ),
    )
    if flight.before.get(flight.server) == "primary" and flight.replicas_before == 0:
        older = require_seen(
            _flights(sandbox, *UNPLANNED, having=("promoted",)),
            f"{flight.words.capitalize()}, and there was no replica to promote.",
            {"failed": flight.server, "replicas_before": 0},
            hint=_hint(
                sandbox,
                "Set “Replicas” to “2” in the tab Break, press “Bring back what is down”, then "
                "“Kill the primary”.",
            ),
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
            f"{flight.words.capitalize()}. The sentinels promoted {flight.results['promoted']} "
            f"{_seconds(flight, 'promoted_after_ms')} later.",
            evidence,
        )
    if tilt_ms := float(flight.results["tilt_ms"]):
        evidence["sentinels_in_tilt_mode_ms"] = tilt_ms
        raise unmet(
            f"{flight.words.capitalize()}, and no replica was promoted. Sentinels were in TILT "
            f"mode for {tilt_ms / 1000:.1f} s: they start no failover then.",
            evidence,
            hint=_hint(
                sandbox,
                "Wait until the drawing no longer shows TILT mode. Then press “Bring back what is "
                "down” in the tab Break, and “Kill the primary”.",
            ),
        )
    raise unmet(
        f"{flight.words.capitalize()}, and no replica was promoted.",
        evidence,
        hint=_hint(
            sandbox,
            "In the tab Break set “Sentinels that must agree” to “2”, press “Bring back what is "
            "down”, then “Kill the primary”.",
        ),
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
            f"The client went on with number {flight.accepted_after[0]:,} through the same "
            f"endpoint, after {_seconds(flight, 'downtime_ms')} without an accepted write.",
            evidence,
        )
    raise unmet(
        "No client has gone on writing after a failover yet.",
        hint=_hint(
            sandbox,
            "Press “Kill the primary” in the tab Break. Let the load run and change no setting "
            "until writes are accepted again.",
        ),
    )


@check("Acknowledged writes that are lost are counted, number by number")
def counted(sandbox: Sandbox) -> Verdict:
    flight = require_seen(
        _flights(sandbox, *UNPLANNED, having=("promoted", "recounted")),
        "No lost writes have been counted after a failover yet.",
        hint=_hint(
            sandbox,
            "Press “Kill the primary” in the tab Break, and let the load run until writes are "
            "accepted again.",
        ),
    )[0]
    results = flight.results
    evidence: dict[str, Value] = {
        **evidence_of(results, "acknowledged", "lost"),
        "first_lost": flight.lost[0] if flight.lost else 0,
        "last_lost": flight.lost[-1] if flight.lost else 0,
        **evidence_of(flight.settings, "detection_ms", "zone_delay_ms"),
    }
    return met(
        f"The new primary lacks {results['lost']:,} of the {results['acknowledged']:,} numbers "
        "that the old one had acknowledged.",
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
                    f"{flight.server} became a replica of {status.of} {after_s:.1f} s after it had "
                    "failed.",
                    evidence,
                )
    raise unmet(
        "No former primary has come back as a replica yet.",
        hint=_hint(
            sandbox,
            "After a failover press “Bring back what is down” in the tab Break. A sentinel makes "
            "the server a replica some ten seconds later; “Repair the former primary now” is "
            "faster.",
        ),
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
        hint=_hint(sandbox, _how_to_lose_all(sandbox)),
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
            f"{flight.server} started again and holds none of the {had:,} numbers that it had "
            "acknowledged.",
            evidence,
        )
    raise unmet(
        f"The group lost {lost:,} of {had:,} acknowledged numbers: another server had the rest.",
        evidence,
        hint=_hint(
            sandbox,
            "In the tab Load press “Stop the load” and “Start the load”: numbers begin with 1 "
            f"again. {_how_to_lose_all(sandbox)}",
        ),
    )


def _how_to_lose_all(sandbox: Sandbox) -> str:
    """What to do next to have a primary without a replica fail."""
    settings = sandbox.settings
    if settings["min_replicas"] != "0":
        return (
            f"min-replicas-to-write is {settings['min_replicas']}, so a primary without replicas "
            "refuses writes. Set “min-replicas-to-write” to “0” in the tab Break."
        )
    if settings["replicas"] != "0":
        return "Set “Replicas” to “0” in the tab Break."
    return "In the tab Break press “Kill the primary”, then “Bring back what is down”."


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
        "No recorded flight shows a client that writes to an isolated primary yet.",
        hint=_hint(sandbox, _how_to_isolate(sandbox, refusing=False)),
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
            f"{flight.server} still acknowledged writes when {flight.results['promoted']} was the "
            f"primary already. The group lost all of these {flight.isolated.lost:,} numbers.",
            evidence,
        )
    raise unmet(
        "The isolated primary acknowledged no write after the other’s promotion.",
        evidence,
        hint=_hint(sandbox, _how_to_isolate(sandbox, refusing=False)),
    )


@check("With min-replicas-to-write an isolated primary refuses instead")
def refuses(sandbox: Sandbox) -> Verdict:
    flights = require_seen(
        [flight for flight in _isolated(sandbox) if float(flight.settings["min_replicas"])],
        "No isolated primary has refused to write yet.",
        hint=_hint(sandbox, _how_to_isolate(sandbox, refusing=True)),
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
            f"{flight.server} refused no write, although no replica could reach it.",
            evidence,
            hint=_hint(
                sandbox,
                "The first refusal comes a second after the cut. If none comes, choose "
                f"“{flight.server}” under “Console” and type “INFO replication”: "
                "min_slaves_good_slaves must be 0.",
            ),
        )
    if seen.lost_after_refusal:
        raise unmet(
            f"{flight.server} acknowledged {seen.lost_after_refusal} numbers after its first "
            "refusal, and they are lost.",
            evidence,
            hint=_hint(
                sandbox,
                "A replica could still reach the primary. In the tab Break set “What is cut” to "
                "“both ways” and press “Cut off a zone” again.",
            ),
        )
    return met(
        f"{flight.server} refused writes with NOREPLICAS from {seen.first_refusal_ms / 1000:.2f} s "
        f"on. The group lost {seen.lost:,} numbers before that, and none after.",
        evidence,
    )


@check("A planned failover moves the role of a healthy primary")
def planned(sandbox: Sandbox) -> Verdict:
    plans = require_seen(
        _flights(sandbox, "planned", having=("promoted",)),
        "No planned failover has been seen yet.",
        hint=_hint(sandbox, "Press “Planned failover” in the tab Break."),
    )
    plan = next((flight for flight in plans if not flight.results["lost"]), plans[0])
    evidence = evidence_of(plan.results, "downtime_ms", "lost", prefix="planned_")
    evidence["promoted"] = plan.results["promoted"]
    if not plan.results["recounted"] or plan.results["lost"]:
        raise unmet(
            f"{plan.results['promoted']} took over, and the group lost {plan.results['lost']} "
            "acknowledged numbers.",
            evidence,
            hint=_hint(
                sandbox,
                "Another fault came at the same time. Press “Bring back what is down” in the tab "
                "Break, wait until the drawing shows one primary, then press “Planned failover”.",
            ),
        )
    for fault in _flights(sandbox, *UNPLANNED, having=("promoted", "recovered"))[:1]:
        evidence["unforeseen_downtime_ms"] = fault.results["downtime_ms"]
    return met(
        f"{plan.results['promoted']} took over after {_seconds(plan, 'downtime_ms')} without an "
        "accepted write. The group lost nothing.",
        evidence,
    )
