"""What a learner must have seen in the lab write-through.

Checks judge readings of a real load, single requests with the servers' counters, and keys counted
on the server.
"""

from __future__ import annotations

from statistics import median

from labs.catalogue.write_through.experiments import TABLE, counted
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.blocks import hint_for
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.checks import alone
from labs.setups.shop.trials import Row

READS = 10_000
HITS = 1_000
KEYS = 50
WRITES = 5


@check("With one writer, 10,000 reads and none of them stale")
def never_stale(sandbox: Sandbox) -> Verdict:
    found = counted(sandbox)
    evidence = evidence_of(found)
    if found["stale_reads"]:
        raise unmet(
            f"{found['stale_reads']:,.0f} of {found['reads']:,.0f} reads got an older price than "
            "the database had committed before them.",
            evidence,
            hint="Set “Strategy” to “write-through” and “Clients” in the tab Load to 1, press "
            "“Start afresh”, and start the load again.",
        )
    if found["reads"] < READS:
        raise unmet(
            f"The app has compared {found['reads']:,.0f} of {READS:,} reads with the database.",
            evidence if found["reads"] else {},
            hint=hint_for(sandbox, _how_to_compare(sandbox)),
        )
    if found["hits_by_the_server"] < HITS or not found["writes"]:
        raise unmet(
            f"The cache counted only {found['hits_by_the_server']:,.0f} hits. An app that never "
            "reads the cache is never stale.",
            evidence,
            hint="Set “Writes” in the tab Load to 10 % or more: only a write stores an item. Let "
            "the load run on.",
        )
    return met(
        f"None of {found['reads']:,.0f} reads was stale while {found['writes']:,.0f} prices "
        f"changed. The cache counted {found['hits_by_the_server']:,.0f} hits.",
        evidence,
    )


def _how_to_compare(sandbox: Sandbox) -> str:
    """What to do next to have one client read and write for long enough."""
    if sandbox.settings["strategy"] != "write-through":
        return "Set “Strategy” to “write-through”."
    if float(sandbox.settings["clients"]) != 1:
        return "Set “Clients” to 1 in the tab Load: several writers race, which is another lab."
    if not sandbox.load.running:
        return "Press “Start the load” in the tab Load. “Requests wanted” at 2,000/s is faster."
    return "Let the load run on. “Requests wanted” at 2,000/s in the tab Load is faster."


@check("A write costs two trips: the database, then the cache")
def two_trips(sandbox: Sandbox) -> Verdict:
    through = alone(sandbox, "write-through", "write-through-fill")
    writes = [r for r in through if r.function == "write" and r.what == "row" and not r.cache_down]
    if len(writes) < WRITES:
        raise unmet(
            f"The app has made {len(writes)} of {WRITES} single writes through the cache.",
            hint=hint_for(
                sandbox,
                "Set “Strategy” to “write-through” and “What is read” to “one row, by its key”. "
                "Then press “Change ten prices” in the tab Step.",
                idle=True,
            ),
        )
    both = ["database", "cache"]
    odd = next((w for w in writes if [t.server for t in w.trips] != both or w.queries != 1), None)
    if odd is not None:
        went = ", ".join(trip.server for trip in odd.trips)
        raise unmet(
            f"Request {odd.number} went to {went}. Postgres counted {odd.queries} "
            f"quer{'y' if odd.queries == 1 else 'ies'}.",
            {"request": odd.number, "trips": len(odd.trips), "database_queries": odd.queries},
            hint="Choose “Write” in the tab Step, press “Start a request”, and look at the list of "
            "what was sent: a write needs one trip to the database and one to the cache.",
        )
    database_ms = median(w.ms_at("database") for w in writes)
    cache_ms = median(w.ms_at("cache") for w in writes)
    evidence = {
        "writes": len(writes),
        "trips_each": 2,
        "database_queries_each": 1,
        "database_ms": round(database_ms, 3),
        "cache_ms": round(cache_ms, 3),
    }
    return met(
        f"Each of {len(writes)} writes made two trips. At the median the database took "
        f"{database_ms:.2f} ms and the cache {cache_ms:.2f} ms.",
        evidence,
    )


@check("On a new node an item is a miss until the app writes it again")
def new_node_empty(sandbox: Sandbox) -> Verdict:
    requests = [r for r in alone(sandbox, "write-through") if not r.cache_down]
    for emptied in reversed(sandbox.ledger.emptied_at):
        before = [r for r in requests if r.ended < emptied and r.function == "read"]
        held = {r.item for r in before if r.hits and not r.misses}
        for item in sorted(held):
            after = [r for r in requests if r.began > emptied and r.item == item]
            write = next((r for r in after if r.function == "write"), None)
            if write is None:
                continue
            reads = [r for r in after if r.function == "read"]
            unwritten = [r for r in reads if r.number < write.number]
            later = next((r for r in reads if r.number > write.number), None)
            if len(unwritten) < 2 or later is None:
                continue
            evidence: Row = {
                "item": item,
                "misses_before_the_write": sum(r.misses for r in unwritten),
                "hits_before_the_write": sum(r.hits for r in unwritten),
                "hits_after_the_write": later.hits,
                "queries_after_the_write": later.queries,
                "version_written": write.version or 0,
                "version_read": later.version or 0,
            }
            if any(r.hits for r in unwritten):
                raise unmet(
                    f"Item {item} was a hit on the empty node before its price changed.",
                    evidence,
                    hint="A read has stored it. Set “A read that misses” to “asks, stores nothing” "
                    "and do it again.",
                )
            if later.hits != 1 or later.queries or later.version != write.version:
                raise unmet(
                    f"The price of item {item} changed, and the next read did not find it in "
                    "the cache.",
                    evidence,
                    hint="Choose “Write” in the tab Step, press “Start a request”, and look at the "
                    "list of what was sent: the write must store the item.",
                )
            return met(
                f"On the empty node {len(unwritten)} reads of item {item} in a row were misses. "
                "After its next price change it was a hit again.",
                evidence,
            )
    raise unmet(
        "No item has been read before and after its node was replaced yet.",
        hint=hint_for(
            sandbox,
            "Set “A read that misses” to “asks, stores nothing”. In the tab Step press “Change the "
            "price” and “Read it”; in the tab Break “Replace the cache node”; then “Read it” "
            "twice, “Change the price” and “Read it”, all with the same “Item”.",
            idle=True,
        ),
    )


@check("Write-through keeps keys in memory that the app never reads")
def unread_keys(sandbox: Sandbox) -> Verdict:
    rows = sandbox.found.get(TABLE.name, [])
    row = require_seen(
        next((r for r in reversed(rows) if str(r["strategy"]).startswith("Write-through")), None),
        "The keys have not been counted after writes through the cache yet.",
        hint=hint_for(
            sandbox,
            "Set “Strategy” to “write-through”. In the tab Load press “Empty the cache” and “Start "
            "the load”, wait for three seconds, then press “Count the keys”.",
        ),
    )
    evidence = evidence_of(row, "keys", "unread", "unread_percent", "held_kb")
    if float(row["keys"]) < KEYS:
        raise unmet(
            f"The cache had only {row['keys']:.0f} keys. The check asks for {KEYS}.",
            evidence,
            hint="Raise “Writes” in the tab Load and let the load run for some seconds more; then "
            "press “Count the keys”.",
        )
    if not row["unread"]:
        raise unmet(
            f"The app has read every one of {row['keys']:,.0f} keys.",
            evidence,
            hint="In the tab Load set “Writes” to 50 %, press “Empty the cache” and “Start the "
            "load”, wait for three seconds, then press “Count the keys”.",
        )
    return met(
        f"The app has never read {row['unread']:,.0f} of {row['keys']:,.0f} keys on the server: "
        f"{row['unread_percent']:.0f} %.",
        evidence,
    )
