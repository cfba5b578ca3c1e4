"""Failover: the primary fails and a replica is promoted. What the clients see meanwhile, and which
of the acknowledged writes are lost.
"""

from __future__ import annotations

import time

from labs.catalogue.failover import checks
from labs.events import Value
from labs.lab import Choice, Lab, Number
from labs.sandbox.experiment import refuted, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import bench, faults
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.flight import Flight
from labs.setups.replication.trials import (
    finished_flight,
    repair,
    require_whole_group,
    zone_of,
)
from labs.setups.replication.workload import NO_REPLICAS

PROMOTED_S, REFUSED_S, GOES_ON_S = 4.5, 2.5, 0.1
QUICK_MS = 500
"""How long the sentinels wait for a zone that the reference run cuts off: the shortest time that
the control has. What its checks see there does not depend on it.
"""
NEAR_MS = 20
"""How far the replicas are from the primary in the reference run, each way: what is on its way
there is what is lost.
"""
PLAIN: dict[str, Value] = {
    "detection_ms": 1_000,
    "wait": "0",
    "min_replicas": "0",
    "quorum": "2",
    "retry": "fixed",
    "client_timeout_ms": 500,
    "zone_delay_ms": 1,
}
"""The settings that the predictions suppose, whatever the learner has set."""

lab = Lab(
    id="failover",
    title="Failover",
    question="The primary dies. Who notices, what do clients see, and what is lost?",
    about="Multi-AZ with automatic failover, on three Redis and three sentinels of your own. "
    "Every operation of the clients is recorded.",
    minutes=25,
    topology=bench.topology(caches=3, sentinels=True),
    parts=bench.PARTS,
    controls=(
        bench.WRITES,
        bench.READS,
        Choice(
            "client_zone",
            "The clients live in",
            tuple((zone, zone[-1]) for zone in bench.ZONES),
            "zone b",
            gear="load",
            help="A zone that is cut off is cut off with the clients that live there.",
        ),
        bench.ZONE_DELAY,
        bench.WAIT,
        bench.CLIENT_TIMEOUT,
        bench.RETRY,
        Number(
            "detection_ms",
            "Detection time",
            500,
            10_000,
            100,
            1_000,
            unit="ms",
            scale="log",
            gear="break",
            help="down-after-milliseconds: how long a sentinel hears nothing before it holds a "
            "server to be down. The second and third wait a little longer, so that they "
            "don’t all ask for votes at once.",
        ),
        Choice("replicas", "Replicas", (("0", "0"), ("1", "1"), ("2", "2")), "2", gear="break"),
        bench.MIN_REPLICAS,
        Choice(
            "quorum",
            "Sentinels that must agree",
            (("1", "1"), ("2", "2"), ("3", "3")),
            "2",
            gear="break",
            help="To hold the primary to be down. A majority of all three must still elect the "
            "one that acts.",
        ),
    ),
    gears=("load", "break"),
    actions=faults.ACTIONS,
    charts=bench.CHARTS,
    tiles=(
        "flight_writes_per_s",
        "flight_reads_per_s",
        "flight_errors_per_s",
        "write_p50_ms",
        "lag_bytes",
    ),
)
lab.server_changed(faults.record_change)

lab.check("The primary fails, and a replica is promoted")(checks.promoted)
lab.check("The client goes on through the same endpoint, with the same settings")(checks.goes_on)
lab.check("Acknowledged writes that are lost are counted, number by number")(checks.counted)
lab.check("The former primary comes back as a replica")(checks.comes_back)
lab.check("A planned failover moves the primary while it is well")(checks.planned)
lab.check("An isolated primary goes on acknowledging, and all of that is lost")(checks.split_brain)
lab.check("With min-replicas-to-write an isolated primary refuses instead")(checks.refuses)
lab.check("With no replica the data is gone")(checks.data_is_gone)


@lab.prediction(
    "The sentinels wait for a second before they hold a server to be down. The primary "
    "is killed. For how many seconds is no write accepted?",
    unit="s",
    unit_of_one="s",
    slack=0.5,
    decimals=2,
    why="A second until it is held to be down, then the vote, the choice and the "
    "promotion. And a write needs somebody who says yes.",
)
def downtime(sandbox: Sandbox) -> float:
    """Seconds without an accepted write after the primary was killed."""
    require_whole_group(sandbox)
    with temporarily(sandbox, **PLAIN):
        faults.kill_primary(sandbox)
        return round(float(finished_flight(sandbox).results["downtime_ms"]) / 1000, 2)


@lab.prediction(
    "200 numbers a second are written, and the replicas are 20 ms away. The client is beside the "
    "primary, whose machine is lost. How many acknowledged numbers are lost with it?",
    unit="numbers",
    unit_of_one="number",
    slack=3.0,
    why="Those that were on their way: 200 a second for 20 ms. The primary does not "
    "wait for its replicas.",
)
def lost_writes(sandbox: Sandbox) -> float:
    """Acknowledged writes that are lost with the primary's machine, 20 ms away from its
    replicas.
    """
    require_whole_group(sandbox)
    with temporarily(
        sandbox,
        **PLAIN | {"zone_delay_ms": 20, "writes_per_s": 200},
        client_zone=zone_of(sandbox, group_of(sandbox).primary),
    ):
        faults.lose_primary(sandbox)
        return float(finished_flight(sandbox).results["lost"])


@lab.prediction(
    "The primary is well, and a failover is asked for. For how many seconds is no write accepted?",
    unit="s",
    unit_of_one="s",
    slack=0.4,
    decimals=2,
    why="Nobody has to find out that it is down: what remains is the promotion and the "
    "endpoint’s move.",
)
def planned(sandbox: Sandbox) -> float:
    """Seconds without an accepted write in a planned failover."""
    require_whole_group(sandbox)
    with temporarily(sandbox, **PLAIN):
        faults.planned(sandbox)
        return round(float(finished_flight(sandbox).results["downtime_ms"]) / 1000, 2)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """An isolated primary that refuses, and one that doesn't; a machine that is lost, and comes
    back; a planned failover; a primary without a replica.
    """
    note, group = sandbox.measurements, group_of(sandbox)
    note["refused_lost"] = float(_isolate(sandbox, min_replicas="1").results["lost"])
    if refuted(sandbox, checks.promoted, checks.refuses):
        return
    split = _isolate(sandbox, min_replicas="0")
    note["split_brain_lost"] = float(split.results["lost"])
    note["split_brain_s"] = round(split.ended_at - split.at, 2)

    with temporarily(sandbox, zone_delay_ms=NEAR_MS, client_zone=zone_of(sandbox, group.primary)):
        repair(sandbox)
        faults.lose_primary(sandbox)
        lost = finished_flight(sandbox)
    note |= {
        "acknowledged": float(lost.results["acknowledged"]),
        "lost_acknowledged": float(lost.results["lost"]),
        "downtime_ms": float(lost.results["downtime_ms"]),
        "promoted_after_ms": float(lost.results["promoted_after_ms"]),
    }
    faults.bring_back(sandbox)
    repair(sandbox)

    faults.planned(sandbox)
    note["planned_downtime_ms"] = float(finished_flight(sandbox).results["downtime_ms"])

    # Numbers from one again: older ones may lie in the file from which it was once a replica.
    sandbox.start_load()
    sandbox.set("replicas", "0")
    faults.kill_primary(sandbox)
    faults.bring_back(sandbox)
    _wait_for_writes(sandbox)
    note["gone_without_replica"] = float(flights_of(sandbox).end().results["lost_before"])


def _isolate(sandbox: Sandbox, *, min_replicas: str) -> Flight:
    """Cut off the zone of the primary with the client inside, until another is promoted and the
    isolated one has gone on for a while, or has refused.
    """
    group = group_of(sandbox)
    isolated = group.primary
    with temporarily(
        sandbox,
        min_replicas=min_replicas,
        client_zone=zone_of(sandbox, isolated),
        detection_ms=QUICK_MS,
    ):
        repair(sandbox)
        faults.cut_zone(sandbox, "primary", "both")
        if sandbox.wait_until(lambda: group.primary != isolated, deadline_s=PROMOTED_S):
            _wait_for_writes(sandbox, NO_REPLICAS if min_replicas != "0" else "")
        flight = flights_of(sandbox).end()
        faults.heal(sandbox)
    return flight


def _wait_for_writes(sandbox: Sandbox, ended_as: str = "") -> None:
    """Wait until the client has gone on for a while, and its newest write has `ended_as` this."""
    writes, since = flights_of(sandbox).writes, time.monotonic() + GOES_ON_S
    sandbox.wait_until(
        lambda: writes[-1].began > since and ended_as in ("", writes[-1].ended_as),
        deadline_s=REFUSED_S,
    )


def remove_replicas(sandbox: Sandbox) -> None:
    """Leave the group without a replica."""
    sandbox.set("replicas", "0")


def kill_two_sentinels(sandbox: Sandbox) -> None:
    """Leave one sentinel of three."""
    for name in ("sentinel-b", "sentinel-c"):
        sandbox.servers[name].kill("a mutant")


def forbid_promotion(sandbox: Sandbox) -> None:
    """Give every replica the priority 0, so that none can be the primary."""
    members = group_of(sandbox).members
    for name in members.caches[1:]:
        members.redis(name).run("CONFIG", "SET", "replica-priority", 0)


def ignore_min_replicas(sandbox: Sandbox) -> None:
    """Never put min-replicas-to-write in force."""
    group_of(sandbox).settings_are_in_force = False


lab.mutant(
    "no-replica",
    "a primary without a replica",
    caught_by=checks.promoted,
    mutate=remove_replicas,
)
lab.mutant(
    "no-quorum",
    "one sentinel of three is up: nobody can agree",
    caught_by=checks.promoted,
    mutate=kill_two_sentinels,
)
lab.mutant(
    "never-promoted",
    "replicas whose priority is 0: none may be promoted",
    caught_by=checks.promoted,
    mutate=forbid_promotion,
)
lab.mutant(
    "never-refuses",
    "min-replicas-to-write is set on the page and not on the servers",
    caught_by=checks.refuses,
    mutate=ignore_min_replicas,
)
