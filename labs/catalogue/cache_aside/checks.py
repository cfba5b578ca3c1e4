"""What must be seen in the lab cache-aside.

Each check judges the ledger: single requests with the servers' own counters before and after.
"""

from __future__ import annotations

from labs.lab import Verdict, check, met, require_seen, unmet
from labs.sandbox.blocks import hint_for, ttl_command
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
        "The cache has not counted a miss yet.",
        hint=hint_for(
            sandbox,
            "In the tab Step, press “Flush the cache”, choose “Read” and press “Start a request”; "
            "then press “Run to the end”.",
        ),
    )
    evidence = {
        "cache_misses": first.misses,
        "cache_hits": first.hits,
        "database_queries": first.queries,
        "request": first.number,
    }
    if first.queries == 1:
        return met(
            f"Request {first.number} asked the cache and got nothing. Postgres then counted one "
            "query.",
            evidence,
        )
    raise unmet(
        f"Request {first.number} was a miss, but Postgres counted {first.queries} queries instead "
        "of one.",
        evidence,
        hint="The app must ask the database once after a miss. Press “Start a request” in the tab "
        "Step and look at the list of what was sent.",
    )


@check("The second read is a hit, with no database query")
def second_read_hits(sandbox: Sandbox) -> Verdict:
    second = require_seen(
        _pair(sandbox)[1],
        "No item has been read twice yet.",
        hint=hint_for(
            sandbox,
            "In the tab Step, press “Read it” twice with the same “Item”. The second read must "
            "come before the “Time to live” has ended.",
        ),
    )
    evidence = {
        "cache_hits": second.hits,
        "cache_misses": second.misses,
        "database_queries": second.queries,
        "request": second.number,
    }
    if second.hits == 1 and second.queries == 0:
        return met(
            f"Request {second.number} got its answer from the cache. Postgres counted no query.",
            evidence,
        )
    if second.queries:
        raise unmet(
            f"Request {second.number} read the same item again, but Postgres still counted "
            f"{second.queries} quer{'y' if second.queries == 1 else 'ies'}.",
            evidence,
            hint="Press “Start a request” in the tab Step and look at the list of what was sent: "
            "the app must store the answer after a miss.",
        )
    raise unmet(
        f"The app answered request {second.number}, but the cache counted no hit.",
        evidence,
        hint="The answer did not come from the cache. Press “Start a request” in the tab Step and "
        "look at the list of what was sent.",
    )


@check("After a price change, the old price is served until the TTL ends, and not after")
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
        ask = ttl_command(write.engine, f"{write.what}:{write.item}")
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
                f"The cache served the old price {late[-1].began - stored.ended:.1f} s after the "
                f"app had stored it, although its TTL is {stored.ttl_s:g} s.",
                evidence,
                hint=f"Choose “cache” under “Console” and type “{ask}”: the cache answers the "
                "seconds that are left.",
            )
        if stale and fresh and first_fresh_s > last_stale_s:
            return met(
                f"The cache served the old price {len(stale)} times, for {last_stale_s:.1f} s "
                f"after the change. It stopped when the TTL of {stored.ttl_s:g} s had ended.",
                evidence,
            )
        if stale:
            raise unmet(
                f"The cache has served the old price {len(stale)} times. Its TTL of "
                f"{stored.ttl_s:g} s has not ended yet.",
                evidence,
                hint=f"Wait until {stored.ttl_s:g} s have passed since the item was stored; then "
                "press “Read it” in the tab Step once more.",
            )
    raise unmet(
        "No price of a cached item has been changed without deleting the cached copy yet.",
        hint=hint_for(sandbox, _how_to_see_it_stale(sandbox)),
    )


def _how_to_see_it_stale(sandbox: Sandbox) -> str:
    chosen = sandbox.lab.find_control("invalidate").show("none")
    return (
        f"Set “When a price changes” to “{chosen}” and “Time to live” to a few seconds. In the tab "
        "Step press “Read it”, “Change the price”, then “Read it” until the price is new."
    )


@check("When the app deletes the cached copy on each price change, no read is stale")
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
        "No price of a cached item has been changed while the app deletes the cached copy.",
        hint=hint_for(
            sandbox,
            "Set “When a price changes” to “delete the cached page”. In the tab Step press “Read "
            "it”, “Change the price”, then “Read it”.",
        ),
    )
    if stale:
        raise unmet(
            f"{stale} reads after such a price change still got the old price.",
            evidence,
            hint="Choose “Write” in the tab Step, press “Start a request”, and look at the list of "
            "what was sent: the app must delete the key.",
        )
    return met(
        f"The app deleted the cached copy at {proven} price change{'s' if proven > 1 else ''}. No "
        "read after that was stale.",
        evidence,
    )


@check("With the cache killed, every read is still answered")
def dead_cache_answers(sandbox: Sandbox) -> Verdict:
    reads = [r for r in sandbox.ledger.reads() if r.cache_down]
    if len(reads) < 5:
        raise unmet(
            f"The app has made {len(reads)} of 5 reads while the cache was down.",
            {"reads": len(reads)} if reads else {},
            hint="In the tab Break, press “Kill” next to cache. Then press “Read it” five times in "
            "the tab Step; “Read it ten times” does it at once.",
        )
    answered = sum(r.answered for r in reads)
    evidence = {
        "reads": len(reads),
        "answered": answered,
        "median_ms": round(sorted(r.took_ms for r in reads)[len(reads) // 2], 2),
    }
    if answered == len(reads):
        return met(f"The app answered all {answered} reads while the cache was down.", evidence)
    raise unmet(
        f"The app did not answer {len(reads) - answered} of {len(reads)} reads while the cache was "
        "down.",
        evidence,
        hint="Press “Start a request” in the tab Step and look at the code: it must "
        "ask the database when the cache raises an error.",
    )
