"""Failover: a replica is promoted; what the clients see meanwhile, and which writes are lost."""

from __future__ import annotations

import time
from collections.abc import Callable

from labs.catalogue.failover import checks, guide, mutants
from labs.events import Value
from labs.lab import Choice, Lab, Number
from labs.sandbox.experiment import refuted, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import bench, faults
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.flight import Flight
from labs.setups.replication.trials import (
    finished_flight,
    make_group_ready,
    measured_result,
    repair,
    undisturbed,
    wait_through_tilt,
    zone_of,
)
from labs.setups.replication.workload import NO_REPLICAS

PROMOTED_S, REFUSED_S, GOES_ON_S = 8.0, 6.0, 0.1
QUICK_MS = 500
"""How long the sentinels wait for a zone that the reference run cuts off: the shortest time that
the control has. What its checks see there does not depend on it.
"""
REPLICA_DELAY_MS = 20
"""The delay between the primary and its replicas when the reference run loses a machine, each way:
the writes of this time are lost.
"""
PLAIN: dict[str, Value] = {
    "detection_ms": 1_000,
    "wait": "0",
    "min_replicas": "0",
    "replicas": "2",
    "quorum": "2",
    "retry": "fixed",
    "client_timeout_ms": 500,
    "zone_delay_ms": 1,
}
"""The settings that the predictions suppose, whatever the learner has set."""

lab = Lab(
    id="failover",
    title="Failover",
    question="The primary fails. Which server takes over, what do clients see, and what is lost?",
    about="Multi-AZ with automatic failover, on three Redis servers and three sentinels. "
    "Every operation of the clients is recorded.",
    minutes=25,
    topology=bench.topology(caches=3, sentinels=True),
    parts=bench.PARTS,
    controls=(
        bench.WRITES,
        bench.READS,
        bench.client_zone("zone b", "The clients in a zone are cut off together with it."),
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
            help="down-after-milliseconds: how long a server may send no answer before a "
            "sentinel calls it down. The second and third wait a little longer, so that they "
            "don’t all request votes at once.",
        ),
        Choice("replicas", "Replicas", (("0", "0"), ("1", "1"), ("2", "2")), "2", gear="break"),
        bench.MIN_REPLICAS,
        Choice(
            "quorum",
            "Sentinels that must agree",
            (("1", "1"), ("2", "2"), ("3", "3")),
            "2",
            gear="break",
            help="To call the primary down. A majority of all three must still elect the "
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
    checks=(
        checks.promoted,
        checks.goes_on,
        checks.counted,
        checks.comes_back,
        checks.planned,
        checks.split_brain,
        checks.refuses,
        checks.data_is_gone,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
    on_server=faults.record_change,
)


@lab.prediction(
    "The sentinels wait for a second before they call a server down. The primary "
    "is killed. For how many seconds is no write accepted?",
    unit="s",
    unit_of_one="s",
    slack=0.5,
    decimals=2,
    why="A second until the sentinels call it down, then the vote, the choice and the promotion. "
    "Then a write needs a server that accepts it.",
)
def downtime(sandbox: Sandbox) -> float:
    return round(_result(sandbox, faults.kill_primary, "downtime_ms") / 1000, 2)


@lab.prediction(
    "200 numbers a second are written, and the replicas are 20 ms away. The client is next to the "
    "primary, whose machine is lost. How many acknowledged numbers are lost with it?",
    unit="numbers",
    unit_of_one="number",
    slack=3.0,
    why="Those that no replica had received: 200 a second for 20 ms. The primary does not wait for "
    "its replicas.",
)
def lost_writes(sandbox: Sandbox) -> float:
    make_group_ready(sandbox)
    zone = zone_of(sandbox, group_of(sandbox).primary)
    far: dict[str, Value] = {"zone_delay_ms": 20, "writes_per_s": 200, "client_zone": zone}
    return _result(sandbox, faults.lose_primary, "lost", **far)


@lab.prediction(
    "The primary is healthy, and a failover is started. For how many seconds is no write accepted?",
    unit="s",
    unit_of_one="s",
    slack=0.4,
    decimals=2,
    why="No sentinel has to find out that it is down: what remains is the promotion and the "
    "endpoint’s move.",
)
def planned(sandbox: Sandbox) -> float:
    return round(_result(sandbox, faults.planned, "downtime_ms") / 1000, 2)


def _result(
    sandbox: Sandbox, fault: Callable[[Sandbox], str], name: str, **settings: Value
) -> float:
    """A result of the flight after a fault, with PLAIN settings but for those that are given."""

    def fly() -> Flight:
        with temporarily(sandbox, **PLAIN | settings):
            make_group_ready(sandbox)
            fault(sandbox)
            return finished_flight(sandbox)

    return measured_result(sandbox, fly, name)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """An isolated primary that refuses, and one that doesn't; a machine that is lost; a planned
    failover; a primary without a replica.
    """
    note = sandbox.measurements
    refused = undisturbed(sandbox, lambda: _isolate(sandbox, min_replicas="1"))
    note["refused_lost"] = float(refused.results["lost"])
    if refuted(sandbox, checks.promoted, checks.refuses):
        return
    split = undisturbed(sandbox, lambda: _isolate(sandbox, min_replicas="0"))
    note["split_brain_lost"] = float(split.results["lost"])
    note["split_brain_s"] = round(split.ended_at - split.at, 2)

    lost = undisturbed(sandbox, lambda: _lose(sandbox))
    note["lost_acknowledged"] = float(lost.results["lost"])
    for name in ("acknowledged", "downtime_ms", "promoted_after_ms"):
        note[name] = float(lost.results[name])
    faults.bring_back(sandbox)
    repair(sandbox)

    plan = undisturbed(sandbox, lambda: _switch(sandbox))
    note["planned_downtime_ms"] = float(plan.results["downtime_ms"])

    # Numbers from one again, for a figure of this fault alone.
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
        if wait_through_tilt(sandbox, lambda: group.primary != isolated, deadline_s=PROMOTED_S):
            _wait_for_writes(sandbox, NO_REPLICAS if min_replicas != "0" else "")
        flight = flights_of(sandbox).end()
        faults.heal(sandbox)
    return flight


def _lose(sandbox: Sandbox) -> Flight:
    """Lose the primary's machine, with the client near it."""
    zone = zone_of(sandbox, group_of(sandbox).primary)
    with temporarily(sandbox, zone_delay_ms=REPLICA_DELAY_MS, client_zone=zone):
        repair(sandbox)
        faults.lose_primary(sandbox)
        return finished_flight(sandbox)


def _switch(sandbox: Sandbox) -> Flight:
    """Move the primary by plan."""
    faults.planned(sandbox)
    return finished_flight(sandbox)


def _wait_for_writes(sandbox: Sandbox, ended_as: str = "") -> None:
    """Wait until the client has gone on for a while, and its newest write has `ended_as` this."""
    writes, since = flights_of(sandbox).writes, time.monotonic() + GOES_ON_S
    sandbox.wait_until(
        lambda: writes[-1].began > since and ended_as in ("", writes[-1].ended_as),
        deadline_s=REFUSED_S,
    )
