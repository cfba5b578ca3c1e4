"""Read replicas: reads are spread over servers that are always a little behind. Which server
answers, how far it is behind, and which client sees that.
"""

from __future__ import annotations

from labs.catalogue.read_replicas import checks, watching
from labs.errors import GroupNotSettled, NotNow
from labs.lab import Chart, Choice, Lab, Number
from labs.sandbox.experiment import refuted, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import bench, scaling
from labs.setups.replication.bench import flights_of, group_of

COUNT_S, SHORT_S = 1.2, 0.8
SLOW_MS = 20.0
KEEP_S = 0.3
REPLICA = Choice(
    "replica",
    "Replica",
    tuple((f"cache-{n:03}", f"cache-{n:03}") for n in range(2, 7)),
    "cache-002",
)

lab = Lab(
    id="read-replicas",
    title="Read replicas",
    question="How far do replicas carry reads, and what do they not know yet?",
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
            help="0: for ever. Else a reader connects again after so long, by the endpoint’s name.",
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
        Choice(
            "client_zone",
            "The clients live in",
            tuple((zone, zone[-1]) for zone in bench.ZONES),
            "zone a",
            gear="load",
        ),
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
)

lab.check("The reader endpoint spreads reads over the replicas, within 10 %")(checks.spread)
lab.check("It does so by connection: a new replica answers nothing until clients connect again")(
    checks.by_connection
)
lab.check("A replica is removed, and its readers are answered by the others")(checks.removed)
lab.check("A replica lags behind by its link, in bytes and in milliseconds")(checks.lags)
lab.check("Right after a write, a replica may not have it; the primary does")(checks.own_writes)
lab.check("A replica refuses to write, in its own words")(checks.read_only)


@lab.action("Count who answers", gear="load", primary=True)
def count(sandbox: Sandbox) -> str:
    """Count for a while which server answers the reads."""
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


@lab.action(
    "Add a replica",
    gear="load",
    here="another server on this machine, which copies the primary’s data.",
    aws="IncreaseReplicaCount; a new node, minutes later, in the zone that you name.",
)
def add_replica(sandbox: Sandbox) -> str:
    """One more replica, while everything runs."""
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
    """One replica less: the last one."""
    name = scaling.last_replica(sandbox)
    scaling.remove_replica(sandbox, name)
    return f"{name} was removed. Its clients connect again, to the other servers."


@lab.action("Compare reads of own writes", gear="load")
def own_reads(sandbox: Sandbox) -> str:
    """The writing client reads its own writes through the reader endpoint, then through the
    primary's.
    """
    _require_readers(sandbox)
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


@lab.action(
    "Slow a replica’s link",
    gear="break",
    fields=(
        REPLICA,
        Number("delay_ms", "Each way", 0, 500, 1, 20, unit="ms", help="0: whole again."),
    ),
    fault=True,
)
def slow_link(sandbox: Sandbox, replica: str, delay_ms: float) -> str:
    """Slow the link between the primary and a replica."""
    group_of(sandbox).mesh.slow(group_of(sandbox).primary, replica, delay_ms)
    says = (
        f"What {replica} is told comes {delay_ms:g} ms later."
        if delay_ms
        else f"The link to {replica} is whole again."
    )
    sandbox.caption(says, "Who reads there reads the past." if delay_ms else "")
    return says


@lab.action("Follow a write there", gear="break", fields=(REPLICA,))
def follow(sandbox: Sandbox, replica: str) -> str:
    """Follow a write from the primary to a replica."""
    lag = watching.lag(sandbox, replica)
    sandbox.caption(
        f"A write was on {replica} after {lag.took_ms:.1f} ms.",
        f"When the primary had it, {replica} was {lag.bytes_behind:,} bytes behind.",
    )
    return f"A write was on {replica} after {lag.took_ms:.1f} ms."


@lab.action(
    "Try to write there",
    gear="break",
    fields=(REPLICA,),
    here="the replica answers with its error, and keeps the connection.",
    aws="ElastiCache closes the connection as well (close-on-replica-write).",
)
def write_to_replica(sandbox: Sandbox, replica: str) -> str:
    """Try to write to a replica."""
    answer = watching.refused(sandbox, replica).answer
    sandbox.caption(f"{replica} says: {answer}", "")
    return f"{replica} says: {answer}"


@lab.prediction(
    "Six clients read from two replicas, each on a connection that it keeps. A third "
    "replica is added. What percentage of the reads does it answer?",
    unit="%",
    slack=3.0,
    why="None: the endpoint spreads connections, and they all lead elsewhere. It is "
    "asked again only when somebody connects.",
)
def spread(sandbox: Sandbox) -> float:
    """The part of the reads that a new replica answers while six clients keep their connections to
    the two that were there. Raises GroupNotSettled unless there are two.
    """
    replicas = len(group_of(sandbox).endpoints.readers)
    if replicas != 2:
        raise GroupNotSettled(
            f"The primary has {replicas} replicas, and this begins with two.",
            hint="Add or remove some, then measure.",
        )
    with temporarily(sandbox, readers=6, keep_connections_s=0):
        _require_readers(sandbox)
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
    """Percentage of reads right after a write that don't see it, at replicas that are 20 ms
    away.
    """
    _require_readers(sandbox)
    replicas = list(group_of(sandbox).endpoints.readers)
    for name in replicas:
        slow_link(sandbox, name, SLOW_MS)
    try:
        with temporarily(sandbox, own_reads="reader"):
            return round(watching.own_reads(sandbox, SHORT_S).stale_percent, 1)
    finally:
        for name in replicas:
            slow_link(sandbox, name, 0.0)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Which server answers; a replica more and one less; a slow link; own writes; a write that a
    replica refuses.
    """
    note, endpoints = sandbox.measurements, group_of(sandbox).endpoints
    _require_readers(sandbox)
    first = watching.window(sandbox, COUNT_S)
    note["reads_spread_percent"] = round(first.spread_percent, 1)
    note["reads_per_s"] = round(first.total / first.seconds, 1)
    if refuted(sandbox, checks.spread):
        return
    new = scaling.add_replica(sandbox)
    note["new_replica_share_percent"] = round(
        watching.window(sandbox, SHORT_S).share_percent(new), 1
    )
    with temporarily(sandbox, keep_connections_s=KEEP_S):
        sandbox.wait_until(
            lambda: watching.window(sandbox, SHORT_S).share_percent(new) > 0, deadline_s=3.0
        )
        remove_replica(sandbox)
        watching.window(sandbox, SHORT_S)
    replica = endpoints.readers[0]
    note["whole_link_ms"] = watching.lag(sandbox, replica).took_ms
    for name in endpoints.readers:
        slow_link(sandbox, name, SLOW_MS)
    slowed = watching.lag(sandbox, replica)
    note["lag_ms"], note["lag_bytes"] = slowed.took_ms, float(slowed.bytes_behind)
    own_reads(sandbox)
    at_replica, at_primary = sandbox.ledger.seen(watching.OwnReads)[-2:]
    note["stale_after_write_percent"] = round(at_replica.stale_percent, 1)
    note["stale_at_the_primary_percent"] = round(at_primary.stale_percent, 1)
    for name in endpoints.readers:
        slow_link(sandbox, name, 0.0)
    write_to_replica(sandbox, replica)


def _require_readers(sandbox: Sandbox) -> None:
    """Start the clients if they don't run. Raises NotNow if the primary has no replica."""
    if not group_of(sandbox).endpoints.readers:
        raise NotNow("The primary has no replica.", hint="Add one first.")
    if not sandbox.load.running:
        sandbox.start_load()
        sandbox.wait_until(lambda: len(flights_of(sandbox).reads) > 20, deadline_s=3.0)


def lead_to_one_replica(sandbox: Sandbox) -> None:
    """Have the reader endpoint lead to the first replica only."""
    group = group_of(sandbox)
    group.endpoints.choose_readers = lambda names: names[:1]
    group.endpoints.readers = []
    group.members.poll_all()


def lead_to_the_primary(sandbox: Sandbox) -> None:
    """Have the reader endpoint lead to the primary."""
    group = group_of(sandbox)
    group.endpoints.choose_readers = lambda _names: [group.primary]
    group.endpoints.readers = []
    group.members.poll_all()


def make_replicas_writable(sandbox: Sandbox) -> None:
    """Have replicas take writes."""
    members = group_of(sandbox).members
    for name in members.caches:
        if sandbox.servers[name].state == "up":
            members.redis(name).run("CONFIG", "SET", "replica-read-only", "no")


def never_slow_a_link(sandbox: Sandbox) -> None:
    """Slow links on the page only."""
    group_of(sandbox).mesh.in_force = False


lab.mutant(
    "one-for-all",
    "the reader endpoint leads everybody to the same replica",
    caught_by=checks.spread,
    mutate=lead_to_one_replica,
)
lab.mutant(
    "reads-at-the-primary",
    "the reader endpoint leads to the primary",
    caught_by=checks.spread,
    mutate=lead_to_the_primary,
)
lab.mutant(
    "writable",
    "replicas take writes, which nobody else ever sees",
    caught_by=checks.read_only,
    mutate=make_replicas_writable,
)
lab.mutant(
    "never-slow",
    "links are slowed on the page and not in fact",
    caught_by=checks.lags,
    mutate=never_slow_a_link,
)
