"""The two experiments of the lab: a batch job that fills the cache, and the shop's load on a cache
that is full. Redis counts; nothing here does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from labs.engines.redis import Redis
from labs.events import Value
from labs.lab import Column, Table, evidence_of, require_seen
from labs.sandbox.blocks import hint_for
from labs.sandbox.experiment import observed
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials

REPORTS_PER_MB, REPORT, TTL_S = 1_500, "r" * 1_000, 300
AT_ONCE = 20
"""Few, because the commands that wait in a connection's buffer use the same memory."""
LOAD_S = 1.5

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
    """One run of the batch job on an empty cache, as Redis counted it: `reply` is what it answered
    to the first write that it refused, or OK; the read is that of a stored report afterwards.
    """

    policy: str
    with_ttl: bool
    written: int
    stored: int
    refused_writes: int
    evicted_keys: int
    reply: str
    keyspace_hits_of_one_read: int

    @property
    def evidence(self) -> dict[str, Value]:
        """What proves a check."""
        counters = "refused_writes", "evicted_keys", "keyspace_hits_of_one_read", "reply"
        return evidence_of(self, *counters)

    @property
    def counts(self) -> str:
        """What Redis did, in words."""
        return f"evicted {self.evicted_keys:,} keys and refused {self.refused_writes:,} writes"

    @property
    def sentence(self) -> str:
        """What happened, for the learner."""
        result = "All of them fit."
        if self.evicted_keys:
            result = f"Redis accepted all and evicted {self.evicted_keys:,} keys."
        if self.refused_writes:
            result = f"Redis refused {self.refused_writes:,}: “{self.reply}”"
        case = self.policy if self.with_ttl else self.policy + WITHOUT_TTL
        return f"{case}: the batch job wrote {self.written:,} reports. {result}"


def newest(sandbox: Sandbox, policy: str, *, with_ttl: bool | None = None) -> BatchJob:
    """The newest batch job under a policy. Unmet if there is none."""
    keys = {None: "", True: " and keys that have a TTL", False: " and keys that have no TTL"}
    return require_seen(
        sandbox.ledger.newest(
            BatchJob, lambda job: job.policy == policy and with_ttl in (None, job.with_ttl)
        ),
        f"The batch job has not filled the cache with {policy}{keys[with_ttl]} yet.",
        hint=hint_for(sandbox, _how_to_run(policy, with_ttl), idle=True),
    )


def _how_to_run(policy: str, with_ttl: bool | None) -> str:
    keys = {None: "", True: " and “Keys” to “have a TTL”", False: " and “Keys” to “have no TTL”"}
    return (
        f"Set “maxmemory-policy” to “{policy}”{keys[with_ttl]}; then press “Run the batch job” in "
        "the tab Load."
    )


def run(sandbox: Sandbox) -> BatchJob:
    """Empty the cache and write more reports than it can hold; the ledger keeps the result."""
    trials.begin(sandbox)
    redis, policy = trials.redis(sandbox), str(sandbox.settings["policy"])
    ttl = ("EX", TTL_S) if sandbox.settings["expires"] == "on" else ()
    count = int(REPORTS_PER_MB * float(sandbox.settings["cache_mb"]))
    commands = [("SET", f"report:{number}", REPORT, *ttl) for number in range(count)]
    replies: list[object] = []
    with _counting(redis) as writes:
        for first in range(0, count, AT_ONCE):
            replies += redis.run_all(commands[first : first + AT_ONCE], 2.0)
    refusals = [str(reply) for reply in replies if isinstance(reply, Exception)]
    stored = [number for number in range(count) if not isinstance(replies[number], Exception)]
    with _counting(redis) as read:
        redis.run("GET", f"report:{stored[-1]}")
    reply = refusals[0] if refusals else "OK"
    counted = writes["refused"], writes["evicted"], reply, read["hits"]
    return observed(sandbox, BatchJob(policy, bool(ttl), count, len(stored), *counted))


def trial(sandbox: Sandbox, case: str) -> None:
    """The batch job in this case, then the load; adds a row to the table."""
    policy, expires = CASES[case]
    sandbox.set("policy", policy)
    sandbox.set("expires", expires)
    job = run(sandbox)
    sandbox.say(job.sentence, "error" if job.refused_writes else "write")
    with _counting(trials.redis(sandbox)) as seen:
        trials.load(sandbox, LOAD_S)
        sandbox.stop_load()
    reads = seen["hits"] + seen["misses"]
    percent = round(100 * seen["hits"] / reads, 1) if reads else 0.0
    row: trials.Row = {"policy": case, "hit_percent": percent, **seen}
    trials.put_row(sandbox, TABLE.name, row, by="policy")


@contextmanager
def _counting(redis: Redis) -> Iterator[dict[str, int]]:
    """What Redis counted while the block ran; empty until then."""
    increase: dict[str, int] = {}
    before = _counters(redis)
    yield increase
    increase |= {name: count - before[name] for name, count in _counters(redis).items()}


def _counters(redis: Redis) -> dict[str, int]:
    info = redis.info("stats", "errorstats")
    return {
        "hits": int(info["keyspace_hits"]),
        "misses": int(info["keyspace_misses"]),
        "evicted": int(info["evicted_keys"]),
        "refused": int(info.get("errorstat_OOM", "count=0").removeprefix("count=")),
    }
