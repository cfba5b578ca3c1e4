"""Eviction: what Redis does when its memory is full, by maxmemory-policy.

A batch job fills the cache, then the shop reads. Every count is the server's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labs.caching import cache_aside
from labs.catalogue.eviction import checks, full
from labs.events import Value
from labs.lab import Chart, Choice, Node, Number, Strategy, Topology
from labs.sandbox.experiment import require, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import charts, mutants, storefront, trials

POLICIES = ("noeviction", "volatile-lru", "allkeys-lru")


def strategies(read: Any = cache_aside.read) -> dict[str, Strategy]:
    """The lab's one strategy; a mutant hands in another read."""
    return {"cache-aside": Strategy("cache-aside", "Cache-aside", read)}


def cache_options(settings: Mapping[str, Value]) -> Mapping[str, Any]:
    """How Redis is configured with these settings."""
    return {
        "maxmemory_mb": int(float(settings["cache_mb"])),
        "maxmemory_policy": str(settings["policy"]),
    }


shop = storefront.TOPOLOGY
cache = Node(
    "cache", "cache", "redis", exchanged_by=("cache_mb", "policy"), options_of=cache_options
)

lab = storefront.lab(
    "eviction",
    title="Eviction",
    question="What does Redis do when its memory is full?",
    about="A batch job stores more than a small Redis can hold. See which policies delete old keys "
    "and which refuse the write, and why volatile-lru deletes nothing if no key has a TTL.",
    minutes=10,
    topology=Topology((shop.node("app"), cache, shop.node("database")), shop.links),
    controls=(
        Choice(
            "policy",
            "maxmemory-policy",
            tuple((name, name) for name in POLICIES),
            "volatile-lru",
            help="The default of Redis is noeviction, that of ElastiCache volatile-lru. Another "
            "policy starts an empty Redis.",
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
    strategies=strategies(),
    pick_strategy=lambda settings: "cache-aside",
    gears=("load", "step"),
    actions=(storefront.READ,),
    charts=(
        charts.HIT_RATE,
        Chart("Evictions", ("evictions_per_s",)),
        charts.KEYS,
        charts.OPERATIONS,
    ),
    tiles=(
        "hit_rate_percent",
        "evictions_per_s",
        "items",
        "cache_bytes",
        "database_queries_per_s",
    ),
    tables=(full.TABLE,),
    checks=(
        checks.noeviction_refuses_writes,
        checks.allkeys_accepts_writes,
        checks.volatile_needs_a_ttl,
        checks.hit_rate_recovers,
    ),
)


@lab.action(
    "Run the batch job",
    gear="load",
    here="the cache has a few MB, so the batch job fills it within a second.",
    aws="the node type sets maxmemory; reserved-memory-percent of it (25 by default) is kept for "
    "backups and replication.",
)
def batch_job(sandbox: Sandbox) -> str:
    """Store more reports than the cache can hold."""
    require(sandbox)
    return full.batch_job(sandbox).sentence


@lab.action("Compare the policies", gear="view", primary=True, deadline_s=60.0)
def compare(sandbox: Sandbox) -> str:
    """The batch job and the same requests with each policy: one row of the table for each, and one
    for volatile-lru without TTLs.
    """
    require(sandbox)
    with temporarily(sandbox, expires="on"):
        trials.compare(sandbox, full.TABLE.name, "policy", full.CASES, full.trial)
    sandbox.caption("Every policy had the same batch job, then the same requests.")
    rows = sandbox.found[full.TABLE.name]
    return "Hit rate: " + ", ".join(f"{r['policy']} {r['hit_percent']:.1f} %" for r in rows) + "."


@lab.prediction(
    "Redis has 4 MB and the policy noeviction. A batch job writes 6,000 reports of 1,000 bytes. "
    "How many does Redis store?",
    unit="reports",
    slack=400,
    why="Fewer than 4,000: Redis itself uses about half a megabyte, and each report takes about "
    "160 bytes more than its value: the key, its TTL, and what Redis keeps about them.",
)
def reports_stored(sandbox: Sandbox) -> float:
    """How many reports fit into 4 MB."""
    require(sandbox)
    with temporarily(sandbox, policy="noeviction", cache_mb=4):
        return float(full.batch_job(sandbox).stored)


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
    """What a full Redis does under volatile-lru if no key has a TTL."""
    require(sandbox)
    with temporarily(sandbox, policy="volatile-lru", expires="off"):
        done = full.batch_job(sandbox)
    if done.refused:
        return "refuses"
    return "evicts" if done.evicted else "replaces"


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what a lesson quotes."""
    note = sandbox.measurements
    compare(sandbox)
    jobs, rows = sandbox.ledger.seen(full.BatchJob), sandbox.found[full.TABLE.name]
    for done, row in zip(jobs, rows, strict=True):
        name = done.case.lower().replace("-", "_").replace(" ", "_")
        note[f"{name}_stored_reports"], note[f"{name}_evicted_keys"] = done.stored, done.evicted
        note[f"{name}_refused_reports"] = done.refused
        note[f"{name}_hit_percent"] = float(row["hit_percent"])


lab.mutant(
    "evicts-anyway",
    "Redis evicts keys whatever the policy is set to",
    caught_by=checks.noeviction_refuses_writes,
    directives={"maxmemory-policy": "allkeys-random"},
)
lab.mutant(
    "never-evicts",
    "Redis refuses writes whatever the policy is set to",
    caught_by=checks.allkeys_accepts_writes,
    directives={"maxmemory-policy": "noeviction"},
)
lab.mutant(
    "ignores-ttl",
    "Redis evicts keys that have no TTL",
    caught_by=checks.volatile_needs_a_ttl,
    directives={"maxmemory-policy": "allkeys-lru"},
)
lab.mutant(
    "never-full",
    "Redis has more memory than the batch job needs",
    caught_by=checks.allkeys_accepts_writes,
    directives={"maxmemory": "64mb"},
)
lab.mutant(
    "never-stores",
    "The shop asks the cache and never stores what it read",
    caught_by=checks.hit_rate_recovers,
    strategies=strategies(mutants.read_never_stores),
)
