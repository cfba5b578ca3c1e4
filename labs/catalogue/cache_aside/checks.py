"""What must be seen in the lab cache-aside.

Each check judges the ledger: single requests with the servers' own counters before and after.
"""

from __future__ import annotations

from labs.lab import Verdict, check, met, require_seen, unmet
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.strategies import DELETE_ON_WRITE, NOT_INVALIDATED

MEMCACHED_GRAIN_S = 1.1
"""Memcached counts time to live in whole seconds, and may be one off."""


def _pair(sandbox: Sandbox) -> tuple[Request | None, Request | None]:
    """The first read that the cache server counted as a miss, and the next read of the same item
    by the same engine.
    """
    reads = [r for r in sandbox.ledger.reads() if r.alone and not r.cache_down]
    first = next((r for r in reads if r.misses and not r.hits), None)
    if first is None:
        return None, None
    again = [
        r
        for r in reads
        if r.number > first.number
        and (r.item, r.what, r.engine) == (first.item, first.what, first.engine)
        and r.began - first.ended < r.ttl_s
    ]
    return first, again[0] if again else None


def _around(sandbox: Sandbox, write: Request) -> tuple[list[Request], list[Request]]:
    """The reads of what was written, before and after it, with the cache up."""
    reads = sandbox.ledger.reads(item=write.item)
    reads = [r for r in reads if r.what == write.what and not r.cache_down]
    before = [r for r in reads if r.number < write.number]
    return before, [r for r in reads if r.number > write.number]


@check("The first read is a miss, with exactly one database query")
def first_read_misses(sandbox: Sandbox) -> Verdict:
    first = require_seen(
        _pair(sandbox)[0],
        "No read has missed yet.",
        hint="Read something that the cache can't have: it starts empty.",
    )
    evidence = {
        "cache_misses": first.misses,
        "cache_hits": first.hits,
        "database_queries": first.queries,
        "request": first.number,
    }
    if first.queries == 1:
        return met(
            f"Request {first.number}: the cache counted a miss, Postgres counted 1 query.",
            evidence,
        )
    raise unmet(
        f"Request {first.number} missed, and Postgres counted {first.queries} queries instead "
        "of 1.",
        evidence,
        hint="A miss should cost the database one question.",
    )


@check("The second read is a hit, with none")
def second_read_hits(sandbox: Sandbox) -> Verdict:
    second = require_seen(
        _pair(sandbox)[1],
        "Nothing was read twice yet.",
        hint="Read the same item again before its time to live ends.",
    )
    evidence = {
        "cache_hits": second.hits,
        "cache_misses": second.misses,
        "database_queries": second.queries,
        "request": second.number,
    }
    if second.hits == 1 and second.queries == 0:
        return met(
            f"Request {second.number}: the cache counted a hit, Postgres counted no query.",
            evidence,
        )
    if second.queries:
        raise unmet(
            f"Request {second.number} read the same item again, and Postgres still counted "
            f"{second.queries} quer{'y' if second.queries == 1 else 'ies'}.",
            evidence,
            hint="Look at what was sent: was it stored the first time? Was it used the second "
            "time?",
        )
    raise unmet(
        f"Request {second.number} was answered, but the cache server counted no hit.",
        evidence,
        hint="Something else answered than the cache.",
    )


@check(
    "A price changed behind the cache’s back is served until its time to live ends, and not after"
)
def stale_until_ttl(sandbox: Sandbox) -> Verdict:
    behind = [w for w in sandbox.ledger.writes() if w.strategy == NOT_INVALIDATED.name]
    for write in reversed([w for w in behind if w.answered]):
        before, later = _around(sandbox, write)
        misses = [r for r in before if r.meaning == "miss" and r.engine == write.engine]
        if not misses or not later:
            continue
        stored = misses[-1]
        grain_s = MEMCACHED_GRAIN_S if write.engine == "memcached" else 0.1
        stale, fresh = [r for r in later if r.stale], [r for r in later if not r.stale]
        late = [r for r in stale if r.began > stored.ended + stored.ttl_s + grain_s]
        last_stale_s = max((r.ended - write.ended for r in stale), default=0.0)
        first_fresh_s = min((r.ended - write.ended for r in fresh), default=0.0)
        evidence = {
            "ttl_s": stored.ttl_s,
            "stale_reads": len(stale),
            "stale_after_ttl": len(late),
            "last_stale_s_after_write": round(last_stale_s, 3),
            "first_fresh_s_after_write": round(first_fresh_s, 3),
            "old_version": min((r.version or 0 for r in stale), default=0),
            "committed_version": write.version or 0,
        }
        if late:
            raise unmet(
                f"The old price was served {late[-1].began - stored.ended:.1f} s after it "
                f"was stored, though its time to live is {stored.ttl_s:g} s.",
                evidence,
                hint="With what time to live was it really stored? Ask the cache.",
            )
        if stale and fresh and first_fresh_s > last_stale_s:
            return met(
                f"The old price was served {len(stale)} times, for {last_stale_s:.1f} s after the "
                f"change, and not after its {stored.ttl_s:g} s were over.",
                evidence,
            )
        if stale:
            raise unmet(
                "The old price is being served. Its time to live is not over yet.",
                evidence,
                hint="Read it again when the time to live is over.",
            )
    raise unmet(
        "No cached price was changed behind the cache’s back yet.",
        hint="Have an item stored, change its price with invalidation off, and read it again.",
    )


@check("With delete-on-write no read is stale")
def delete_on_write(sandbox: Sandbox) -> Verdict:
    proven = stale = 0
    for write in sandbox.ledger.writes():
        if write.strategy != DELETE_ON_WRITE.name or not write.answered or write.cache_down:
            continue
        before, after = _around(sandbox, write)
        behind = [
            w.number
            for w in sandbox.ledger.writes()
            if w.item == write.item
            and w.number > write.number
            and w.strategy == NOT_INVALIDATED.name
        ]
        after = [r for r in after if not behind or r.number < behind[0]]
        if before and after:
            proven += 1
            stale += sum(r.stale for r in after)
    evidence = {"writes_followed_by_a_read": proven, "stale_reads_after_them": stale}
    require_seen(
        proven,
        "No cached price was changed with invalidation on yet.",
        hint="Have an item stored, change its price with invalidation on, and read it again.",
    )
    if stale:
        raise unmet(
            f"{stale} of the reads after such a write were still stale.",
            evidence,
            hint="Was the cache told? Look at what was sent for the write.",
        )
    return met(
        f"After {proven} price change{'s' if proven > 1 else ''} that told the cache, no read "
        "was stale.",
        evidence,
    )


@check("With the cache killed, every read is still answered")
def dead_cache_answers(sandbox: Sandbox) -> Verdict:
    reads = [r for r in sandbox.ledger.reads() if r.cache_down]
    if len(reads) < 5:
        raise unmet(
            f"{len(reads)} of 5 reads were tried while the cache was down.",
            {"reads": len(reads)},
            hint="Break the cache, then read.",
        )
    answered = sum(r.answered for r in reads)
    evidence = {
        "reads": len(reads),
        "answered": answered,
        "median_ms": round(sorted(r.took_ms for r in reads)[len(reads) // 2], 2),
    }
    if answered == len(reads):
        return met(f"All {answered} reads were answered while the cache was down.", evidence)
    raise unmet(
        f"{len(reads) - answered} of {len(reads)} reads were not answered while the cache was "
        "down.",
        evidence,
        hint="What does the code do when the cache raises an error?",
    )
