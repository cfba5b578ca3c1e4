"""The steps that lead a learner through the lab failover."""

from labs.catalogue.failover import checks
from labs.lab import Check, Step, Verdict, check, met, require_seen, unmet
from labs.lab.guide import WATCH, choose, load, predict, press
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.workload import ACKNOWLEDGED, NO_REPLICAS

LONG_ENOUGH_S = 0.5
"""The isolated primary is seen for at least this long after another was promoted."""
NEWEST = 50


def _written_in_isolation(sandbox: Sandbox) -> list[str]:
    """How the newest writes to the isolated primary ended, of those that began after another server
    was promoted.
    """
    flights, group = flights_of(sandbox), group_of(sandbox)
    flight = require_seen(
        flights.current or next(reversed(flights.over), None),
        "No zone has been cut off yet.",
        hint="Cut off the primary’s zone.",
    )
    if flight.verb != "cut" or flight.server in ("", group.primary):
        raise unmet("No other server has been promoted yet.")
    promoted_at = max((move.at for move in list(group.endpoints.moves)), default=flight.at)
    newest = list(flights.writes)[-NEWEST:]
    return [op.ended_as for op in newest if op.began > promoted_at + LONG_ENOUGH_S]


@check("Another server was promoted, and the one that is cut off still says OK")
def still_acknowledges(sandbox: Sandbox) -> Verdict:
    ends = _written_in_isolation(sandbox)
    if ACKNOWLEDGED not in ends:
        raise unmet("The primary that is cut off has acknowledged nothing since.")
    return met("Both servers call themselves primary.", {"acknowledged": ends.count(ACKNOWLEDGED)})


@check("Another server was promoted, and the one that is cut off answers NOREPLICAS")
def refuses_by_now(sandbox: Sandbox) -> Verdict:
    ends = _written_in_isolation(sandbox)
    if NO_REPLICAS not in ends:
        raise unmet("The primary that is cut off has refused nothing since.")
    return met("The primary that is cut off refuses.", {"refused": ends.count(NO_REPLICAS)})


def _whole_with(least: str) -> Check:
    """Met when min-replicas-to-write is this, and the group is ready for the next fault."""

    def whole(sandbox: Sandbox) -> Verdict:
        group, flights = group_of(sandbox), flights_of(sandbox)
        if sandbox.settings["min_replicas"] != least:
            raise unmet("min-replicas-to-write has another value.")
        if flights.current is not None or group.mesh.cut_zones:
            raise unmet("The last fault is not over.")
        for name, status in dict(group.members.statuses).items():
            if not status.linked or status.of != ("" if name == group.primary else group.primary):
                raise unmet(f"{name} does not follow {group.primary}.")
        return met("The group is whole.", {"min_replicas_to_write": least})

    return check(f"min-replicas-to-write is {least}, and every server follows the primary")(whole)


GUIDE = (
    Step(
        "Start the load.",
        load("start"),
        "One client writes numbers through the primary endpoint; others read through the reader "
        "endpoint.",
    ),
    Step(
        "Kill the primary.",
        press("kill-primary"),
        "The sentinels agreed that the primary was down, and made a replica the new primary.",
        until=checks.promoted,
        how="Then wait until a replica is promoted, and writes are accepted again.",
    ),
    Step(
        "Read for how long no write was accepted.",
        WATCH,
        "The endpoint leads to the new primary, so the client went on with the same settings.",
        until=checks.goes_on,
    ),
    Step(
        "Read how many acknowledged writes are lost.",
        WATCH,
        "What the old primary had not sent yet is lost: often nothing, sometimes the last writes.",
        until=checks.counted,
    ),
    Step(
        "Bring back the server that is down.",
        press("bring-back"),
        "The former primary copied the data of the new primary, and follows it now.",
        until=checks.comes_back,
    ),
    Step(
        "Guess how long a planned failover stops writes.",
        predict("planned"),
        "No sentinel had to find a failure, so writes stopped for less time, and none was lost.",
        until=checks.planned,
    ),
    Step(
        "Cut off the primary’s zone with the clients inside.",
        press("cut-zone", clients="inside"),
        "Two servers call themselves primary, and the isolated one still answers OK.",
        until=still_acknowledges,
        how="Then wait until another server is promoted. If the clients stayed outside, make the "
        "zones whole and begin again.",
    ),
    Step(
        "Make the zones whole.",
        press("heal"),
        "The former primary is connected again, with writes that no other server has.",
    ),
    Step(
        "Repair the former primary.",
        press("gather"),
        "The former primary became a replica of the new one, and its own writes are gone.",
        until=checks.split_brain,
        how="If you do not press it, a sentinel does the same after about ten seconds.",
    ),
    Step(
        "Set min-replicas-to-write to 1.",
        choose("min_replicas", "1"),
        "A primary now refuses writes when no replica has reported for a second.",
        until=_whole_with("1"),
        how="If a zone is cut off, make the zones whole. If a server is down, bring it back.",
    ),
    Step(
        "Cut off the primary’s zone again, clients inside.",
        press("cut-zone", clients="inside"),
        "The isolated primary answered NOREPLICAS: an error instead of a false OK.",
        until=refuses_by_now,
        how="Then wait until it refuses and another server is promoted. If the clients stayed "
        "outside, make the zones whole and begin again.",
    ),
    Step(
        "Make the zones whole again.",
        press("heal"),
        "The clients write to the new primary, which has a replica.",
    ),
    Step(
        "Repair the former primary again.",
        press("gather"),
        "Writes were lost only until the first refusal: min-replicas-to-write limits the loss.",
        until=checks.refuses,
    ),
    Step(
        "Set min-replicas-to-write back to 0.",
        choose("min_replicas", "0"),
        "A primary may write without a replica again.",
        until=_whole_with("0"),
        how="If a zone is cut off, make the zones whole. If a server is down, bring it back.",
    ),
    Step(
        "Set the number of replicas to 0.",
        choose("replicas", "0"),
        "Both replicas stopped, so there is no server that could be promoted.",
    ),
    Step(
        "Kill the primary once more.",
        press("kill-primary"),
        "There is no replica that the sentinels could promote, so every write fails.",
    ),
    Step(
        "Bring it back.",
        press("bring-back"),
        "The server started empty: without a replica its memory was the only copy.",
        until=checks.data_is_gone,
    ),
)
