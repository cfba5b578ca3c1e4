"""Eviction: what Redis does when its memory is full, by maxmemory-policy.

A batch job fills the cache, then the shop reads. Every count is the server's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labs.caching import cache_aside
from labs.catalogue.eviction import batch, guide
from labs.catalogue.eviction.batch import TABLE, BatchJob
from labs.events import Value
from labs.lab import Chart, Choice, Mutant, Node, Number, Strategy, Verdict, met, unmet
from labs.sandbox.blocks import hint_for
from labs.sandbox.experiment import make_ready, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, mutants, storefront, trials

LOOK = (
    "Choose “cache” under “Console”, type “INFO memory”, and compare maxmemory_policy with the one "
    "that you chose. Then press “Run the batch job” in the tab Load again."
)
RECOVERED_POINTS = 30.0
"""By how many percentage points allkeys-lru must beat noeviction."""
EVICTIONS = Chart("Evictions", ("evictions_per_s",))
CACHE_ASIDE = Strategy("cache-aside", "Cache-aside", cache_aside.read)


def cache_options(settings: Mapping[str, Value]) -> Mapping[str, Any]:
    """How Redis is configured with these settings."""
    megabytes, policy = int(float(settings["cache_mb"])), str(settings["policy"])
    return {"maxmemory_mb": megabytes, "maxmemory_policy": policy}


lab = storefront.lab(
    "eviction",
    title="Eviction",
    view="How each policy serves the shop",
    question="What does Redis do when its memory is full?",
    about="A batch job stores more than a small Redis can hold. See which policies delete old keys "
    "and which refuse the write, and why volatile-lru deletes nothing if no key has a TTL.",
    minutes=10,
    topology=storefront.topology(
        Node(
            "cache", "cache", "redis", exchanged_by=("cache_mb", "policy"), options_of=cache_options
        )
    ),
    controls=(
        Choice(
            "policy",
            "maxmemory-policy",
            tuple((name, name) for name in ("noeviction", "volatile-lru", "allkeys-lru")),
            "volatile-lru",
            help="Redis has noeviction by default, ElastiCache volatile-lru. Another starts empty.",
        ),
        Choice(
            "expires",
            "Keys",
            (("on", "have a TTL"), ("off", "have no TTL")),
            "on",
            help="A report’s TTL is 5 minutes, an item’s 1 minute. volatile-lru deletes only keys "
            "that have a TTL.",
        ),
        Number(
            "cache_mb",
            "maxmemory",
            2,
            8,
            1,
            4,
            unit="MB",
            help="How much memory Redis may use. Another size starts an empty Redis.",
        ),
        storefront.clients(2),
        storefront.rate(1_000),
        storefront.skew(1.0),
    ),
    strategies={"cache-aside": CACHE_ASIDE},
    pick_strategy=lambda settings: "cache-aside",
    gears=("load", "step"),
    actions=(storefront.READ,),
    charts=(charts.HIT_RATE, EVICTIONS, charts.KEYS, charts.OPERATIONS),
    tiles=("hit_rate_percent", "evictions_per_s", "items", "cache_bytes", "database_queries_per_s"),
    tables=(TABLE,),
)


@lab.check("noeviction refuses writes when the memory is full, and still answers reads")
def noeviction_refuses_writes(sandbox: Sandbox) -> Verdict:
    job = batch.newest(sandbox, "noeviction")
    if job.evicted_keys or not job.refused_writes or not job.reply.startswith("OOM"):
        raise unmet(f"Redis {job.counts}.", job.evidence, hint=LOOK)
    if not job.keyspace_hits_of_one_read:
        raise unmet("Redis did not answer the read after the batch job.", job.evidence, hint=LOOK)
    return met(
        f"Redis refused {job.refused_writes:,} writes, evicted no key, and answered the read.",
        job.evidence,
    )


@lab.check("allkeys-lru evicts old keys and accepts every write")
def allkeys_accepts_writes(sandbox: Sandbox) -> Verdict:
    job = batch.newest(sandbox, "allkeys-lru")
    if job.refused_writes or not job.evicted_keys or not job.keyspace_hits_of_one_read:
        raise unmet(f"Redis {job.counts}.", job.evidence, hint=LOOK)
    return met(
        f"Redis accepted {job.stored:,} writes and evicted {job.evicted_keys:,} keys to make room.",
        job.evidence,
    )


@lab.check("volatile-lru evicts keys that have a TTL, and refuses writes if no key has one")
def volatile_needs_a_ttl(sandbox: Sandbox) -> Verdict:
    ttl = batch.newest(sandbox, "volatile-lru", with_ttl=True)
    none = batch.newest(sandbox, "volatile-lru", with_ttl=False)
    evidence = {f"{name}_with_ttl": value for name, value in ttl.evidence.items()}
    evidence |= {f"{name}_without_ttl": value for name, value in none.evidence.items()}
    said = f"With a TTL Redis {ttl.counts}. Without one it {none.counts}."
    if ttl.refused_writes or not ttl.evicted_keys or none.evicted_keys or not none.refused_writes:
        raise unmet(said, evidence, hint=LOOK)
    return met(said, evidence)


@lab.check(
    "After the batch job, the shop’s hit rate recovers with allkeys-lru and not with noeviction"
)
def hit_rate_recovers(sandbox: Sandbox) -> Verdict:
    rows = trials.rows(sandbox, TABLE.name, by="policy")
    if "noeviction" not in rows or "allkeys-lru" not in rows:
        raise unmet(
            "The policies have not been compared yet.",
            hint=hint_for(sandbox, "Press “Compare the policies”.", idle=True),
        )
    never, lru = rows["noeviction"], rows["allkeys-lru"]
    evidence = {
        f"{counter}_{str(row['policy']).replace('-', '_')}": row[counter]
        for row in (never, lru)
        for counter in ("hits", "misses", "evicted", "refused")
    }
    said = (
        f"The hit rate is {lru['hit_percent']:.1f} % with allkeys-lru and "
        f"{never['hit_percent']:.1f} % with noeviction."
    )
    if float(lru["hit_percent"]) < float(never["hit_percent"]) + RECOVERED_POINTS:
        hint = "Press “Compare the policies” again, and change nothing while it runs."
        raise unmet(said, evidence, hint=hint)
    return met(said, evidence)


@lab.action(
    "Run the batch job",
    gear="load",
    here="the cache has a few MB, so the batch job fills it within a second.",
    aws="the node type sets maxmemory; reserved-memory-percent of it (25 by default) is kept for "
    "backups and replication.",
    measures=True,
)
def batch_job(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    return batch.run(sandbox).sentence


@lab.action("Compare the policies", gear="view", primary=True, deadline_s=60.0, measures=True)
def compare(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    with temporarily(sandbox, expires="on"):
        trials.compare(sandbox, TABLE.name, "policy", batch.CASES, batch.trial)
    sandbox.caption("Every policy had the same batch job, then the same requests.")
    rows = sandbox.found[TABLE.name]
    return "Hit rate: " + ", ".join(f"{r['policy']} {r['hit_percent']:.1f} %" for r in rows) + "."


@lab.prediction(
    "Redis has 4 MB and the policy noeviction. A batch job writes 6,000 reports of 1,000 bytes. "
    "How many does Redis store?",
    unit="reports",
    unit_of_one="report",
    slack=400,
    why="Fewer than 4,000: Redis itself uses about half a megabyte, and each report takes about "
    "160 bytes more than its value: the key, its TTL, and what Redis keeps about them.",
)
def reports_stored(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    with temporarily(sandbox, policy="noeviction", cache_mb=4):
        return float(batch.run(sandbox).stored)


@lab.prediction(
    "The policy is volatile-lru, the default of ElastiCache. No key has a TTL, and the memory is "
    "full. What happens to the next write?",
    options=(
        ("evicts", "Redis deletes the least recently used key and stores the new one"),
        ("refuses", "Redis refuses the write"),
        ("replaces", "Redis stores it and uses more memory"),
    ),
    why="Redis refuses the write. volatile-lru may delete only keys that have a TTL, and there "
    "are none.",
)
def without_ttl(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    with temporarily(sandbox, policy="volatile-lru", expires="off"):
        job = batch.run(sandbox)
    return "refuses" if job.refused_writes else "evicts" if job.evicted_keys else "replaces"


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what a lesson quotes."""
    note = sandbox.measurements
    compare(sandbox)
    rows = sandbox.found[TABLE.name]
    for job, row in zip(sandbox.ledger.seen(BatchJob), rows, strict=True):
        name = str(row["policy"]).lower().replace("-", "_").replace(" ", "_")
        note[f"{name}_stored_reports"], note[f"{name}_evicted_keys"] = job.stored, job.evicted_keys
        note[f"{name}_refused_reports"] = job.refused_writes
        note[f"{name}_hit_percent"] = float(row["hit_percent"])


lab.mutants = (
    Mutant(
        "evicts-anyway",
        "Redis evicts keys whatever the policy is set to",
        noeviction_refuses_writes,
        directives={"maxmemory-policy": "allkeys-random"},
    ),
    Mutant(
        "never-evicts",
        "Redis refuses writes whatever the policy is set to",
        allkeys_accepts_writes,
        directives={"maxmemory-policy": "noeviction"},
    ),
    Mutant(
        "ignores-ttl",
        "Redis evicts keys that have no TTL",
        volatile_needs_a_ttl,
        directives={"maxmemory-policy": "allkeys-lru"},
    ),
    Mutant(
        "never-full",
        "Redis has more memory than the batch job needs",
        allkeys_accepts_writes,
        directives={"maxmemory": "64mb"},
    ),
    mutants.mistake(hit_rate_recovers, CACHE_ASIDE, read=mutants.read_never_stores),
)

lab.guide = guide.through(*lab.checks)
