"""What a learner must have seen in the lab invalidation.

Checks judge the rows of the comparison (the clients' clocks, the keys on the server) and single
requests with the servers' counters.
"""

from __future__ import annotations

from labs.caching.local import CHANNEL
from labs.catalogue.invalidation.windows import TABLE
from labs.lab import Evidence, Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.blocks import hint_for
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.checks import STALE_READS, alone, require_bounded_staleness, require_hits
from labs.setups.shop.trials import Row, rows
from labs.shop.popularity import category_of

TIMES_LESS = 2
"""The race that a delete leaves open may hit a popular item now and then: it is then stale until
its time to live ends.
"""


@check("With a TTL alone, the cache serves old prices until the TTL ends")
def ttl_window(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        rows(sandbox, TABLE.name).get("ttl"),
        "The stale reads with a TTL alone have not been measured yet.",
        hint=hint_for(
            sandbox,
            "Set “When a price changes” to “Time to live alone” and “Expire keys” to “after the "
            "TTL”. Then press “Measure the one chosen”.",
            idle=True,
        ),
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
            f"{row['stale']:.0f} reads were stale, by up to {longest:.0f} ms. Without a TTL the "
            "cache would always serve them.",
            evidence,
            hint=hint_for(
                sandbox,
                "Set “Expire keys” to “after the TTL”, then press “Measure the one chosen”.",
                idle=True,
            ),
        )
    require_bounded_staleness(row, evidence, to_see="a window")
    return met(
        f"The cache served {row['stale']:,.0f} stale reads. The oldest answer was {longest:,.0f} "
        f"ms old, with a TTL of {ttl_ms:,.0f} ms.",
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
            f"{len(ways)} of 3 ways have been measured: delete on write, versioned keys, tags.",
            hint=hint_for(
                sandbox,
                "Press “Measure all five”; or choose each of the three under “When a price "
                "changes” and press “Measure the one chosen”.",
                idle=True,
            ),
        )
    evidence = {
        f"{row['name']}_{column}": row[column] for row in ways for column in ("keys", "left_behind")
    }
    delete, versioned, tags = ways
    if delete["left_behind"]:
        raise unmet(
            f"Delete on write left {delete['left_behind']:.0f} keys that no read asks for.",
            evidence,
            hint="Press “Flush the cache” in the tab Load, then “Measure all five”.",
        )
    if versioned["left_behind"] and tags["left_behind"]:
        return met(
            f"Versioned keys left {versioned['left_behind']:,.0f} of {versioned['keys']:,.0f} keys "
            f"that no read asks for, tags {tags['left_behind']:,.0f} of {tags['keys']:,.0f}. "
            "Delete on write left none.",
            evidence,
        )
    raise unmet(
        "Versioned keys or tags left no old key on the server.",
        evidence,
        hint="Raise “Writes” in the tab Load and press “Measure all five” again: each write leaves "
        "an old key behind.",
    )


@check("One price change makes every item of its category a miss, and no other item")
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
                f"The price of item {write.item} changed. The app then asked Postgres for {asked} "
                f"other item{'s' if asked > 1 else ''} of its category, and for none of {kept} of "
                "other categories.",
                evidence,
            )
        raise unmet(
            f"The price of item {write.item} changed. The app asked Postgres for {asked} of "
            f"{len(same)} other items of its category; {kept} of {len(other)} others were hits.",
            evidence,
            hint="Choose “Write” in the tab Step, press “Start a request”, and look at the list of "
            "what was sent: the write must count up the number of the category.",
        )
    raise unmet(
        "No price change with tags has been followed by reads of both categories yet.",
        hint=hint_for(sandbox, _how_to_follow_a_tag(sandbox), idle=True),
    )


def _how_to_follow_a_tag(sandbox: Sandbox) -> str:
    """What to do next to see what a tag does to items of its category and of another one."""
    if sandbox.settings["way"] != "tags":
        return "Set “When a price changes” to “Tags by category”, and “Time to live” to 60 s."
    item = 42
    other = next(n for n in range(1, 100) if category_of(n) != category_of(item))
    return (
        f"In the tab Step press “Read ten of its category” twice for item {item} and “Read it” "
        f"twice for item {other}. Press “Change the price” of item {item}; then read all of them "
        "again, before the TTL has ended."
    )


@check("Processes that receive a message for each write are seldom stale, and ask no server")
def told_window(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        rows(sandbox, TABLE.name).get("notified"),
        "Caches in the processes have not been measured yet.",
        hint=hint_for(
            sandbox,
            "Set “When a price changes” to “Caches in the processes, with messages”, then press "
            "“Measure the one chosen”.",
            idle=True,
        ),
    )
    names = "reads", "hit_percent", "server_hits", "server_misses", "listeners", "clients", "stale"
    evidence = evidence_of(row, *names)
    if row["server_hits"] or row["server_misses"]:
        raise unmet(
            "The cache server counted "
            f"{float(row['server_hits']) + float(row['server_misses']):.0f} lookups. A process "
            "that caches by itself makes none.",
            evidence,
            hint="Press “Start a request” in the tab Step and look at the code: a read must look "
            "into the memory of its own process.",
        )
    if float(row["listeners"]) < float(row["clients"]):
        raise unmet(
            f"Only {row['listeners']:.0f} of {row['clients']:.0f} processes listened for messages.",
            evidence,
            hint="Start the load, choose “cache” under “Console” and type “PUBSUB NUMSUB "
            f"{CHANNEL}”, which counts who listens. Then stop the load and press “Measure the one "
            "chosen” again.",
        )
    return _far_fewer(sandbox, "notified", "A message to each process", evidence)


@check("After a lost message a process serves the old price until the TTL ends")
def message_lost(sandbox: Sandbox) -> Verdict:
    requests = alone(sandbox, "notified")
    writes = [r for r in requests if r.function == "write"]
    waits_for: Request | None = None
    for lost in reversed([w for w in writes if w.cache_down]):
        later = [w for w in writes if w.number > lost.number and w.item != lost.item]
        received = next((w for w in later if not w.cache_down), None)
        if received is None:
            waits_for = waits_for or lost
            continue
        after = [r for r in requests if r.number > received.number and r.item == lost.item]
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
                f"The message about item {lost.item} was lost. The process served the old price "
                f"until {stale[-1].began - lost.ended:.1f} s after the change, when the TTL ended.",
                evidence,
            )
        if stale:
            raise unmet(
                f"The message about item {lost.item} was lost. The process still serves the old "
                "price, although a later message came through.",
                evidence,
                hint=f"Wait until the TTL of {lost.ttl_s:g} s has ended, then press “Read it” for "
                f"item {lost.item} in the tab Step.",
            )
        if reads:
            raise unmet(
                f"No read of item {lost.item} was stale, although its message was lost.",
                evidence,
                hint=f"The process must have item {lost.item} before the write, and the read must "
                "come before the TTL has ended. Set “Time to live” to 30 s and do it again.",
            )
    if waits_for is not None:
        raise unmet(
            f"The message about item {waits_for.item} was lost. No later message has come through.",
            hint=hint_for(
                sandbox,
                "In the tab Step press “Change the price” of another item, then “Read it” for item "
                f"{waits_for.item} before its TTL has ended.",
            ),
        )
    raise unmet(
        "No message about a price change has been lost yet.",
        hint=_how_to_lose_a_message(sandbox),
    )


def _how_to_lose_a_message(sandbox: Sandbox) -> str:
    """What to do next to see what a lost message leaves behind."""
    if sandbox.settings["way"] != "notified":
        return (
            "Set “When a price changes” to “Caches in the processes, with messages”, and “Time to "
            "live” to 30 s."
        )
    if sandbox.servers["cache"].state != "up":
        return "In the tab Step press “Change the price” of item 42 while the cache is down."
    return (
        "In the tab Step press “Read it” for item 42. Then press “Kill” next to cache in the tab "
        "Break, and change the price of item 42 while the cache is down."
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
            f"{words} has not been compared with a TTL alone yet.",
            evidence,
            hint=hint_for(
                sandbox,
                "Press “Measure all five”; or choose both ways under “When a price changes”, one "
                "after the other, and press “Measure the one chosen” for each.",
                idle=True,
            ),
        )
    row, ttl = found[name], found["ttl"]
    evidence |= {
        "stale_reads": row["stale"],
        "stale_reads_ttl_alone": ttl["stale"],
        **evidence_of(row, "hit_percent", "staleness_p99_ms", "staleness_max_ms"),
        "staleness_max_ms_ttl_alone": ttl["staleness_max_ms"],
    }
    require_hits(
        row,
        evidence,
        hint="Set “Time to live” to 2 s and raise “Skew” in the tab Load, then press “Measure all "
        "five”.",
    )
    if float(ttl["stale"]) < STALE_READS:
        raise unmet(
            f"With a TTL alone only {ttl['stale']:.0f} reads were stale: too few to compare.",
            evidence,
            hint="Raise “Writes” or “Skew” in the tab Load, then press “Measure all five” again.",
        )
    said = (
        f"{words} left {row['stale']:,.0f} stale reads; a TTL alone left {ttl['stale']:,.0f} in "
        "the same requests."
    )
    if float(row["stale"]) * TIMES_LESS > float(ttl["stale"]):
        hint = (
            "Choose “Write” in the tab Step, press “Start a request”, and look at the list of what "
            "was sent: the app must delete every copy of the item."
        )
        raise unmet(said, evidence, hint=hint)
    return met(said, evidence)
