"""Failover: a primary dies, a replica takes its place, the endpoint moves.

What clients see meanwhile, and what of the acknowledged is lost.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from labs.catalogue.failover import checks, faults
from labs.catalogue.failover.checks import CHECKS
from labs.catalogue.failover.wrong import WRONG
from labs.errors import NotNow
from labs.events import Value
from labs.lab import Action, Choice, Lab, Number, Prediction, tolerances
from labs.sandbox.experiment import refuted, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import bench as replicated
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.flight import Flight
from labs.setups.replication.workload import NO_REPLICAS

TOLERANCES = tolerances.of(Path(__file__).parent)
FLIGHT_S, PROMOTED_S, REFUSED_S = 8.0, 4.5, 2.5
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
"""What the predictions suppose, whatever the learner has set."""
ZONE = Choice(
    "zone",
    "Zone",
    (
        ("primary", "the primary’s"),
        *((zone, zone[-1]) for zone in replicated.ZONES),
        ("all", "all"),
    ),
    "primary",
)
WAY = Choice(
    "way",
    "What is cut",
    (("both", "both ways"), ("in", "what goes in"), ("out", "what comes out")),
    "both",
)


def measure_downtime(sandbox: Sandbox) -> float:
    """Seconds without an accepted write after the primary was killed."""
    _begin(sandbox)
    with temporarily(sandbox, **PLAIN):
        faults.kill(sandbox)
        return round(float(_over(sandbox).results["downtime_ms"]) / 1000, 2)


def measure_lost(sandbox: Sandbox) -> float:
    """Acknowledged writes that are lost with the primary's machine, 20 ms away from its
    replicas.
    """
    _begin(sandbox)
    with temporarily(
        sandbox,
        **PLAIN | {"zone_delay_ms": 20, "writes_per_s": 200},
        client_zone=_zone_of(sandbox, group_of(sandbox).primary),
    ):
        faults.lose(sandbox)
        return float(_over(sandbox).results["lost"])


def measure_planned(sandbox: Sandbox) -> float:
    """Seconds without an accepted write in a planned failover."""
    _begin(sandbox)
    with temporarily(sandbox, **PLAIN):
        faults.plan(sandbox)
        return round(float(_over(sandbox).results["downtime_ms"]) / 1000, 2)


def reference(sandbox: Sandbox) -> None:
    """An isolated primary that refuses, and one that doesn't; a machine that is lost, and comes
    back; a planned failover; a primary without a replica.
    """
    note, group = sandbox.measurements, group_of(sandbox)
    note["refused_lost"] = float(_isolate(sandbox, min_replicas="1").results["lost"])
    if refuted(sandbox, checks.promoted, checks.refuses):
        return
    _repaired(sandbox)
    split = _isolate(sandbox, min_replicas="0")
    note["split_brain_lost"], note["split_brain_s"] = (
        float(split.results["lost"]),
        round(split.ended_at - split.at, 2),
    )
    _repaired(sandbox)

    with temporarily(sandbox, zone_delay_ms=NEAR_MS, client_zone=_zone_of(sandbox, group.primary)):
        faults.lose(sandbox)
        lost = _over(sandbox)
    note |= {
        "acknowledged": float(lost.results["acknowledged"]),
        "lost_acknowledged": float(lost.results["lost"]),
        "downtime_ms": float(lost.results["downtime_ms"]),
        "promoted_after_ms": float(lost.results["promoted_after_ms"]),
    }
    faults.bring_back(sandbox)
    _repaired(sandbox)

    faults.plan(sandbox)
    note["planned_downtime_ms"] = float(_over(sandbox).results["downtime_ms"])

    sandbox.stop_load()
    _repaired(sandbox)
    sandbox.set("replicas", "0")
    faults.kill(sandbox)
    faults.bring_back(sandbox)
    note["gone_without_replica"] = float(_over(sandbox).results["lost_before"])


def _isolate(sandbox: Sandbox, *, min_replicas: str) -> Flight:
    """Cut off the zone of the primary with the client inside, until another is promoted and the
    isolated one has gone on for a while, or has refused.
    """
    group, flights = group_of(sandbox), flights_of(sandbox)
    isolated = group.primary
    with temporarily(sandbox, min_replicas=min_replicas, client_zone=_zone_of(sandbox, isolated)):
        faults.cut_zone(sandbox, "primary", "both")
        promoted = sandbox.wait_until(lambda: group.primary != isolated, deadline_s=PROMOTED_S)
        seen = len(flights.writes)
        if promoted:
            sandbox.wait_until(
                lambda: (
                    len(flights.writes) > seen + 20
                    and (min_replicas == "0" or flights.writes[-1].ended_as == NO_REPLICAS)
                ),
                deadline_s=REFUSED_S,
            )
        flight = flights.end()
        faults.heal(sandbox)
    return flight


def _repaired(sandbox: Sandbox) -> None:
    """What the service does when somebody is back."""
    with contextlib.suppress(NotNow):
        # A sentinel may have done it already.
        faults.gather(sandbox)
    _settled(sandbox)


def _zone_of(sandbox: Sandbox, server: str) -> str:
    return sandbox.lab.topology.node(server).zone


def _begin(sandbox: Sandbox) -> None:
    """Raises NotNow unless the group is whole: a primary, a replica, nothing cut, nothing down."""
    group = group_of(sandbox)
    wrong = [
        name for name, server in sandbox.servers.items() if server.state not in ("up", "stopped")
    ]
    if wrong or group.mesh.cut_zones or flights_of(sandbox).current is not None:
        raise NotNow(
            f"{(wrong or group.mesh.cut_zones or ['A flight'])[0]} is not as it should be.",
            hint="Bring everything back, then measure.",
        )
    if not any(seen.role == "replica" for seen in group.observer.statuses.values()):
        raise NotNow("The primary has no replica.", hint="Give it one, then measure.")


def _over(sandbox: Sandbox) -> Flight:
    """The flight when it is over; one that doesn't end is ended."""
    flights = flights_of(sandbox)
    try:
        return flights.wait(FLIGHT_S)
    except NotNow:
        return flights.end()


def _settled(sandbox: Sandbox) -> None:
    """Wait until everybody who is up follows the primary, and every sentinel knows it."""
    group = group_of(sandbox)

    def is_settled() -> bool:
        seen = {
            name: group.members.status_of(name)
            for name, server in sandbox.servers.items()
            if name in group.members.caches and server.state == "up"
        }
        return all(
            one is not None
            and one.linked
            and one.of == ("" if name == group.primary else group.primary)
            for name, one in seen.items()
        )

    sandbox.wait_until(lambda: is_settled() and group.observer.sentinels_agree(), deadline_s=5.0)
    group.observer.poll_all()


lab = Lab(
    id="failover",
    title="Failover",
    question="The primary dies. Who notices, what do clients see, and what is lost?",
    about="Multi-AZ with automatic failover, on three Redis and three sentinels of your own. "
    "Every operation of the clients is recorded.",
    minutes=25,
    topology=replicated.topology(caches=3, sentinels=True),
    controls=(
        replicated.WRITES,
        replicated.READS,
        Choice(
            "client_zone",
            "The clients live in",
            tuple((zone, zone[-1]) for zone in replicated.ZONES),
            "zone b",
            gear="load",
            help="A zone that is cut off is cut off with the clients that live there.",
        ),
        replicated.ZONE_DELAY,
        replicated.WAIT,
        replicated.CLIENT_TIMEOUT,
        replicated.RETRY,
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
        replicated.MIN_REPLICAS,
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
    actions=(
        Action("kill-primary", "Kill the primary", "break", faults.kill, fault=True),
        Action(
            "lose-primary",
            "Lose the primary’s machine",
            "break",
            faults.lose,
            fault=True,
            here="the process is killed, and what it had sent but no replica had received is "
            "thrown away.",
            aws="a failed node takes its memory and its network buffers with it.",
        ),
        Action("pause-primary", "Freeze the primary", "break", faults.pause, fault=True),
        Action("resume", "Let it go on", "break", faults.resume),
        Action("cut-zone", "Cut off a zone", "break", faults.cut_zone, (ZONE, WAY), fault=True),
        Action(
            "slow-zone",
            "Slow a zone",
            "break",
            faults.slow_zone,
            (ZONE, Number("delay_ms", "Each way", 0, 500, 1, 20, unit="ms")),
            fault=True,
        ),
        Action("heal", "Make the zones whole", "break", faults.heal),
        Action(
            "bring-back",
            "Bring back what is down",
            "break",
            faults.bring_back,
            primary=True,
            here="the server is started again, as a replica of whoever is the primary.",
            aws="ElastiCache makes a new replica in the zone of the failed node.",
        ),
        Action(
            "planned",
            "Planned failover",
            "break",
            faults.plan,
            here="writes wait until the replicas have everything, a sentinel promotes one, the "
            "former primary follows it.",
            aws="the API call TestFailover lets a primary fail, up to 15 shards in 24 hours; "
            "when it replaces a node by plan, the cluster keeps serving writes.",
        ),
        Action(
            "gather",
            "Repair the former primary now",
            "break",
            faults.gather,
            here="a former primary that comes back is told to follow at once; by itself a "
            "sentinel waits some ten seconds.",
            aws="the service does that; it publishes no times.",
        ),
        Action("end-flight", "End the recording", "break", faults.end_flight),
    ),
    checks=CHECKS,
    charts=replicated.CHARTS,
    tiles=(
        "flight_writes_per_s",
        "flight_reads_per_s",
        "flight_errors_per_s",
        "write_p50_ms",
        "lag_bytes",
    ),
    parts=replicated.PARTS,
    on_server=faults.record_change,
    predictions=(
        Prediction(
            "downtime",
            "The sentinels wait for a second before they hold a server to be down. The primary "
            "is killed. For how many seconds is no write accepted?",
            measure_downtime,
            unit="s",
            unit_of_one="s",
            tolerance=TOLERANCES.get("downtime", 0.0),
            slack=0.5,
            decimals=2,
            why="A second until it is held to be down, then the vote, the choice and the "
            "promotion. And a write needs somebody who says yes.",
        ),
        Prediction(
            "lost-writes",
            "200 numbers a second are written, and the replicas are 20 ms away. The client is "
            "beside the primary, whose machine is lost. How many acknowledged numbers are lost "
            "with it?",
            measure_lost,
            unit="numbers",
            unit_of_one="number",
            tolerance=TOLERANCES.get("lost-writes", 0.0),
            slack=3.0,
            decimals=0,
            why="Those that were on their way: 200 a second for 20 ms. The primary does not "
            "wait for its replicas.",
        ),
        Prediction(
            "planned",
            "The primary is well, and a failover is asked for. For how many seconds is no write "
            "accepted?",
            measure_planned,
            unit="s",
            unit_of_one="s",
            tolerance=TOLERANCES.get("planned", 0.0),
            slack=0.4,
            decimals=2,
            why="Nobody has to find out that it is down: what remains is the promotion and the "
            "endpoint’s move.",
        ),
    ),
    mutants=WRONG,
    run_reference=reference,
)
