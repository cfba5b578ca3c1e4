"""What must be seen in the lab eviction, proven by the counters of Redis."""

from __future__ import annotations

from labs.catalogue.eviction.full import TABLE, BatchJob
from labs.events import Value
from labs.lab import Verdict, check, met, unmet
from labs.sandbox.sandbox import Sandbox

RECOVERED_POINTS = 30.0
"""By how many percentage points allkeys-lru must beat noeviction."""


@check("noeviction refuses writes when the memory is full, and still answers reads")
def noeviction_refuses_writes(sandbox: Sandbox) -> Verdict:
    """noeviction refuses writes with its own error, evicts nothing and answers reads."""
    job, evidence = _newest(sandbox, "noeviction")
    if job.evicted or not job.refused or not job.error.startswith("OOM"):
        raise unmet(
            f"Redis evicted {job.evicted:,} keys and refused {job.refused:,} writes.",
            evidence,
            hint="Look at the configuration that Redis really has.",
        )
    if not job.reads_answered:
        raise unmet("Redis did not answer the read.", evidence, hint="Is Redis up?")
    return met(
        f"Redis refused {job.refused:,} writes, evicted no key, and answered the read.", evidence
    )


@check("allkeys-lru evicts old keys and accepts every write")
def allkeys_accepts_writes(sandbox: Sandbox) -> Verdict:
    """allkeys-lru refuses no write, evicts keys and holds the newest report."""
    job, evidence = _newest(sandbox, "allkeys-lru")
    if job.refused or not job.evicted or not job.reads_answered:
        raise unmet(
            f"Redis evicted {job.evicted:,} keys and refused {job.refused:,} writes.",
            evidence,
            hint="Look at the policy and the memory that Redis really has.",
        )
    return met(
        f"Redis accepted {job.stored:,} writes and evicted {job.evicted:,} keys to make room.",
        evidence,
    )


@check("volatile-lru evicts keys that have a TTL, and refuses writes if no key has one")
def volatile_needs_a_ttl(sandbox: Sandbox) -> Verdict:
    """volatile-lru evicts if the keys have a TTL, and refuses writes if they have none."""
    with_ttl, found = _newest(sandbox, "volatile-lru", with_ttl=True)
    without, more = _newest(sandbox, "volatile-lru", with_ttl=False)
    evidence = {f"{name}_with_ttl": value for name, value in found.items()}
    evidence |= {f"{name}_without_ttl": value for name, value in more.items()}
    if with_ttl.refused or not with_ttl.evicted or without.evicted or not without.refused:
        raise unmet(
            f"With a TTL Redis evicted {with_ttl.evicted:,} keys; without one it evicted "
            f"{without.evicted:,} and refused {without.refused:,} writes.",
            evidence,
            hint="Look at the configuration that Redis really has.",
        )
    return met(
        f"With a TTL Redis evicted {with_ttl.evicted:,} keys. Without one it evicted none and "
        f"refused {without.refused:,} writes.",
        evidence,
    )


@check("After the batch job, the shop’s hit rate recovers with allkeys-lru and not with noeviction")
def hit_rate_recovers(sandbox: Sandbox) -> Verdict:
    """The same requests after the same batch job: allkeys-lru makes room for the shop's items."""
    rows = {row["policy"]: row for row in sandbox.found.get(TABLE.name, [])}
    if "noeviction" not in rows or "allkeys-lru" not in rows:
        raise unmet(
            "The policies have not been compared yet.",
            hint="Let each policy serve the same requests after the batch job.",
        )
    never, lru = (float(rows[name]["hit_percent"]) for name in ("noeviction", "allkeys-lru"))
    evidence: dict[str, Value] = {
        f"{counter}_{name.replace('-', '_')}": rows[name][counter]
        for name in ("noeviction", "allkeys-lru")
        for counter in ("hits", "misses", "evicted", "refused")
    }
    if lru < never + RECOVERED_POINTS:
        raise unmet(
            f"The hit rate is {lru:.1f} % with allkeys-lru and {never:.1f} % with noeviction.",
            evidence,
            hint="Does the shop store what it has read from the database?",
        )
    return met(
        f"The hit rate is {lru:.1f} % with allkeys-lru and {never:.1f} % with noeviction.",
        evidence,
    )


def _newest(
    sandbox: Sandbox, policy: str, *, with_ttl: bool | None = None
) -> tuple[BatchJob, dict[str, Value]]:
    """The newest batch job under a policy, and its counters. Unmet if there is none."""
    for job in reversed(sandbox.ledger.seen(BatchJob)):
        if job.policy == policy and with_ttl in (None, job.with_ttl):
            evidence: dict[str, Value] = {
                "refused_writes": job.refused,
                "evicted_keys": job.evicted,
                "keyspace_hits_of_one_read": job.reads_answered,
            }
            return job, evidence | ({"reply": job.error} if job.error else {})
    keys = {None: "", True: " and keys that have a TTL", False: " and keys that have no TTL"}
    raise unmet(
        f"The batch job has not filled the cache with {policy}{keys[with_ttl]} yet.",
        hint="Choose the policy, then run the batch job.",
    )
