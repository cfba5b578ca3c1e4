"""What must be seen in the lab write-through.

Checks judge readings of a real load, single requests with the servers' counters, and keys counted
on the server.
"""

from __future__ import annotations

from statistics import median

from labs.catalogue.write_through.experiments import TABLE, counted
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
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
            f"{found['stale_reads']:.0f} of {found['reads']:.0f} reads got less than the "
            "database had committed before they began.",
            evidence,
            hint="Follow one write to its end: what does the cache hold for that item afterwards?",
        )
    if found["reads"] < READS:
        raise unmet(
            f"{found['reads']:.0f} of {READS:,} reads were compared with what was committed.",
            evidence if found["reads"] else {},
            hint="Let one client read and write under load, long enough.",
        )
    if found["hits_by_the_server"] < HITS or not found["writes"]:
        raise unmet(
            f"The cache server counted {found['hits_by_the_server']:.0f} hits: who never reads "
            "from the cache is never stale.",
            evidence,
            hint="Was anything in the cache to be read? It has to be written first.",
        )
    return met(
        f"Of {found['reads']:,.0f} reads, {found['hits_by_the_server']:,.0f} of them hits, none "
        f"was stale, though {found['writes']:,.0f} prices changed meanwhile.",
        evidence,
    )


@check("A write costs two trips: the database, then the cache")
def two_trips(sandbox: Sandbox) -> Verdict:
    through = alone(sandbox, "write-through", "write-through-fill")
    writes = [r for r in through if r.function == "write" and r.what == "row" and not r.cache_down]
    if len(writes) < WRITES:
        raise unmet(
            f"{len(writes)} of {WRITES} single writes of a row were made through the cache.",
            hint="Change some prices one at a time, without a load.",
        )
    both = ["database", "cache"]
    odd = next((w for w in writes if [t.server for t in w.trips] != both or w.queries != 1), None)
    if odd is not None:
        went = ", ".join(trip.server for trip in odd.trips)
        raise unmet(
            f"Request {odd.number} went to {went}; Postgres counted {odd.queries} "
            f"quer{'y' if odd.queries == 1 else 'ies'}.",
            {"request": odd.number, "trips": len(odd.trips), "database_queries": odd.queries},
            hint="What does a write have to say, and to whom? What did this one ask that it "
            "could have known?",
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
        f"Each of {len(writes)} writes made two trips: {database_ms:.2f} ms to the database and "
        f"{cache_ms:.2f} ms to the cache, at the median.",
        evidence,
    )


@check("A new node is empty until it is written")
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
                    f"Item {item} was a hit again before it was written.",
                    evidence,
                    hint="Who stored it? Look at what a read sends after a miss.",
                )
            if later.hits != 1 or later.queries or later.version != write.version:
                raise unmet(
                    f"Item {item} was written, and the next read did not find it in the cache.",
                    evidence,
                    hint="What did the write send to the cache, and under which key?",
                )
            return met(
                f"Item {item} was a hit; on the empty node {len(unwritten)} reads in a row "
                "missed; after its next write it was a hit again.",
                evidence,
            )
    raise unmet(
        "No item was followed over the loss of its node yet.",
        hint="Take an item that was a hit. Lose the node, get it back, read the item twice, "
        "write it, read it once more; reads that don’t fill.",
    )


@check("Keys that were never read lie in memory")
def unread_keys(sandbox: Sandbox) -> Verdict:
    rows = sandbox.found.get(TABLE.name, [])
    row = require_seen(
        next((r for r in reversed(rows) if str(r["strategy"]).startswith("Write-through")), None),
        "The keys in memory have not been counted after writes went through the cache.",
        hint="Let a load write for a while, then count the keys.",
    )
    evidence = evidence_of(row, "keys", "unread", "unread_percent", "held_kb")
    if float(row["keys"]) < KEYS:
        raise unmet(
            f"The server held {row['keys']:.0f} keys: too few to say much.",
            evidence,
            hint="Who puts keys there? Let more be written before you count.",
        )
    if not row["unread"]:
        raise unmet(
            f"Of {row['keys']:.0f} keys in memory, every one has been read.",
            evidence,
            hint="Count sooner, or let writes be more of the load.",
        )
    return met(
        f"Of {row['keys']:.0f} keys on the server {row['unread']:.0f} have never been read: "
        f"{row['unread_percent']:.0f} %.",
        evidence,
    )
