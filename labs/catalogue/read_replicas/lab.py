"""Read replicas: reads are spread over servers that are always a little behind."""

from __future__ import annotations

from labs.catalogue.read_replicas import checks, guide, mutants, watching
from labs.lab import Chart, Choice, Lab, Number
from labs.sandbox.experiment import refuted, temporarily, until_met
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import bench, scaling
from labs.setups.replication.bench import group_of

COUNT_S, SHORT_S, KEEP_S = 1.2, 0.8, 0.3
CACHES = tuple(f"cache-{n:03}" for n in range(2, 7))
REPLICA = Choice("replica", "Replica", tuple((name, name) for name in CACHES), "cache-002")
DELAY = Number(
    "delay_ms", "Each way", 0, 500, 1, watching.SLOW_MS, unit="ms", help="0: whole again."
)

lab = Lab(
    id="read-replicas",
    title="Read replicas",
    question="Which reads do replicas answer, and which writes do they not have yet?",
    about="A primary and up to five replicas of your own. Add one under load, slow its link, "
    "and read what you have just written.",
    minutes=20,
    parts=bench.PARTS,
    topology=bench.topology(caches=6, waiting=3, sentinels=False),
    controls=(
        bench.WRITES,
        bench.READS,
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
            help="0: as long as the load runs. Otherwise a reader connects again after this time, "
            "by the endpoint’s name.",
        ),
        Choice(
            "own_reads",
            "The writer reads its own writes",
            (("no", "no"), ("reader", "at the reader endpoint"), ("primary", "at the primary")),
            "no",
            gear="load",
            help="Right after each write that was acknowledged.",
        ),
        bench.WAIT,
        bench.client_zone("zone a"),
        bench.ZONE_DELAY,
    ),
    gears=("load", "break"),
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
    tables=(watching.MEMBERS,),
    checks=(
        checks.spread,
        checks.by_connection,
        checks.removed,
        checks.lags,
        checks.own_writes,
        checks.read_only,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.action("Count who answers", gear="load", primary=True)
def count(sandbox: Sandbox) -> str:
    counted = watching.window(sandbox, COUNT_S)
    shares = ", ".join(
        f"{name} {counted.share_percent(name):.0f}\u00a0%" for name in counted.replicas
    )
    sandbox.caption(
        f"{shares}.",
        f"Of {counted.total:,} reads, by the servers’ own count. The endpoint spreads "
        "connections, not requests.",
    )
    return f"Of {counted.total:,} reads: {shares}."


@lab.action(
    "Add a replica",
    gear="load",
    here="another server on this machine, which copies the primary’s data.",
    aws="IncreaseReplicaCount; a new node, minutes later, in the zone that you name.",
)
def add_replica(sandbox: Sandbox) -> str:
    return (
        f"{scaling.add_replica(sandbox)} was added. It has all data, and the reader endpoint "
        "leads new connections to it."
    )


@lab.action(
    "Remove a replica",
    gear="load",
    here="the last server stops.",
    aws="DecreaseReplicaCount; with Multi-AZ at least one stays.",
)
def remove_replica(sandbox: Sandbox) -> str:
    name = scaling.last_replica(sandbox)
    scaling.remove_replica(sandbox, name)
    return f"{name} was removed. Its clients connect again, to the other servers."


@lab.action("Compare reads of own writes", gear="load")
def own_reads(sandbox: Sandbox) -> str:
    watching.require_readers(sandbox)
    replica, primary = (
        watching.own_reads(sandbox, where, SHORT_S) for where in ("reader", "primary")
    )
    sandbox.measurements["stale_after_write_percent"] = round(replica.stale_percent, 1)
    sandbox.measurements["stale_at_the_primary_percent"] = round(primary.stale_percent, 1)
    return sandbox.caption(
        f"{replica.stale:,} of {replica.reads:,} own writes were not seen at a replica, "
        f"{primary.stale:,} of {primary.reads:,} not at the primary."
    )


@lab.action("Slow a replica’s link", gear="break", fields=(REPLICA, DELAY), fault=True)
def slow_link(sandbox: Sandbox, replica: str, delay_ms: float) -> str:
    group_of(sandbox).mesh.slow(group_of(sandbox).primary, replica, delay_ms)
    words = (
        f"What is sent to {replica} comes {delay_ms:g} ms later."
        if delay_ms
        else f"The link to {replica} is whole again."
    )
    return sandbox.caption(words, "A client that reads there gets old values." if delay_ms else "")


@lab.action("Follow a write there", gear="break", fields=(REPLICA,))
def follow(sandbox: Sandbox, replica: str) -> str:
    lag = watching.lag(sandbox, replica)
    return sandbox.caption(
        f"A write was on {replica} after {lag.took_ms:.1f} ms.",
        f"When the primary had it, {replica} was {lag.bytes_behind:,} bytes behind.",
    )


@lab.action(
    "Try to write there",
    gear="break",
    fields=(REPLICA,),
    here="the replica answers with its error, and keeps the connection.",
    aws="ElastiCache closes the connection as well (close-on-replica-write).",
)
def write_to_replica(sandbox: Sandbox, replica: str) -> str:
    return sandbox.caption(f"{replica} says: {watching.refused(sandbox, replica).answer}")


@lab.prediction(
    "Six clients read from two replicas, each on a connection that it keeps. A third "
    "replica is added. What percentage of the reads does it answer?",
    unit="%",
    slack=3.0,
    why="None: the endpoint spreads connections, and all of them lead to other servers. A client "
    "asks it again only when it connects.",
)
def spread(sandbox: Sandbox) -> float:
    with (
        temporarily(sandbox, readers=6, keep_connections_s=0),
        watching.readers_of(sandbox, 2),
    ):
        new = scaling.add_replica(sandbox)
        try:
            return round(watching.window(sandbox, COUNT_S).share_percent(new), 1)
        finally:
            scaling.remove_replica(sandbox, new)


@lab.prediction(
    "The replicas are 20 ms away. A client writes, is acknowledged, and reads at once "
    "through the reader endpoint. What percentage of those reads does not see the write?",
    unit="%",
    slack=10.0,
    why="Nearly all: the read is faster than the replication. Read from the primary "
    "what must be seen at once.",
)
def stale_after_write(sandbox: Sandbox) -> float:
    with watching.readers_of(sandbox, 2), watching.slowed_links(sandbox):
        return round(watching.own_reads(sandbox, "reader", SHORT_S).stale_percent, 1)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """A replica more and one less; a slow link; own writes; a write that a replica refuses."""
    note = sandbox.measurements
    watching.require_readers(sandbox)
    until_met(sandbox, checks.spread, lambda _: watching.window(sandbox, COUNT_S))
    first = sandbox.ledger.seen(watching.Window)[-1]
    note["reads_spread_percent"] = round(first.spread_percent, 1)
    note["reads_per_s"] = round(first.total / first.seconds, 1)
    if refuted(sandbox, checks.spread):
        return
    new = scaling.add_replica(sandbox)
    late = watching.window(sandbox, SHORT_S)
    note["new_replica_share_percent"] = round(late.share_percent(new), 1)
    with temporarily(sandbox, keep_connections_s=KEEP_S):
        until_met(sandbox, checks.by_connection, lambda _: watching.window(sandbox, SHORT_S))
        remove_replica(sandbox)
        until_met(sandbox, checks.removed, lambda _: watching.window(sandbox, SHORT_S))
    replica = group_of(sandbox).endpoints.readers[0]

    def follow_some() -> list[watching.Lag]:
        return [watching.lag(sandbox, replica) for _ in range(watching.FOLLOWED_TIMES)]

    whole = follow_some()
    with watching.slowed_links(sandbox):
        slowed = min(follow_some(), key=lambda lag: lag.took_ms)
        own_reads(sandbox)
    until_met(sandbox, checks.lags, lambda _: whole.append(watching.lag(sandbox, replica)))
    note["whole_link_ms"] = min(lag.took_ms for lag in whole)
    note["lag_ms"], note["lag_bytes"] = slowed.took_ms, float(slowed.bytes_behind)
    write_to_replica(sandbox, replica)
