"""What must be seen in the lab invalidation.

Checks judge the rows of the comparison (the clients' clocks, the keys on the server) and single
requests with the servers' counters.
"""

from __future__ import annotations

from labs.catalogue.invalidation.windows import TABLE
from labs.lab import Evidence, Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.checks import STALE_READS, alone, require_bounded_staleness, require_hits
from labs.setups.shop.trials import Row, rows
from labs.shop.popularity import category_of

TIMES_LESS = 2
"""The race that a delete leaves open may hit a popular item now and then: it is then stale until
its time to live ends.
"""


@check("With a time to live alone, what is old stands until that is over")
def ttl_window(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        rows(sandbox, TABLE.name).get("ttl"),
        "A time to live alone has not been measured yet.",
        hint="Let prices change without telling the cache.",
    )
    ttl_ms, longest = float(row["ttl_s"]) * 1_000, float(row["staleness_max_ms"])
    evidence: Row = {
        "stale_reads": row["stale"],
        "staleness_max_ms": longest,
        "ttl_ms": ttl_ms,
        "slowest_miss_ms": row["slowest_miss_ms"],
    }
    if not ttl_ms:
        raise unmet(
            f"{row['stale']:.0f} reads were stale, by up to {longest:.0f} ms: without a time to "
            "live nothing ends that.",
            evidence,
            hint="What would bound it?",
        )
    require_bounded_staleness(row, evidence, to_see="a window")
    return met(
        f"{row['stale']:.0f} reads were stale, half of them by more than "
        f"{row['staleness_p50_ms']:.0f} ms, the stalest by {longest:.0f} ms, with a time to "
        f"live of {ttl_ms:.0f} ms.",
        evidence,
    )


@check("Deleting on write leaves less than half of the stale reads, mostly none")
def delete_window(sandbox: Sandbox) -> Verdict:
    return _far_fewer(sandbox, "delete", "Delete on write")


@check("Versions and tags leave keys behind; deleting leaves none")
def left_behind(sandbox: Sandbox) -> Verdict:
    found = rows(sandbox, TABLE.name)
    ways = [found[name] for name in ("delete", "versioned", "tags") if name in found]
    if len(ways) < 3:
        raise unmet(
            f"{len(ways)} of 3 ways were measured.",
            hint="Measure deleting, versions and tags, then compare the keys.",
        )
    evidence = {
        f"{row['name']}_{column}": row[column] for row in ways for column in ("keys", "left_behind")
    }
    delete, versioned, tags = ways
    if delete["left_behind"]:
        raise unmet(
            f"Deleting left {delete['left_behind']:.0f} keys behind.",
            evidence,
            hint="Which keys are those?",
        )
    if versioned["left_behind"] and tags["left_behind"]:
        return met(
            f"Of {versioned['keys']:.0f} keys on the server versions left "
            f"{versioned['left_behind']:.0f} that no read will ask for, of {tags['keys']:.0f} "
            f"tags left {tags['left_behind']:.0f}; deleting left none.",
            evidence,
        )
    raise unmet(
        "A way that never deletes left no old key behind.",
        evidence,
        hint="Look at the keys on the server after a write: under which name is the answer "
        "stored now?",
    )


@check("A tag makes its whole category new with one write, and no other")
def tag_takes_all(sandbox: Sandbox) -> Verdict:
    requests = [r for r in alone(sandbox, "tags") if not r.cache_down]
    reads = [r for r in requests if r.function == "read"]
    for write in reversed([r for r in requests if r.function == "write"]):
        last = {r.item: r for r in reads if r.number < write.number}
        after = {r.item: r for r in reversed(reads) if r.number > write.number}
        cached = [
            item for item in last if not last[item].queries and item in after and item != write.item
        ]
        same = [item for item in cached if category_of(item) == category_of(write.item)]
        other = [item for item in cached if category_of(item) != category_of(write.item)]
        if not same or not other:
            continue
        asked = sum(after[item].queries for item in same)
        kept = sum(not after[item].queries for item in other)
        evidence: Row = {
            "written": write.item,
            "same_category": len(same),
            "queries_for_them": asked,
            "other_categories": len(other),
            "still_hits": kept,
        }
        if asked == len(same) and kept == len(other):
            return met(
                f"Item {write.item} was written: {asked} other item{'s' if asked > 1 else ''} "
                f"of its category had to be asked for again, {kept} of other categories did not.",
                evidence,
            )
        raise unmet(
            f"Item {write.item} was written: Postgres was asked for {asked} of {len(same)} "
            f"other items of its category, and {kept} of {len(other)} of other categories were "
            "still hits.",
            evidence,
            hint="What is in the key, and what did the write count up?",
        )
    raise unmet(
        "No write was followed through its category yet.",
        hint="With tags: have two items of one category and one of another cached, write the "
        "first, read the others.",
    )


@check("Processes that get a message for each write are seldom stale, and ask no server")
def told_window(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        rows(sandbox, TABLE.name).get("notified"),
        "Caches in the processes have not been measured yet.",
        hint="Give each process a cache of its own, and have writers tell them.",
    )
    names = "reads", "hit_percent", "server_hits", "server_misses", "listeners", "clients", "stale"
    evidence = evidence_of(row, *names)
    if row["server_hits"] or row["server_misses"]:
        raise unmet(
            "The cache server counted "
            f"{float(row['server_hits']) + float(row['server_misses']):.0f} reads: that is no "
            "cache in the process.",
            evidence,
            hint="Where does a read look first?",
        )
    if float(row["listeners"]) < float(row["clients"]):
        raise unmet(
            f"{row['listeners']:.0f} listened on the channel, of {row['clients']:.0f} processes.",
            evidence,
            hint="How does a process hear of a write by another?",
        )
    return _far_fewer(sandbox, "notified", "Telling the processes", evidence)


@check("A lost message is not said again: stale until the time to live ends")
def message_lost(sandbox: Sandbox) -> Verdict:
    requests = alone(sandbox, "notified")
    writes = [r for r in requests if r.function == "write"]
    for lost in reversed([w for w in writes if w.cache_down]):
        later = [w for w in writes if w.number > lost.number and w.item != lost.item]
        heard = next((w for w in later if not w.cache_down), None)
        if heard is None:
            continue
        after = [r for r in requests if r.number > heard.number and r.item == lost.item]
        reads = [r for r in after if r.function == "read"]
        stale, fresh = [r for r in reads if r.stale], [r for r in reads if not r.stale]
        evidence: Row = {
            "item": lost.item,
            "messages_heard_since": 1,
            "stale_reads": len(stale),
            "version_read": min((r.version or 0 for r in stale), default=0),
            "committed_version": lost.version or 0,
            "stale_s_after_the_write": round(
                max((r.began - lost.ended for r in stale), default=0.0), 3
            ),
            "ttl_s": lost.ttl_s,
            "fresh_reads": len(fresh),
        }
        if stale and fresh and fresh[-1].number > stale[-1].number:
            return met(
                f"The message about item {lost.item} was lost. Another came through afterwards, "
                f"and item {lost.item} was still served stale, {stale[-1].began - lost.ended:.1f} "
                "s after its write, until its time to live ended.",
                evidence,
            )
        if stale:
            raise unmet(
                f"The message about item {lost.item} was lost: its old price is being served "
                "though later messages come through.",
                evidence,
                hint="What ends that, if no message does?",
            )
        if reads:
            raise unmet(
                f"Nothing was stale after the write of item {lost.item}, though its message was "
                "not delivered.",
                evidence,
                hint="Was the item in the process’s own memory before the write? Was it read "
                "before its time to live ended?",
            )
    raise unmet(
        "No message has been lost yet.",
        hint="What if the server is away at the very moment of a write? Have the item in memory "
        "before; afterwards write another, then read the first.",
    )


def _far_fewer(
    sandbox: Sandbox, name: str, words: str, also_seen: Evidence | None = None
) -> Verdict:
    """Met if this way left less than half of the stale reads that a time to live alone left;
    `also_seen` goes into the evidence.
    """
    evidence = dict(also_seen or {})
    found = rows(sandbox, TABLE.name)
    if name not in found or "ttl" not in found:
        raise unmet(
            f"{words} has not been compared with a time to live alone.",
            evidence,
            hint="Measure both on the same requests.",
        )
    row, ttl = found[name], found["ttl"]
    evidence |= {
        "stale_reads": row["stale"],
        "stale_reads_ttl_alone": ttl["stale"],
        **evidence_of(row, "hit_percent", "staleness_p99_ms", "staleness_max_ms"),
        "staleness_max_ms_ttl_alone": ttl["staleness_max_ms"],
    }
    require_hits(row, evidence, hint="What is stored, and where is it looked for?")
    if float(ttl["stale"]) < STALE_READS:
        raise unmet(
            f"With a time to live alone only {ttl['stale']:.0f} reads were stale: too few to "
            "compare.",
            evidence,
            hint="More writes, or more requests for the same items.",
        )
    said = (
        f"{words}: {row['stale']:.0f} stale reads, where a time to live alone had "
        f"{ttl['stale']:.0f}."
    )
    if float(row["stale"]) * TIMES_LESS > float(ttl["stale"]):
        hint = "Follow one write: which caches hear of it, and what do they forget?"
        raise unmet(said, evidence, hint=hint)
    return met(said, evidence)
