"""What must be seen in the lab strategies.

Checks judge the rows of the comparison: what the clients timed and what the servers counted.
"""

from __future__ import annotations

from labs.catalogue.strategies.comparison import FIVE, TABLE
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.checks import (
    longest_staleness_ms,
    require_bounded_staleness,
    require_hits,
)
from labs.setups.shop.trials import Row


def _rows(sandbox: Sandbox, *, behind: bool = False) -> dict[str, Row]:
    """The newest row of each strategy, by its name: those whose writes all went through it, or
    those where some went behind its back.
    """
    found = sandbox.found.get(TABLE.name, [])
    return {str(row["name"]): row for row in found if bool(row["behind_percent"]) == behind}


@check("All five did the same work")
def same_trace(sandbox: Sandbox) -> Verdict:
    found = _rows(sandbox)
    five = [found[name] for name in FIVE if name in found]
    if len(five) < len(FIVE):
        raise unmet(
            f"{len(five)} of 5 strategies have been run.",
            hint="Have all five do the same work, one after the other.",
        )
    requests, writes = ([float(row[name]) for row in five] for name in ("requests", "writes"))
    evidence = {
        "fewest_requests": min(requests),
        "most_requests": max(requests),
        "fewest_writes": min(writes),
        "most_writes": max(writes),
    }
    alike = ("engine", "ttl_s", "clients", "read", "requests", "writes")
    if all(row[name] == five[0][name] for row in five for name in alike):
        return met(
            f"Each had the same {requests[0]:,.0f} requests, {writes[0]:,.0f} of them writes.",
            evidence,
        )
    raise unmet(
        f"They did {min(requests):,.0f} to {max(requests):,.0f} requests, {min(writes):,.0f} to "
        f"{max(writes):,.0f} of them writes: that is not the same work.",
        evidence,
        hint="Change nothing between the runs, and ask for no more than this machine can do.",
    )


@check("Without a cache the database is asked most, and nothing is stale")
def no_cache_asks_most(sandbox: Sandbox) -> Verdict:
    others = _rows(sandbox)
    bare = others.pop("no-cache", None)
    if bare is None or not others:
        raise unmet(
            "Nothing has been compared with no cache yet.",
            hint="Run it without a cache, and with one.",
        )
    least = float(bare["queries_per_request"])
    most = max(float(row["queries_per_request"]) for row in others.values())
    evidence: Row = {
        "queries_per_request_without": least,
        "most_of_the_others": most,
        "stale_without": bare["stale"],
    }
    if least >= 0.95 and least > 1.05 * most and not bare["stale"]:
        return met(
            f"Postgres counted {least:.2f} queries for each request without a cache, and at "
            f"most {most:.2f} with one. Without one nothing was stale.",
            evidence,
        )
    raise unmet(
        f"Postgres counted {least:.2f} queries for each request without a cache, {most:.2f} for "
        f"the worst of the others; {bare['stale']} reads were stale without a cache.",
        evidence,
        hint="Who answered, if the database was not asked? No other server is meant to be asked.",
    )


@check("A time to live bounds how stale a read can be")
def ttl_bounds(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        _rows(sandbox).get("lazy-ttl"),
        "Lazy loading with a time to live has not been run yet.",
        hint="Run it, while prices change that the cache is not told of.",
    )
    bound, longest = longest_staleness_ms(row), float(row["staleness_max_ms"])
    evidence: Row = {
        "stale_reads": row["stale"],
        "staleness_max_ms": round(longest, 1),
        "ttl_ms": float(row["ttl_s"]) * 1_000,
        "slowest_miss_ms": row["slowest_miss_ms"],
        "bound_ms": round(bound, 1),
    }
    require_bounded_staleness(row, evidence, to_see="a bound")
    return met(
        f"{row['stale']:.0f} reads were stale, the stalest by {longest:.0f} ms: within the time "
        f"to live of {float(row['ttl_s']) * 1_000:.0f} ms and the {row['slowest_miss_ms']:.0f} "
        "ms of the slowest miss.",
        evidence,
    )


@check("Lazy loading without one is stale for longer")
def lazy_is_staler(sandbox: Sandbox) -> Verdict:
    found = _rows(sandbox)
    lazy, bounded = found.get("lazy"), found.get("lazy-ttl")
    if lazy is None or bounded is None:
        raise unmet(
            "Lazy loading has not been run both with and without a time to live.",
            hint="Run both on the same trace.",
        )
    bound, longest = longest_staleness_ms(bounded), float(lazy["staleness_max_ms"])
    evidence: Row = {
        "stale_without_ttl": lazy["stale"],
        "stale_with_ttl": bounded["stale"],
        "staleness_max_ms_without_ttl": round(longest, 1),
        "bound_ms_with_ttl": round(bound, 1),
    }
    if longest > bound and float(lazy["stale"]) > float(bounded["stale"]):
        return met(
            f"Without a time to live {lazy['stale']:.0f} reads were stale, by up to "
            f"{longest:.0f} ms and growing; with one {bounded['stale']:.0f}, by "
            f"{bounded['staleness_max_ms']:.0f} ms at most.",
            evidence,
        )
    raise unmet(
        f"Without a time to live {lazy['stale']:.0f} reads were stale, by up to {longest:.0f} "
        "ms: no worse than with one.",
        evidence,
        hint="Did it run for longer than the time to live? Was the cache told of the writes?",
    )


@check("Write-through has no stale read while every write goes through it")
def write_through_fresh(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        _rows(sandbox).get("write-through"),
        "Write-through has not been run with every write through it.",
        hint="Let no write go behind its back.",
    )
    evidence = evidence_of(row, "reads", "hit_percent", "writes", "clients")
    evidence["stale_reads"] = row["stale"]
    if row["clients"] != 1:
        raise unmet(
            f"{row['clients']:.0f} clients wrote at once; {row['stale']:.0f} reads were stale.",
            evidence,
            hint="With one client first. What several can do to each other is another lab.",
        )
    if row["stale"]:
        raise unmet(
            f"{row['stale']:.0f} of {row['reads']:.0f} reads were stale.",
            evidence,
            hint="Follow one write to its end: what does the cache hold for that item afterwards?",
        )
    require_hits(row, evidence, hint="What do the writes store?")
    return met(
        f"None of {row['reads']:,.0f} reads was stale, {row['hit_percent']:.0f} % of them hits, "
        f"while {row['writes']:,.0f} prices changed.",
        evidence,
    )


@check("Writes behind its back make write-through stale as well")
def behind_its_back(sandbox: Sandbox) -> Verdict:
    behind = _rows(sandbox, behind=True).values()
    found = require_seen(
        [row for row in behind if str(row["name"]).startswith("write-through")],
        "Every write has gone through the cache so far.",
        hint="What if another application writes the same database?",
    )
    row = max(found, key=lambda row: float(row["stale"]))
    evidence: Row = {
        "behind_percent": row["behind_percent"],
        "writes_behind": row["behind"],
        "stale_reads": row["stale"],
        "staleness_max_ms": row["staleness_max_ms"],
    }
    if row["stale"]:
        return met(
            f"{row['behind']:.0f} writes went to the database alone: {row['stale']:.0f} reads "
            f"of write-through were stale, by up to {row['staleness_max_ms']:.0f} ms.",
            evidence,
        )
    raise unmet(
        f"{row['behind']:.0f} writes went to the database alone, and no read was stale.",
        evidence,
        hint="Let it run for longer, or let more of the writes go there.",
    )
