"""Read replicas: reads spread over servers that are always a little behind.

Who answers, how far behind, and who sees it.
"""

from __future__ import annotations

from pathlib import Path

from labs.catalogue.read_replicas import watching
from labs.catalogue.read_replicas.checks import CHECKS, spread
from labs.catalogue.read_replicas.wrong import WRONG
from labs.errors import NotNow
from labs.lab import Action, Chart, Choice, Column, Lab, Number, Prediction, Table, tolerances
from labs.sandbox.experiment import refuted, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import bench as replicated
from labs.setups.replication.bench import flights_of, group_of

TOLERANCES = tolerances.of(Path(__file__).parent)
COUNT_S, SHORT_S = 1.2, 0.8
JOINED_S = 5.0
SLOW_MS = 20.0
KEEP_S = 0.3
REPLICA = Choice(
    "replica",
    "Replica",
    tuple((f"cache-{n:03}", f"cache-{n:03}") for n in range(2, 7)),
    "cache-002",
)


def add(sandbox: Sandbox) -> str:
    """One more replica, while everything runs."""
    return (
        f"{_one_more(sandbox)} was added. It has all data, and the reader endpoint leads new "
        "connections to it."
    )


def _one_more(sandbox: Sandbox) -> str:
    """The name of a replica that has all data now and had none.

    Raises NotNow if there is none to be had.
    """
    group = group_of(sandbox)
    if sandbox.servers[group.primary].state != "up":
        raise NotNow(
            f"{group.primary}, the primary, is not up: there is nobody to copy from.",
            hint="Bring it back first.",
        )
    name = next(
        (
            name
            for name in group.members.caches
            if name != group.primary and sandbox.servers[name].state in ("stopped", "down")
        ),
        "",
    )
    if not name:
        raise NotNow(
            "The primary has five replicas, and more there are not.", hint="Remove one first."
        )
    sandbox.add(name, "a replica was added")
    if not sandbox.wait_until(
        lambda: (seen := group.members.status_of(name)) is not None and seen.linked,
        deadline_s=JOINED_S,
    ):
        raise NotNow(f"{name} has not got all data in {JOINED_S:g} s.", hint="Is its link whole?")
    group.observer.poll_all()
    sandbox.caption(
        f"{name} is a replica now.",
        "It has all data. New connections are led to it; those that are open stay where they are.",
    )
    return name


def remove(sandbox: Sandbox) -> str:
    """One replica less: the last one."""
    group = group_of(sandbox)
    names = [
        name
        for name in group.members.caches
        if name != group.primary and sandbox.servers[name].state != "stopped"
    ]
    if not names:
        raise NotNow("There is no replica to remove.")
    _one_less(sandbox, names[-1])
    return f"{names[-1]} was removed. Who was connected to it connects anew."


def _one_less(sandbox: Sandbox, name: str) -> None:
    sandbox.remove(name, "this replica was removed")
    group_of(sandbox).observer.poll_all()
    sandbox.caption(
        f"{name} is gone.", "Who was connected to it connects anew, and is led to the others."
    )


def count(sandbox: Sandbox) -> str:
    """Count for a while who answers the reads."""
    counted = watching.window(sandbox, COUNT_S)
    shares = ", ".join(
        f"{name} {counted.share_percent(name):.0f}\u00a0%" for name in counted.replicas
    )
    sandbox.caption(
        f"{shares}.",
        f"Of {counted.total:,} reads, by the servers’ own count. The endpoint gives out "
        "connections, not requests.",
    )
    return f"Of {counted.total:,} reads: {shares}."


def slow(sandbox: Sandbox, replica: str, delay_ms: float) -> str:
    """Slow the link between the primary and a replica."""
    group_of(sandbox).mesh.slow(group_of(sandbox).primary, replica, delay_ms)
    says = (
        f"What {replica} is told comes {delay_ms:g} ms later."
        if delay_ms
        else f"The link to {replica} is whole again."
    )
    sandbox.caption(says, "Who reads there reads the past." if delay_ms else "")
    return says


def follow(sandbox: Sandbox, replica: str) -> str:
    """Follow a write from the primary to a replica."""
    lag = watching.lag(sandbox, replica)
    sandbox.caption(
        f"A write was on {replica} after {lag.took_ms:.1f} ms.",
        f"When the primary had it, {replica} was {lag.bytes_behind:,} bytes behind.",
    )
    return f"A write was on {replica} after {lag.took_ms:.1f} ms."


def write_to(sandbox: Sandbox, replica: str) -> str:
    """Try to write to a replica."""
    answer = watching.refused(sandbox, replica).answer
    sandbox.caption(f"{replica} says: {answer}", "")
    return f"{replica} says: {answer}"


def compare_own_reads(sandbox: Sandbox) -> str:
    """The writing client reads its own writes through the reader endpoint, then through the
    primary's.
    """
    _begin(sandbox)
    found = []
    for where in ("reader", "primary"):
        with temporarily(sandbox, own_reads=where):
            found.append(watching.own_reads(sandbox, SHORT_S))
    says = (
        f"{found[0].stale:,} of {found[0].reads:,} own writes were not seen at a replica, "
        f"{found[1].stale:,} of {found[1].reads:,} not at the primary."
    )
    sandbox.caption(says)
    return says


def measure_new_share(sandbox: Sandbox) -> float:
    """The part of the reads that a new replica answers while six clients keep their connections to
    the two that were there. Raises NotNow unless there are two.
    """
    replicas = len(group_of(sandbox).endpoints.readers)
    if replicas != 2:
        raise NotNow(
            f"The primary has {replicas} replicas, and this begins with two.",
            hint="Add or remove some, then measure.",
        )
    with temporarily(sandbox, readers=6, keep_connections_s=0):
        _begin(sandbox)
        new = _one_more(sandbox)
        try:
            return round(watching.window(sandbox, COUNT_S).share_percent(new), 1)
        finally:
            _one_less(sandbox, new)


def measure_stale(sandbox: Sandbox) -> float:
    """Percentage of reads right after a write that don't see it, at replicas that are 20 ms
    away.
    """
    _begin(sandbox)
    replicas = list(group_of(sandbox).endpoints.readers)
    for name in replicas:
        slow(sandbox, name, SLOW_MS)
    try:
        with temporarily(sandbox, own_reads="reader"):
            return round(watching.own_reads(sandbox, SHORT_S).stale_percent, 1)
    finally:
        for name in replicas:
            slow(sandbox, name, 0.0)


def reference(sandbox: Sandbox) -> None:
    """Who answers; a replica more and one less; a slow link; own writes; a write where none is
    taken.
    """
    note, group = sandbox.measurements, group_of(sandbox)
    _begin(sandbox)
    first = watching.window(sandbox, COUNT_S)
    note["reads_spread_percent"], note["reads_per_s"] = (
        round(first.spread_percent, 1),
        round(first.total / first.seconds, 1),
    )
    if refuted(sandbox, spread):
        return
    new = _one_more(sandbox)
    note["new_replica_share_percent"] = round(
        watching.window(sandbox, SHORT_S).share_percent(new), 1
    )
    with temporarily(sandbox, keep_connections_s=KEEP_S):
        sandbox.wait_until(
            lambda: watching.window(sandbox, SHORT_S).share_percent(new) > 0, deadline_s=3.0
        )
        remove(sandbox)
        watching.window(sandbox, SHORT_S)
    replica = group.endpoints.readers[0]
    note["whole_link_ms"] = watching.lag(sandbox, replica).took_ms
    for name in group.endpoints.readers:
        slow(sandbox, name, SLOW_MS)
    slowed = watching.lag(sandbox, replica)
    note["lag_ms"], note["lag_bytes"] = slowed.took_ms, float(slowed.bytes_behind)
    compare_own_reads(sandbox)
    own = [seen for seen in sandbox.ledger.observations if isinstance(seen, watching.OwnReads)]
    note["stale_after_write_percent"], note["stale_at_the_primary_percent"] = (
        round(own[-2].stale_percent, 1),
        round(own[-1].stale_percent, 1),
    )
    for name in group.endpoints.readers:
        slow(sandbox, name, 0.0)
    write_to(sandbox, replica)


def _begin(sandbox: Sandbox) -> None:
    if not group_of(sandbox).endpoints.readers:
        raise NotNow("The primary has no replica.", hint="Add one first.")
    if not sandbox.load.running:
        sandbox.start_load()
        sandbox.wait_until(lambda: len(flights_of(sandbox).reads) > 20, deadline_s=3.0)


lab = Lab(
    id="read-replicas",
    title="Read replicas",
    question="How far do replicas carry reads, and what do they not know yet?",
    about="A primary and up to five replicas of your own. Add one under load, slow its link, "
    "and read what you have just written.",
    minutes=20,
    parts=replicated.PARTS,
    topology=replicated.topology(caches=6, waiting=3, sentinels=False),
    controls=(
        replicated.WRITES,
        replicated.READS,
        Number(
            "readers",
            "Readers",
            1,
            8,
            1,
            6,
            gear="load",
            help="Clients that read, each with one connection.",
        ),
        Number(
            "keep_connections_s",
            "Readers keep a connection for",
            0,
            10,
            0.1,
            0,
            unit="s",
            gear="load",
            help="0: for ever. Else a reader connects anew after so long, by the endpoint’s name.",
        ),
        Choice(
            "own_reads",
            "The writer reads its own writes",
            (("no", "no"), ("reader", "at the reader endpoint"), ("primary", "at the primary")),
            "no",
            gear="load",
            help="Right after each write that was acknowledged.",
        ),
        replicated.WAIT,
        Choice(
            "client_zone",
            "The clients live in",
            tuple((zone, zone[-1]) for zone in replicated.ZONES),
            "zone a",
            gear="load",
        ),
        replicated.ZONE_DELAY,
    ),
    gears=("load", "break"),
    actions=(
        Action("count", "Count who answers", "load", count, primary=True),
        Action(
            "add-replica",
            "Add a replica",
            "load",
            add,
            here="another server on this machine, which copies the primary’s data.",
            aws="IncreaseReplicaCount; a new node, minutes later, in the zone that you name.",
        ),
        Action(
            "remove-replica",
            "Remove a replica",
            "load",
            remove,
            here="the last server stops.",
            aws="DecreaseReplicaCount; with Multi-AZ at least one stays.",
        ),
        Action("own-reads", "Compare reads of own writes", "load", compare_own_reads),
        Action(
            "slow-link",
            "Slow a replica’s link",
            "break",
            slow,
            (
                REPLICA,
                Number("delay_ms", "Each way", 0, 500, 1, 20, unit="ms", help="0: whole again."),
            ),
            fault=True,
        ),
        Action("follow", "Follow a write there", "break", follow, (REPLICA,)),
        Action(
            "write-to-replica",
            "Try to write there",
            "break",
            write_to,
            (REPLICA,),
            here="the replica answers with its error, and keeps the connection.",
            aws="ElastiCache closes the connection as well (close-on-replica-write).",
        ),
    ),
    checks=CHECKS,
    charts=(
        Chart(
            "Reads and writes", ("flight_reads_per_s", "flight_writes_per_s", "flight_errors_per_s")
        ),
        Chart("Replication lag", ("lag_bytes",)),
        Chart("A write takes", ("write_p50_ms", "write_p99_ms"), "log"),
        Chart("Own writes not seen", ("stale_reads_per_s",)),
    ),
    tiles=(
        "flight_reads_per_s",
        "flight_writes_per_s",
        "lag_bytes",
        "stale_reads_per_s",
        "flight_errors_per_s",
    ),
    tables=(
        Table(
            "members",
            "Who answered",
            (
                Column("server", "Server"),
                Column("role", "Role"),
                Column(
                    "reads",
                    "Reads",
                    sense="hit",
                    help="cmdstat_llen of each server, while they were counted",
                ),
                Column("share_percent", "Of all replicas’ reads", "%", 1, "hit"),
                Column(
                    "bytes_behind",
                    "Behind",
                    "B",
                    0,
                    help="master_repl_offset of the primary less slave_repl_offset",
                ),
                Column(
                    "delay_ms",
                    "Its link",
                    "ms",
                    0,
                    help="what the link from the primary is slowed by, each way",
                ),
            ),
            "Start the clients, then count who answers.",
        ),
    ),
    predictions=(
        Prediction(
            "spread",
            "Six clients read from two replicas, each on a connection that it keeps. A third "
            "replica is added. What percentage of the reads does it answer?",
            measure_new_share,
            unit="%",
            tolerance=TOLERANCES.get("spread", 0.0),
            slack=3.0,
            decimals=0,
            why="None: the endpoint spreads connections, and they all lead elsewhere. It is "
            "asked again only when somebody connects.",
        ),
        Prediction(
            "stale-after-write",
            "The replicas are 20 ms away. A client writes, is acknowledged, and reads at once "
            "through the reader endpoint. What percentage of those reads does not see the write?",
            measure_stale,
            unit="%",
            tolerance=TOLERANCES.get("stale-after-write", 0.0),
            slack=10.0,
            decimals=0,
            why="Nearly all: the read is faster than the replication. Read from the primary "
            "what must be seen at once.",
        ),
    ),
    mutants=WRONG,
    run_reference=reference,
)
