"""What the lab read-replicas counts on the servers: how many reads each answers, how far each
replica is behind, which writes are refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from labs.engines.redis import parse_info
from labs.errors import NotNow, ServerDown
from labs.events import Value
from labs.lab import Column, Table
from labs.load.batches import BATCH_S, flow
from labs.sandbox.experiment import make_ready, observed, say_done, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication import scaling
from labs.setups.replication.bench import flights_of, group_of
from labs.setups.replication.scaling import JOINED_S
from labs.setups.replication.workload import own_read

SLOW_MS, DELAY_MS = 20.0, 10.0
"""What a link is slowed by, and the least delay that makes a slow one."""
LEAST_READS, LEAST_OWN = 100, 50
"""With fewer of them a window, or a comparison of own reads, says nothing."""
FOLLOWED_TIMES = 3
"""How many writes show what a link takes: a busy machine may hold up one."""
ENOUGH_WITHIN_S = 5.0
"""How much longer than planned is counted on a busy machine until there are enough to judge."""
MEMBERS = Table(
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
            help="master_repl_offset of the primary less slave_repl_offset",
        ),
        Column(
            "delay_ms",
            "Its link",
            "ms",
            help="what the link from the primary is slowed by, each way",
        ),
    ),
    "Start the clients, then count who answers.",
)


@dataclass(frozen=True, slots=True)
class Window:
    """What each server answered while the load ran for `seconds` with the same members: reads by
    its own count (cmdstat_llen), by name.

    `added` are replicas that came in after the clients had begun; `reconnected` is true if a client
    may have connected since, so that it may have been led to them.
    """

    seconds: float
    reads: dict[str, int]
    replicas: tuple[str, ...]
    keep_s: float
    added: tuple[str, ...]
    reconnected: bool

    @property
    def total(self) -> int:
        """Reads of all replicas."""
        return sum(self.reads.get(name, 0) for name in self.replicas)

    def share_percent(self, name: str) -> float:
        """A replica's part of the reads."""
        return 100 * self.reads.get(name, 0) / self.total if self.total else 0.0

    @property
    def spread_percent(self) -> float:
        """How far the replica that is furthest from an equal part is from it."""
        equal = 100 / max(1, len(self.replicas))
        return max(
            (100 * abs(self.share_percent(name) - equal) / equal for name in self.replicas),
            default=0.0,
        )


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a replica was behind: bytes by its own offset, and how long a write took to it;
    `delay_ms` is what the link was slowed by.
    """

    replica: str
    bytes_behind: int
    took_ms: float
    delay_ms: float


@dataclass(frozen=True, slots=True)
class OwnReads:
    """Reads of what the same client had just written: how many, and how many did not see it.

    `where` is the endpoint, `delay_ms` the slowest link.
    """

    where: str
    reads: int
    stale: int
    delay_ms: float

    @property
    def stale_percent(self) -> float:
        """Of all those reads."""
        return 100 * self.stale / self.reads if self.reads else 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write that was sent to a replica: its answer, and the server's own count of such errors."""

    replica: str
    answer: str
    readonly_errors_before: int
    readonly_errors_after: int


def require_readers(sandbox: Sandbox) -> None:
    """Start the clients if they don't run. Raises NotNow if the primary has no replica."""
    if not group_of(sandbox).endpoints.readers:
        raise NotNow("The primary has no replica.", hint="Add one first.")
    if not sandbox.load.running:
        sandbox.start_load()
        sandbox.wait_until(lambda: len(flights_of(sandbox).reads) > 20, deadline_s=3.0)


@contextmanager
def readers_of(sandbox: Sandbox, replicas: int) -> Iterator[None]:
    """Clients that read from this many replicas while the block runs; what is down is brought up
    for it, and replicas are added or removed. The load ends with the block.
    """
    group, servers = group_of(sandbox), sandbox.servers
    done = []
    down = [name for name, server in servers.items() if server.state in ("down", "paused")]
    make_ready(sandbox, up=down)
    there = [name for name in group.members.caches if servers[name].state == "up"]
    while len(there) - 1 > replicas:
        scaling.remove_replica(sandbox, gone := scaling.last_replica(sandbox))
        there.remove(gone)
        done.append(f"{gone} was removed")
    while len(there) - 1 < replicas:
        there.append(scaling.add_replica(sandbox))
        done.append(f"{there[-1]} was added")
    say_done(sandbox, done)
    sandbox.wait_until(
        lambda: group.members.follow_the_primary() and len(group.endpoints.readers) == replicas,
        deadline_s=JOINED_S,
    )
    require_readers(sandbox)
    try:
        yield
    finally:
        sandbox.stop_load()


@contextmanager
def slowed_links(sandbox: Sandbox) -> Iterator[None]:
    """The links to all replicas slowed while the block runs."""
    group = group_of(sandbox)
    replicas = list(group.endpoints.readers)
    for name in replicas:
        group.mesh.slow(group.primary, name, SLOW_MS)
    try:
        yield
    finally:
        for name in replicas:
            group.mesh.slow(group.primary, name, 0.0)


def window(sandbox: Sandbox, seconds: float) -> Window:
    """Count reads on every server over some seconds of load. Raises NotNow unless the clients
    run.
    """
    if not sandbox.load.running:
        raise NotNow("No client reads.", hint="Start the clients first.")
    group, flights = group_of(sandbox), flights_of(sandbox)
    members = group.members
    replicas = tuple(
        name for name, seen in sorted(members.statuses.items()) if seen.role == "replica"
    )
    before, began = {name: _reads(sandbox, name) for name in members.caches}, time.monotonic()

    def counted() -> dict[str, int]:
        return {name: max(0, _reads(sandbox, name) - before[name]) for name in members.caches}

    time.sleep(seconds)
    sandbox.wait_until(
        lambda: sum(counted().values()) >= LEAST_READS, deadline_s=ENOUGH_WITHIN_S, every_s=BATCH_S
    )
    reads = counted()
    joined_at = {name: members.joined_at.get(name, 0.0) for name in replicas}
    added = tuple(name for name in replicas if joined_at[name] > flights.began)
    found = Window(
        time.monotonic() - began,
        reads,
        replicas,
        float(sandbox.settings["keep_connections_s"]),
        added,
        flights.readers_connected_at > min((joined_at[name] for name in added), default=0.0),
    )
    _tabulate(sandbox, found)
    return observed(sandbox, found)


def lag(sandbox: Sandbox, replica: str) -> Lag:
    """Write to the primary and measure until the replica has it. Raises NotNow if it does not get
    there.
    """
    group = group_of(sandbox)
    seen = group.members.lag(replica)
    if seen is None:
        raise NotNow(
            f"{replica} does not get what is written.",
            hint="Press “Restart” next to it in the tab Break.",
        )
    delay_ms = group.mesh.total_delay_ms(group.primary, replica)
    return observed(sandbox, Lag(replica, seen[0], round(seen[1], 2), delay_ms))


def own_reads(sandbox: Sandbox, where: str, seconds: float) -> OwnReads:
    """Let the writing client read its own writes at an endpoint for a while, and longer until there
    are enough to judge.
    """
    group, tally = group_of(sandbox), sandbox.load.totals[("group", "recorder")]
    (link,) = sandbox.topology.links_to(f"{where}-endpoint")

    def counted() -> tuple[int, int]:
        return tally.kinds[own_read(link.name)], tally.flows[flow(link.name, "stale")]

    with temporarily(sandbox, own_reads=where):
        (reads, stale), began = counted(), time.monotonic()
        sandbox.wait_until(
            lambda: counted()[0] - reads >= LEAST_OWN and time.monotonic() - began >= seconds,
            deadline_s=seconds + ENOUGH_WITHIN_S,
        )
        reads, stale = counted()[0] - reads, counted()[1] - stale
    delays = (group.mesh.total_delay_ms(group.primary, name) for name in group.endpoints.readers)
    return observed(sandbox, OwnReads(where, reads, stale, max(delays, default=0.0)))


def refused(sandbox: Sandbox, replica: str) -> Refusal:
    """Send a write to a replica, as a learner at its console would."""
    before = _refusals(sandbox, replica)
    answer = sandbox.console(replica, "SET written-to-a-replica 1").output
    return observed(sandbox, Refusal(replica, answer, before, _refusals(sandbox, replica)))


def _tabulate(sandbox: Sandbox, counted: Window) -> None:
    group, rows = group_of(sandbox), list[dict[str, Value]]()
    statuses = group.members.statuses
    primary = statuses.get(group.primary)
    for name in group.members.caches:
        if (seen := statuses.get(name)) is None:
            continue
        share = counted.share_percent(name) if name in counted.replicas else 0.0
        rows.append(
            {
                "server": name,
                "role": "primary" if seen.role == "primary" else f"replica of {seen.of}",
                "reads": counted.reads.get(name, 0),
                "share_percent": round(share, 1),
                "bytes_behind": max(0, primary.offset - seen.offset) if primary else 0,
                "delay_ms": group.mesh.delay_ms(group.primary, name),
            }
        )
    sandbox.tabulate(MEMBERS.name, rows)


def _reads(sandbox: Sandbox, name: str) -> int:
    """LLEN calls by the server's own count."""
    try:
        stats = parse_info(group_of(sandbox).members.redis(name).run("INFO", "commandstats"))
    except (ServerDown, NotNow):
        return 0
    calls, _, _ = stats.get("cmdstat_llen", "calls=0").partition(",")
    return int(calls.removeprefix("calls="))


def _refusals(sandbox: Sandbox, name: str) -> int:
    """READONLY errors by the server's own count."""
    stats = parse_info(group_of(sandbox).members.redis(name).run("INFO", "errorstats"))
    return int(stats.get("errorstat_READONLY", "count=0").removeprefix("count="))
