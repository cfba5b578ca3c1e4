"""The two experiments of the lab: a batch job that fills the cache, and the shop's load on a cache
that is full. Redis counts; nothing here does.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.engines.redis import Redis
from labs.errors import ServerNotUp
from labs.lab import Column, Table
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials

REPORTS_PER_MB, REPORT = 1_500, "r" * 1_000
TTL_S = 300
AT_ONCE = 20
"""Few, because the commands that wait in a connection's buffer use the same memory."""
LOAD_S, DEADLINE_S = 1.5, 12.0

WITHOUT_TTL = " without TTL"
CASES = {
    "noeviction": ("noeviction", "on"),
    "volatile-lru": ("volatile-lru", "on"),
    f"volatile-lru{WITHOUT_TTL}": ("volatile-lru", "off"),
    "allkeys-lru": ("allkeys-lru", "on"),
}
"""What is compared: the policy, and whether the keys expire."""

TABLE = Table(
    "policies",
    "The same requests after the same batch job",
    (
        Column("policy", "maxmemory-policy"),
        Column("hit_percent", "Hit rate", "%", 1, "hit", "keyspace_hits and keyspace_misses"),
        Column("evicted", "Evicted keys", help="evicted_keys"),
        Column("refused", "Refused writes", sense="error", help="errorstat_OOM"),
    ),
    "Not compared yet. Each policy gets the same batch job, then the same requests.",
)


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One run of the batch job on an empty cache, as Redis counted it.

    `error` is what Redis answered to the first refused write, `reads_answered` the hits of one
    read of a stored report afterwards.
    """

    policy: str
    with_ttl: bool
    written: int
    stored: int
    refused: int
    evicted: int
    error: str
    reads_answered: int

    @property
    def case(self) -> str:
        """The policy, and that the keys had no TTL if so."""
        return self.policy if self.with_ttl else self.policy + WITHOUT_TTL

    @property
    def sentence(self) -> str:
        """What happened, for the learner."""
        refused = f"Redis refused {self.refused:,}: “{self.error}”" if self.refused else ""
        evicted = f"Redis accepted all and evicted {self.evicted:,} keys." if self.evicted else ""
        said = refused or evicted or "All of them fit."
        return f"{self.case}: the batch job wrote {self.written:,} reports. {said}"


@dataclass(frozen=True, slots=True)
class _Counters:
    hits: int
    misses: int
    evicted: int
    refused: int


def batch_job(sandbox: Sandbox) -> BatchJob:
    """Empty the cache and write more reports than it can hold; the ledger keeps the
    result.
    """
    trials.begin(sandbox)
    done = _write_reports(sandbox)
    sandbox.ledger.observations.append(done)
    return done


def trial(sandbox: Sandbox, case: str) -> None:
    """The batch job in this case, then the load; adds a row to the table."""
    policy, expires = CASES[case]
    sandbox.set("policy", policy)
    sandbox.set("expires", expires)
    done = batch_job(sandbox)
    sandbox.say(done.sentence, "error" if done.refused else "write")
    redis = _redis(sandbox)
    before = _counters(redis)
    clients = int(float(sandbox.settings["clients"]))
    requests = int(LOAD_S * float(sandbox.settings["rate_per_s"])) // clients * clients
    sandbox.start_load(requests)
    tally = sandbox.load.totals[("redis", sandbox.strategy().name)]
    sandbox.wait_until(lambda: tally.done + tally.errors >= requests, deadline_s=DEADLINE_S)
    sandbox.stop_load()
    after = _counters(redis)
    hits, misses = after.hits - before.hits, after.misses - before.misses
    row: trials.Row = {
        "policy": case,
        "hits": hits,
        "misses": misses,
        "hit_percent": round(100 * hits / (hits + misses), 1) if hits + misses else 0.0,
        "evicted": after.evicted - before.evicted,
        "refused": after.refused - before.refused,
    }
    trials.put_row(sandbox, TABLE.name, row, by="policy")


def _write_reports(sandbox: Sandbox) -> BatchJob:
    redis = _redis(sandbox)
    wanted = int(REPORTS_PER_MB * float(sandbox.settings["cache_mb"]))
    ttl: tuple[str | int, ...] = ("EX", TTL_S) if sandbox.settings["expires"] == "on" else ()
    before, stored, error = _counters(redis), "", ""
    accepted = 0
    for first in range(1, wanted + 1, AT_ONCE):
        names = [f"report:{number}" for number in range(first, first + AT_ONCE)]
        replies = redis.run_all([("SET", name, REPORT, *ttl) for name in names], 2.0)
        for name, reply in zip(names, replies, strict=True):
            if isinstance(reply, Exception):
                error = error or str(reply)
            else:
                stored, accepted = name, accepted + 1
    after = _counters(redis)
    redis.run("GET", stored)
    return BatchJob(
        policy=str(sandbox.settings["policy"]),
        with_ttl=bool(ttl),
        written=wanted,
        stored=accepted,
        refused=after.refused - before.refused,
        evicted=after.evicted - before.evicted,
        error=error,
        reads_answered=_counters(redis).hits - after.hits,
    )


def _counters(redis: Redis) -> _Counters:
    info = redis.info("stats", "errorstats")
    refused = info.get("errorstat_OOM", "count=0").removeprefix("count=")
    return _Counters(
        int(info["keyspace_hits"]),
        int(info["keyspace_misses"]),
        int(info["evicted_keys"]),
        int(refused),
    )


def _redis(sandbox: Sandbox) -> Redis:
    engine = sandbox.servers["cache"].engine
    if not isinstance(engine, Redis):
        raise ServerNotUp("No Redis runs here.")
    return engine
